package engine

import "github.com/ringsync/ringsync/dataplane/uring"

// Begun is a body of which the first blocks are read while the one before it is sent,
// so that the disk goes on where a body ends. It is a lane that has asked for them
// and waits for its turn:
//
//	Begin ══ READ, into as many blocks as can be spared ══╦═ Body ═▶ the rest, and the sends
//	                                                      ╚═ Abandon ═▶ cancelled, and reaped
//
// The Body of it sends it; of the file's descriptor nothing else is made meanwhile.
//
// Nobody waits for ever by it. Nobody waits for a lane at all: who finds none goes another
// way. Of buffers it takes what is more than half of the pool, and NewOutbound, which alone
// waits for one, gets it when a body ends. And what was begun needs neither to go on: it has
// a lane and at least one block, its reads end when the disk lets them, and the lane waits
// for the one call that the owner is sure to make, Body or Abandon.
type Begun struct {
	FileSource
	sending *ringSending // nil when it was sent or abandoned
}

// Begin begins to read src[0, n), which this stream may send as its next Body or the
// one after. It waits for nothing. nil: it is not worth while, since the body is small or
// in the page cache, or what it takes may be wanted by others, to whom one lane is left
// and half of the buffers. Nor does a stream with a pacer begin a body that goes in
// parts.
//
// It may be called beside a Body; each Begun is sent or abandoned by the owner.
func (o *Outbound) Begin(src FileSource, n int64) *Begun {
	e := o.engine
	if e == nil || !e.rules.rings || n < sentByRing || o.paced.by != nil && n > partBytes || !o.file.usable() || !cold(src, 0, n) {
		return nil
	}
	w := e.sendingByRing(o, src, 0, Kind{Bytes: n, Cold: true}, e.pool.TrySpare)
	if w == nil {
		return nil
	}
	lane := e.lanes.TrySpare()
	if lane == nil {
		w.release()
		return nil
	}
	w.pastCache()
	turn := make(chan func(*uring.Ring))
	w.wake, w.onLane = lane.Wake, func(job func(*uring.Ring)) { turn <- job }
	lane.Run(func(ring *uring.Ring) {
		w.ring = ring
		w.ask()
		must(ring.Submit())
		(<-turn)(ring)
	})
	return &Begun{FileSource: src, sending: w}
}

// Abandon gives up what Begin took: it waits until the kernel has let go of it. Behind
// the Body, or a second time, it does nothing; nor for nil. The file can be read by
// others then.
func (b *Begun) Abandon() {
	if w := b.take(); w != nil {
		w.leaveLane()
		if w.direct {
			_ = w.src.PastCache(false)
		}
	}
}

// take takes what was begun, for good.
func (b *Begun) take() (w *ringSending) {
	if b != nil {
		w, b.sending = b.sending, nil
	}
	return w
}

// begun is what was begun of a body; nil where nothing was.
func begun(src FileSource, off, n int64) *ringSending {
	b, is := src.(*Begun)
	if !is || b.sending == nil || off != 0 || n != b.sending.n {
		return nil
	}
	return b.take()
}

// OnTail lets f be called when nothing more is to be read of the next Body, if that goes
// by a ring: while its last blocks are read and sent there is time to Begin what comes
// behind it. f is called once, on the lane, and so must not wait. A stream that its
// pacer has ever held calls nobody: it has time, and would wait with a second lane.
func (o *Outbound) OnTail(f func()) { o.tail = f }
