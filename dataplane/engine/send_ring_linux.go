package engine

import (
	"hash"
	"os"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

const (
	// blockBytes are read at once.
	blockBytes = 1 << 20
	// mostBlocks a body has, with those that the kernel holds though they are sent.
	mostBlocks = 2 * mostReadAhead
)

// ringSending is a body that is sent by a ring: read ahead into registered buffers
// and sent from there, all on the lane's thread:
//
//	file ══ READ ══▶ block ══ SENDMSG, its chunk's head before it ══▶ socket
//	                   ├────▶ SEND_ZC, behind its chunk's head ═════▶ socket
//	                   └────▶ digest, a goroutine
//
// A block is read into anew when all of it was sent, the digest is done with it, and
// the kernel has given it back: for SEND_ZC with the notification, which nobody
// waits for while there is another block.
type ringSending struct {
	ringSocket
	o      *Outbound
	src    FileSource
	off, n int64 // of the body, in the file
	direct bool
	ending bool   // nothing more is read
	tail   func() // called when nothing more is to be asked for; nil: no more

	onLane func(job func(*uring.Ring)) // starts what is left to be done, on the lane's thread
	wake   func()                      // the lane's

	blocks []*block // read or being read, in order; the first has bytes to be sent
	spare  []*block
	asked  int64 // bytes of the body for which reads were begun
	sent   int64 // that are in the stream
	spans  []uring.Span
	tags   uint64 // of blocks, given so far

	notices    []notice
	limited    bool   // a buffer could not be registered
	serial     uint64 // of sends without a copy
	zeroCopied int64  // bytes

	digest  chan *block // nil without one
	summed  chan *block // that the digest is done with
	summing int         // that it is not
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

	notices int  // that the kernel still owes
	busy    bool // being read
	settled bool // the source was told what came of it
	summed  bool // the digest is done with it
}

// sendByRing is Body by way of a lane; is tells whether there was one, without why
// not.
func (o *Outbound) sendByRing(src FileSource, off int64, k Kind, reason Reason, digest hash.Hash) (sent int64, is bool, without Reason, err error) {
	w := begun(src, off, k.Bytes)
	if w == nil {
		w = o.engine.sendingByRing(o, src, off, k, o.engine.pool.TryGet)
		if w == nil {
			return 0, false, ReasonNoBuffer, nil
		}
		lane := o.engine.lanes.TryGet()
		if lane == nil {
			w.release()
			return 0, false, ReasonNoLane, nil
		}
		w.onLane, w.wake = lane.Run, lane.Wake
		w.pastCache()
	}
	way := WayRing
	o.err = w.transfer(digest)
	if 2*w.zeroCopied > k.Bytes {
		way = WayZeroCopy
	}
	if !o.goesOn {
		o.engine.count(&o.ways, way, reason)
	}
	return w.sent, true, 0, o.err
}

// transfer sends the body on the lane's thread, while the socket is borrowed inside
// RawConn. The lane stays behind for the notifications, if there are any to come:
// from then on what is w's is its own.
func (w *ringSending) transfer(digest hash.Hash) (err error) {
	o := w.o
	ran, done := false, make(chan struct{})
	failed := o.gate.pass() // moves a deadline that has passed since the last write
	if failed == nil {
		failed = o.file.raw.Write(func(fd uintptr) bool {
			ran = true
			w.onLane(func(ring *uring.Ring) {
				w.ringSocket = ringSocket{ring: ring, fd: int(fd), gate: &o.gate, taker: w}
				w.tail = o.tail
				err = w.run(digest)
				if len(w.notices) == 0 {
					w.release()
				}
				close(done)
				w.leave()
			})
			<-done
			return true
		})
	}
	if !ran {
		w.leaveLane()
		err = o.gate.fail(failed)
	}
	if w.direct {
		if failed := w.src.PastCache(false); err == nil && failed != nil {
			err = &SourceError{Err: failed}
		}
	}
	return err
}

// run puts all of the body into the stream: what leaves a chunk unfinished stays
// pending there.
func (w *ringSending) run(digest hash.Hash) (err error) {
	w.o.gate.wake.Store(&w.wake)
	w.furnish(w.o.engine.pool.TryGet) // if it was begun with fewer
	end := w.startDigest(digest)
	for w.sent < w.n && err == nil {
		err = w.chunk()
	}
	w.o.gate.wake.Store(nil)
	w.drop()
	end()
	if _, disk := err.(*SourceError); err != nil && !disk {
		w.abandon()
	}
	return err
}

// drop ends the reads of what will not be sent.
func (w *ringSending) drop() {
	w.endReads()
	for _, b := range w.blocks {
		if !b.settled && b.err == nil {
			w.src.EndRead(0, w.off+b.at, unix.ECANCELED)
		}
	}
}

// endReads cancels what is being read, and reaps it.
func (w *ringSending) endReads() {
	w.ending = true
	for _, b := range w.blocks {
		for sought := false; b.busy; sought = true {
			if !sought {
				must(w.ring.Cancel(b.tag))
			}
			if err := w.ring.Wait(noDeadline); err != uring.ErrWoken {
				must(err)
			}
			w.take()
		}
	}
}

// startDigest starts the digest's goroutine, if there is one to be reckoned. end
// awaits it.
func (w *ringSending) startDigest(digest hash.Hash) (end func()) {
	if digest == nil {
		return func() {}
	}
	w.digest, w.summed = make(chan *block, mostBlocks), make(chan *block, mostBlocks)
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
	w.summing--
	b.summed = true
	w.recycle(b)
}

// recycle makes a block spare that nobody needs any more.
func (w *ringSending) recycle(b *block) {
	if b.from == b.n && (b.summed || w.digest == nil) && b.notices == 0 {
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
			w.summing++
			w.digest <- b
		}
	}
}

// send sends the spans, all of them. Who shuts the gate wakes the ring, but not before
// it is ours, and not twice: the wake may go with a send that has just ended well.
func (w *ringSending) send(flags int) error {
	for {
		if err := w.o.gate.shutBy(); err != nil {
			return err
		}
		tag, is := w.sendZeroCopy(flags)
		if !is {
			tag = w.sendPlain(flags)
		}
		c, err := w.awaitTag(tag)
		w.o.sent.Add(int64(c.N))
		if w.advance(c.N); len(w.spans) == 0 {
			return nil
		}
		switch {
		case err != nil:
			return w.o.gate.fail(err)
		case is && refusesZeroCopy(c.Err): // again, and with a copy
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

// sendPlain queues a send of the spans, up to one that is better sent without a
// copy.
func (w *ringSending) sendPlain(flags int) uint64 {
	n := w.plain()
	if n < len(w.spans) {
		flags |= unix.MSG_MORE
	}
	must(w.ring.Sendv(w.fd, w.spans[:n], flags, tagSocket))
	return tagSocket
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
