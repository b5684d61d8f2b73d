package ssync

import (
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/engine"
)

const (
	// windowObjects are fetched ahead of the one whose turn it is. A disk has as many
	// in its queue as it can work on at once long before that; the rest lets it go
	// on while the network is waited for. They lie in the kernel's page cache, 16 MiB
	// of it at the most: a session's own memory holds one body, as without.
	windowObjects = 256
	// windowBatch of them are fetched in one go.
	windowBatch = windowObjects / 2
)

// window lets the disk work ahead of the sender: small objects are opened and read
// one after the other, each by several calls, and from a cold cache each of those
// waits for the disk. What is wanted next is fetched into the kernel's caches
// meanwhile, many files side by side, by a ring of the kernel where there is one, which
// is held for one batch at a time; the turns themselves remain what they are.
//
//	 sent        turn   fetched, or being fetched     not yet
//	─────────────▶│◀────────── at most 256 ─────────▶│
//
// It opens when a turn has waited for the disk, and shuts when a batch was found to
// be in the cache already: warm, it costs nothing.
type window struct {
	t     *transmission
	open  bool
	next  int // first entry that was not fetched
	ahead int // wanted entries before it whose turn is to come

	batch chan int    // what became of the batch under way; nil without one
	stop  atomic.Bool // nobody needs it any more
}

// turn is told that entry i is about to be sent.
func (w *window) turn(i int) {
	switch {
	case i >= w.next:
		w.next = i + 1
	case w.t.result.offers.entries[i].want&wantData != 0:
		w.ahead--
	}
	select {
	case cold := <-w.batch:
		w.batch, w.open = nil, cold > 0
	default:
	}
	if w.open && w.batch == nil && w.ahead <= windowObjects-windowBatch {
		w.fetch()
	}
}

// waited is told that a turn had to wait for the disk.
func (w *window) waited() { w.open = true }

// fetch begins the next batch.
func (w *window) fetch() {
	var files []engine.Ahead
	entries := w.t.result.offers.entries
	for ; w.next < len(entries) && len(files) < windowBatch; w.next++ {
		e := &entries[w.next]
		if e.want&wantData == 0 {
			continue
		}
		w.ahead++
		files = append(files, w.t.job.Partition.Ahead(e.hash, w.t.result.offers.times(e).Data, wholeBytes))
	}
	if len(files) == 0 {
		return
	}
	batch := make(chan int, 1)
	w.batch = batch
	go func() { batch <- w.t.cfg.Engine.Fetch(files, &w.stop) }()
}

// close waits for the batch under way.
func (w *window) close() {
	w.stop.Store(true)
	if w.batch != nil {
		<-w.batch
	}
}
