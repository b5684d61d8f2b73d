package engine

import (
	"io"
	"os"

	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

const (
	// waitForAll is the least that a receive waits for as a whole: the kernel then
	// collects it, and nobody is woken for each packet.
	waitForAll = 128 << 10
	// tailBytes are used behind a piece, in the page that a buffer has beyond it,
	// for what is read after the payload.
	tailBytes = peekBytes
)

// ringLanding is a body that lands by a ring: received into registered buffers,
// wherever the chunk borders fall, and written from there past the page cache,
// all on the lane's thread:
//
//	socket ══ RECV ══▶ piece ══ WRITE ══▶ file
//	                     └────▶ digest, a goroutine as ever
type ringLanding struct {
	ringSocket
	l     *Landing
	in    *Inbound
	sink  DirectSink
	total int64 // of the body

	current *piece // that is being received
	writes  []write
	tail    *piece // the last piece, if its end is no whole block
	from    int    // where in it that begins
}

// write is one in flight; they are reported in the order in which they began.
type write struct {
	p    *piece
	n    int // bytes of it
	done bool
	got  int
	err  error
}

// laneFor takes a lane for a body that should land by a ring, where there is one, and
// counts the way that it takes.
func (e *Engine) laneFor(i *Inbound, l *Landing, n int64) (lane *uring.Lane) {
	way, reason := WayLandCopy, ReasonEngine
	if e != nil {
		sink, is := l.sink.(DirectSink)
		way, reason = e.rules.Landing(Kind{Bytes: n, Direct: is && sink.Direct()})
	}
	if way == WayLandRing {
		switch {
		case i.two.raw == nil:
			reason = ReasonNoDescriptor
		case i.paced.slow:
			reason = ReasonPaced
		case len(l.pieces[0].lease.Bytes()) < landingBytes+tailBytes:
			reason = ReasonNoBuffer
		default:
			if lane = e.lanes.TryGet(); lane == nil {
				reason = ReasonNoLane
			}
		}
	}
	if lane == nil {
		way = WayLandCopy
	}
	e.count(&i.ways, way, reason)
	return lane
}

// landByRing receives n bytes on a lane's thread and returns when it has; the
// lane goes on writing. is tells whether there was one.
func (i *Inbound) landByRing(l *Landing, n int64) (got int64, is bool, err error) {
	lane := i.engine.laneFor(i, l, n)
	if lane == nil {
		return 0, false, nil
	}
	w := &ringLanding{l: l, in: i, sink: l.sink.(DirectSink), total: n}
	got, err = w.transfer(lane)
	return got, true, err
}

// transfer receives the body, while the socket is borrowed inside RawConn.
func (w *ringLanding) transfer(lane *uring.Lane) (got int64, err error) {
	i := w.in
	ran, received := false, make(chan struct{})
	failed := i.gate.pass() // moves a deadline that has passed since the last read
	if failed == nil {
		failed = i.two.raw.Read(func(fd uintptr) bool {
			ran = true
			lane.Run(func(ring *uring.Ring) {
				w.ringSocket = ringSocket{ring: ring, fd: int(fd), gate: &i.gate, taker: w}
				got, err = w.receive(lane)
				close(received)
				w.finish()
			})
			<-received
			return true
		})
	}
	if ran {
		return got, err
	}
	lane.Run(func(*uring.Ring) {})
	w.l.leave()
	return 0, i.keep(i.gate.fail(failed))
}

// receive is the owner's part: he waits meanwhile, and what is his is ours.
func (w *ringLanding) receive(lane *uring.Lane) (got int64, err error) {
	i, wake := w.in, lane.Wake
	w.l.ring, i.from = w, w
	i.gate.wake.Store(&wake)
	got, err = i.receiveInto(w.l, w.total)
	i.gate.wake.Store(nil)
	i.from = &i.two
	return got, err
}

// finish awaits the writes, and makes the last one, of what is no whole block.
func (w *ringLanding) finish() {
	for len(w.writes) > 0 {
		w.reap()
	}
	if w.tail != nil {
		w.writePlain(w.tail, w.from)
	}
	w.l.leave()
}

// text implements reader.
func (w *ringLanding) text(p []byte) (int, error) {
	behind := w.behind(min(len(p), tailBytes))
	n, err := w.socket(func() error { return w.ring.Recv(w.fd, behind, 0, tagSocket) })
	return copy(p[:n], behind.Bytes()), err
}

// body implements reader.
func (w *ringLanding) body(first, second []byte) (int, error) {
	from := landingBytes - cap(first) // first is a part of the piece up to its capacity
	into := uring.Span{Buffer: w.current.lease, From: from, To: from + len(first)}
	if len(first) >= waitForAll || len(second) == 0 {
		flags := 0
		if len(first) >= waitForAll {
			flags = unix.MSG_WAITALL
		}
		return w.socket(func() error { return w.ring.Recv(w.fd, into, flags, tagSocket) })
	}
	behind := w.behind(min(len(second), tailBytes))
	n, err := w.socket(func() error { return w.ring.Recvv(w.fd, []uring.Span{into, behind}, 0, tagSocket) })
	if n > len(first) {
		copy(second, behind.Bytes()[:n-len(first)])
	}
	return n, err
}

// behind is the place for n bytes that are no payload.
func (w *ringLanding) behind(n int) uring.Span {
	return uring.Span{Buffer: w.current.lease, From: landingBytes, To: landingBytes + n}
}

// socket makes an operation on the socket and awaits it, with the stream's timeout
// and until the stream is shut. A socket of Go's does not block, and some kernels
// then answer EAGAIN instead of waiting.
func (w *ringLanding) socket(queue func() error) (int, error) {
	for {
		must(queue())
		c, err := w.await()
		switch {
		case c.Err == nil && c.N == 0 && err == nil:
			return 0, io.EOF
		case c.Err == nil:
			return c.N, nil // some of it came: an error comes again with the next read
		case err != nil:
			return 0, err
		case c.Err == unix.EINTR:
		case c.Err == unix.EAGAIN:
			must(w.ring.Poll(w.fd, unix.POLLIN, tagSocket))
			if _, err := w.await(); err != nil {
				return 0, err
			}
		default:
			return 0, os.NewSyscallError("recvmsg", c.Err)
		}
	}
}

// receiving implements ringWriter.
func (w *ringLanding) receiving(p *piece) { w.current = p }

// awaitFree implements ringWriter.
func (w *ringLanding) awaitFree() {
	for len(w.writes) > 0 && len(w.l.free) == 0 {
		w.reap()
	}
}

// reap waits for any completion.
func (w *ringLanding) reap() {
	if err := w.ring.Wait(noDeadline); err != uring.ErrWoken {
		must(err)
	}
	w.take()
}

// take implements taker.
func (w *ringLanding) take() {
	for {
		c, ok := w.ring.Next()
		if !ok {
			break
		}
		if w.hears(c) {
			continue
		}
		for k := range w.writes {
			if v := &w.writes[k]; !v.done && uint64(v.p.index) == c.Tag {
				v.done, v.got, v.err = true, c.N, c.Err
				break
			}
		}
	}
	for len(w.writes) > 0 && w.writes[0].done {
		v := w.writes[0]
		w.writes = append(w.writes[:0], w.writes[1:]...)
		w.wrote(v)
	}
}

// start implements ringWriter.
func (w *ringLanding) start(p *piece) {
	if w.l.failed.Load() != nil {
		w.l.putBack(p)
		return
	}
	fd, n, err := w.sink.StartWrite(p.bytes, p.off)
	if err != nil {
		w.fail(err)
		w.l.putBack(p)
		return
	}
	if n == 0 {
		w.rest(p, 0)
		return
	}
	must(w.ring.Write(fd, uring.Span{Buffer: p.lease, To: n}, p.off, uint64(p.index)))
	must(w.ring.Submit())
	w.writes = append(w.writes, write{p: p, n: n})
}

// wrote deals with a write that has completed.
func (w *ringLanding) wrote(v write) {
	err := w.sink.EndWrite(v.p.bytes[:v.n], v.p.off, v.err)
	switch {
	case v.err == unix.EINVAL: // the file system has it otherwise: WriteAt finds out
		w.rest(v.p, 0)
	case err != nil:
		w.fail(err)
		w.l.putBack(v.p)
	case v.got < len(v.p.bytes):
		w.rest(v.p, v.got)
	default:
		w.l.putBack(v.p)
	}
}

// rest writes a piece from some byte on by WriteAt: the last one, which ends the
// direct writes, when all of those are through.
func (w *ringLanding) rest(p *piece, from int) {
	if p.off+int64(len(p.bytes)) == w.total && w.tail == nil {
		w.tail, w.from = p, from
		return
	}
	w.writePlain(p, from)
}

func (w *ringLanding) writePlain(p *piece, from int) {
	if w.l.failed.Load() == nil {
		w.l.failed.Store(writeAt(w.sink, p.bytes[from:], p.off+int64(from)))
	}
	w.l.putBack(p)
}

func (w *ringLanding) fail(err error) {
	w.l.failed.CompareAndSwap(nil, &SinkError{Err: err})
}
