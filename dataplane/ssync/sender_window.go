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
	// largeObjects are fetched instead while bodies of more than wholeBytes are
	// cold: 16 MiB of those of 1 MiB. Of larger ones a ring fetches the first MiB,
	// goroutines all: 64 MiB at the most.
	largeObjects = 16
)

// window lets the disk work ahead of the sender: objects are opened and read
// one after the other, each by several calls, and from a cold cache each of those
// waits for the disk. What is wanted next is fetched into the kernel's caches
// meanwhile, many files side by side, by a ring of the kernel where there is one, which
// is held for one batch at a time; the turns themselves remain what they are.
//
//	 sent        turn   fetched, or being fetched     not yet
//	─────────────▶│◀────────── at most 256 ─────────▶│
//
// It opens when a turn has waited for the disk, and shuts when a batch was found to
// be in the cache already: warm, it costs nothing. While large bodies are cold it is
// shorter, and those that will not be read past the page cache are fetched with it; of
// the others the metadata alone, so that their turn begins with the body.
type window struct {
	t     *transmission
	open  bool
	large bool // the turn that waited last was a large body's
	next  int  // first entry that was not fetched
	ahead int  // wanted entries before it whose turn is to come

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
	objects, batch, most := w.size()
	if w.open && w.batch == nil && w.ahead <= objects-batch {
		w.fetch(batch, most)
	}
}

// size is how many objects the window has, how many are fetched in one go, and up to
// which size with their bodies: never one that will be read past the page cache.
func (w *window) size() (objects, batch int, most int64) {
	if !w.large {
		return windowObjects, windowBatch, wholeBytes
	}
	return largeObjects, largeObjects / 2, w.t.cfg.Engine.FetchesBelow() - 1
}

// waited is told that a turn had to wait for the disk, for a body of so many bytes.
func (w *window) waited(body int64) { w.open, w.large = true, body > wholeBytes }

// looks tells whether the next large body has to be asked whether it is cold: an open
// window hears of that from its batches.
func (w *window) looks() bool { return !w.open || !w.large }

// fetch begins the next batch.
func (w *window) fetch(batch int, most int64) {
	var files []engine.Ahead
	entries := w.t.result.offers.entries
	for ; w.next < len(entries) && len(files) < batch; w.next++ {
		e := &entries[w.next]
		if e.want&wantData == 0 {
			continue
		}
		w.ahead++
		files = append(files, w.t.job.Partition.Ahead(e.hash, w.t.result.offers.times(e).Data, most))
	}
	if len(files) == 0 {
		return
	}
	done := make(chan int, 1)
	w.batch = done
	go func() { done <- w.t.cfg.Engine.Fetch(files, &w.stop) }()
}

// close waits for the batch under way.
func (w *window) close() {
	w.stop.Store(true)
	if w.batch != nil {
		<-w.batch
	}
}
