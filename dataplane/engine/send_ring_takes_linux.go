package engine

import (
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/uring"
)

// What a ringSending takes of the pool and of the lanes, and gives back.

// sendingByRing takes buffers for a body that is better read past the page cache,
// or has a digest to be reckoned beside; nil where there are none.
func (e *Engine) sendingByRing(o *Outbound, src FileSource, off int64, k Kind, get func() *buffer.Buffer) *ringSending {
	if e.pool.Bytes() < blockBytes {
		return nil
	}
	w := &ringSending{o: o, src: src, off: off, n: k.Bytes, direct: k.Cold && e.rules.direct(k.Bytes) && off%blockAlign == 0}
	w.furnish(get)
	if len(w.spare) == 0 {
		return nil
	}
	return w
}

// furnish gets the blocks that a body wants and has not.
func (w *ringSending) furnish(get func() *buffer.Buffer) {
	for i := len(w.blocks) + len(w.spare); i < w.o.engine.ahead && int64(i)*blockBytes < w.n; i++ {
		w.another(get())
	}
}

// pastCache lets the reads go past the page cache, if they shall and can.
func (w *ringSending) pastCache() { w.direct = w.direct && w.src.PastCache(true) == nil }

// leaveLane gives lane and buffers back with nothing sent.
func (w *ringSending) leaveLane() {
	done := make(chan struct{})
	w.onLane(func(*uring.Ring) {
		defer close(done)
		w.drop()
		w.release()
	})
	<-done
}

// another makes a block of a buffer, if there was one.
func (w *ringSending) another(lease *buffer.Buffer) {
	if lease != nil {
		w.spare = append(w.spare, &block{lease: lease, tag: w.tags})
		w.tags++
	}
}

// release gives the buffers back.
func (w *ringSending) release() {
	for _, b := range append(w.spare, w.blocks...) {
		b.lease.Release()
	}
	w.spare, w.blocks = nil, nil
}
