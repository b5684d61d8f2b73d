package engine

import (
	"hash"
	"io"
	"os"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

const (
	// sentByRing is the least body that is worth a lane.
	sentByRing = 1 << 20
	// directFrom is the size from which a cold body is read past the page cache: it
	// would push out what clients read.
	directFrom = 4 << 20
	// readAhead blocks of 1 MiB; more brings nothing.
	readAhead  = 4
	blockBytes = 1 << 20
	blockAlign = 4096
)

// ringSending is a body that is sent by a ring: read ahead into registered buffers
// and sent from there, all on the lane's thread:
//
//	file ══ READ ══▶ block ══ SENDMSG, its chunk's head before it ══▶ socket
//	                   └────▶ digest, a goroutine
type ringSending struct {
	ringSocket
	o      *Outbound
	src    FileSource
	off, n int64 // of the body, in the file
	direct bool

	blocks []*block // read or being read, in order; the first has bytes to be sent
	spare  []*block
	asked  int64 // bytes of the body for which reads were begun
	sent   int64 // that are in the stream
	spans  []uring.Span

	digest chan *block // nil without one
	summed chan *block // that the digest is done with
}

// block is a part of the body.
type block struct {
	lease *buffer.Buffer
	tag   uint64
	at    int64 // in the body
	n     int   // bytes
	got   int   // of them, and perhaps some behind
	from  int   // those before are in the stream
	err   error

	busy    bool // being read
	settled bool // the source was told what came of it
	summed  bool // the digest is done with it
}

// sendByRing is Body by way of a lane; is tells whether there was one.
func (o *Outbound) sendByRing(src Source, off, n int64, digest hash.Hash) (sent int64, is bool, err error) {
	w := o.engine.sendingByRing(o, src, off, n, digest)
	if w == nil {
		return 0, false, nil
	}
	lane := o.engine.lanes.TryGet()
	if lane == nil {
		o.engine.stats.noLane.Add(1)
		w.release()
		return 0, false, nil
	}
	o.engine.stats.ringSent.Add(1)
	o.err = w.transfer(lane, digest)
	return w.sent, true, o.err
}

// transfer sends the body on the lane's thread, while the socket is borrowed inside
// RawConn.
func (w *ringSending) transfer(lane *uring.Lane, digest hash.Hash) (err error) {
	o := w.o
	w.direct = w.direct && w.src.PastCache(true) == nil
	ran, done := false, make(chan struct{})
	failed := o.gate.pass() // moves a deadline that has passed since the last write
	if failed == nil {
		failed = o.file.raw.Write(func(fd uintptr) bool {
			ran = true
			lane.Run(func(ring *uring.Ring) {
				defer close(done)
				w.ringSocket = ringSocket{ring: ring, fd: int(fd), gate: &o.gate, taker: w}
				err = w.run(lane, digest)
			})
			<-done
			return true
		})
	}
	if !ran {
		lane.Run(func(*uring.Ring) {})
		w.release()
		err = o.gate.fail(failed)
	}
	if w.direct {
		if failed := w.src.PastCache(false); err == nil && failed != nil {
			err = &SourceError{Err: failed}
		}
	}
	return err
}

// sendingByRing takes buffers for a body that is better read past the page cache,
// or has a digest to be reckoned beside; nil for others.
func (e *Engine) sendingByRing(o *Outbound, src Source, off, n int64, digest hash.Hash) *ringSending {
	file, is := src.(FileSource)
	if !is || e == nil || e.lanes == nil || n < sentByRing || !o.file.usable() || e.pool.Bytes() < blockBytes {
		return nil
	}
	cold := !resident(file.Descriptor(), off, n)
	if !cold && digest == nil {
		return nil // sendfile is better
	}
	w := &ringSending{o: o, src: file, off: off, n: n, direct: cold && n >= directFrom && off%blockAlign == 0}
	for k := range readAhead {
		if int64(k)*blockBytes >= n {
			break
		}
		if b := e.pool.TryGet(); b != nil {
			w.spare = append(w.spare, &block{lease: b, tag: uint64(k)})
		}
	}
	if len(w.spare) == 0 {
		return nil
	}
	return w
}

// run puts all of the body into the stream: what leaves a chunk unfinished stays
// pending there.
func (w *ringSending) run(lane *uring.Lane, digest hash.Hash) (err error) {
	wake := lane.Wake
	w.o.gate.wake.Store(&wake)
	end := w.startDigest(digest)
	for w.sent < w.n && err == nil {
		err = w.chunk()
	}
	w.o.gate.wake.Store(nil)
	must(w.ring.Drain())
	for _, b := range w.blocks {
		if !b.settled && b.err == nil {
			w.src.EndRead(0, w.off+b.at, unix.ECANCELED)
		}
	}
	end()
	w.release()
	return err
}

// release gives the buffers back.
func (w *ringSending) release() {
	for _, b := range append(w.spare, w.blocks...) {
		b.lease.Release()
	}
	w.spare, w.blocks = nil, nil
}

// startDigest starts the digest's goroutine, if there is one to be reckoned. end
// awaits it.
func (w *ringSending) startDigest(digest hash.Hash) (end func()) {
	if digest == nil {
		return func() {}
	}
	w.digest, w.summed = make(chan *block, readAhead), make(chan *block, readAhead)
	go func() {
		defer close(w.summed)
		for b := range w.digest {
			digest.Write(b.lease.Bytes()[:b.n])
			w.summed <- b
		}
	}()
	return func() {
		close(w.digest)
		for b := range w.summed {
			w.sumDone(b)
		}
	}
}

// sumDone notes that the digest is done with a block.
func (w *ringSending) sumDone(b *block) {
	b.summed = true
	w.recycle(b)
}

// recycle makes a block spare that nobody needs any more.
func (w *ringSending) recycle(b *block) {
	if b.from == b.n && (b.summed || w.digest == nil) {
		w.spare = append(w.spare, b)
	}
}

// chunk fills the chunk that is pending, and sends it if it is full.
func (w *ringSending) chunk() error {
	o := w.o
	rest := int(min(int64(o.room()), w.n-w.sent))
	if rest < o.room() {
		return w.leavePending(rest)
	}
	head := o.head(rest)
	at := cap(o.buf) - cap(head)
	w.spans = append(w.spans[:0], uring.Span{Buffer: o.lease, From: at, To: at + len(head)})
	if len(head) == 0 {
		w.spans = w.spans[:0]
	}
	for rest > 0 {
		first, err := w.front()
		if err != nil {
			return err
		}
		n := first.lend(w, rest)
		if len(w.blocks) > 1 && w.blocks[1].settled {
			n += w.blocks[1].lend(w, rest-n)
		}
		rest -= n
		flags := unix.MSG_WAITALL
		if rest > 0 {
			flags |= unix.MSG_MORE
		}
		if err := w.send(flags); err != nil {
			return err
		}
		w.consume(n)
		w.spans = w.spans[:0]
	}
	o.end, o.owed = headroom, !o.raw
	return nil
}

// lend adds at most n of the block's bytes to what is sent next.
func (b *block) lend(w *ringSending, n int) int {
	if n = min(n, b.n-b.from); n > 0 {
		w.spans = append(w.spans, uring.Span{Buffer: b.lease, From: b.from, To: b.from + n})
	}
	return n
}

// leavePending copies the last n bytes to where a chunk begins.
func (w *ringSending) leavePending(n int) error {
	for n > 0 {
		first, err := w.front()
		if err != nil {
			return err
		}
		k := copy(w.o.buf[w.o.end:w.o.end+n], first.lease.Bytes()[first.from:first.n])
		w.o.end += k
		n -= k
		w.consume(k)
	}
	return nil
}

// consume counts n bytes as sent; blocks of which nothing is left are reused.
func (w *ringSending) consume(n int) {
	w.sent += int64(n)
	for n > 0 {
		b := w.blocks[0]
		k := min(n, b.n-b.from)
		b.from += k
		if n -= k; b.from == b.n {
			w.blocks = append(w.blocks[:0], w.blocks[1:]...)
			w.recycle(b)
		}
	}
}

// front returns the first block with bytes to be sent, read.
func (w *ringSending) front() (*block, error) {
	for {
		w.ask()
		if len(w.blocks) == 0 {
			w.sumDone(<-w.summed) // the digest has all of them
			continue
		}
		b := w.blocks[0]
		switch {
		case b.err != nil:
			return nil, &SourceError{Err: b.err}
		case b.settled:
			return b, nil
		}
		if err := w.wait(); err != nil {
			return nil, err
		}
	}
}

// ask begins reads into the blocks that are spare.
func (w *ringSending) ask() {
	for w.summed != nil {
		select {
		case b := <-w.summed:
			w.sumDone(b)
			continue
		default:
		}
		break
	}
	for len(w.spare) > 0 && w.asked < w.n {
		b := w.spare[len(w.spare)-1]
		w.spare = w.spare[:len(w.spare)-1]
		*b = block{lease: b.lease, tag: b.tag, at: w.asked, n: int(min(blockBytes, w.n-w.asked))}
		w.asked += int64(b.n)
		w.blocks = append(w.blocks, b)
		if b.err = w.src.StartRead(b.n, w.off+b.at); b.err == nil {
			w.read(b)
		}
	}
}

// read asks for what a block lacks.
func (w *ringSending) read(b *block) {
	to := b.n
	if w.direct {
		to = (to + blockAlign - 1) &^ (blockAlign - 1)
	}
	b.busy = true
	must(w.ring.Read(w.src.Descriptor(), uring.Span{Buffer: b.lease, From: b.got, To: to}, w.off+b.at+int64(b.got), b.tag))
}

// wait waits for any completion.
func (w *ringSending) wait() error {
	switch err := w.ring.Wait(noDeadline); {
	case err != uring.ErrWoken:
		must(err)
	case w.o.gate.shutBy() != nil:
		return w.o.gate.shutBy()
	}
	w.take()
	return nil
}

// take implements taker.
func (w *ringSending) take() {
	for {
		c, ok := w.ring.Next()
		if !ok {
			break
		}
		if w.hears(c) {
			continue
		}
		for _, b := range w.blocks {
			if b.busy && b.tag == c.Tag {
				w.haveRead(b, c)
				break
			}
		}
	}
	w.settle()
}

// haveRead deals with a read that has completed, perhaps short.
func (w *ringSending) haveRead(b *block, c uring.Completion) {
	b.busy = false
	b.got += c.N
	switch {
	case c.Err == unix.EINVAL && w.direct: // this file system has it otherwise
		w.direct = false
		if err := w.src.PastCache(false); err != nil {
			b.err = w.src.EndRead(b.got, w.off+b.at, err)
			return
		}
		w.read(b)
	case c.Err == unix.EAGAIN, c.Err == unix.EINTR:
		w.read(b)
	case c.Err != nil:
		b.err = w.src.EndRead(b.got, w.off+b.at, c.Err)
	case b.got >= b.n:
	case c.N == 0 || w.direct && b.got%blockAlign != 0:
		w.src.EndRead(b.got, w.off+b.at, nil)
		b.err = io.ErrUnexpectedEOF
	default:
		w.read(b)
	}
}

// settle tells the source, and the digest, of the blocks that were read, in order.
func (w *ringSending) settle() {
	for _, b := range w.blocks {
		switch {
		case b.busy || b.err != nil:
			return
		case b.settled:
			continue
		}
		b.settled = true
		if b.err = w.src.EndRead(b.n, w.off+b.at, nil); b.err == nil && w.digest != nil {
			w.digest <- b
		}
	}
}

// send sends the spans, all of them.
func (w *ringSending) send(flags int) error {
	for {
		must(w.ring.Sendv(w.fd, w.spans, flags, tagSocket))
		c, err := w.await()
		w.o.sent.Add(int64(c.N))
		if w.advance(c.N); len(w.spans) == 0 {
			return nil
		}
		switch {
		case err != nil:
			return w.o.gate.fail(err)
		case c.Err == unix.EAGAIN:
			must(w.ring.Poll(w.fd, unix.POLLOUT, tagSocket))
			if _, err := w.await(); err != nil {
				return w.o.gate.fail(err)
			}
		case c.Err != nil && c.Err != unix.EINTR:
			return w.o.gate.fail(os.NewSyscallError("sendmsg", c.Err))
		}
	}
}

// advance takes n bytes off the spans.
func (w *ringSending) advance(n int) {
	for len(w.spans) > 0 && n >= w.spans[0].Len() {
		n -= w.spans[0].Len()
		w.spans = append(w.spans[:0], w.spans[1:]...)
	}
	if n > 0 {
		w.spans[0].From += n
	}
}
