package engine

import (
	"sync"
	"sync/atomic"
)

// Ahead is a file that will soon be opened and read, and can be fetched into
// the kernel's caches before.
type Ahead interface {
	// Fetch does so, waiting for the disk, and tells whether it was not there.
	Fetch() (cold bool)
}

// AheadByRing is an Ahead whose calls a ring can make in the place of Fetch: it opens
// the file, then reads the body and asks for an attribute, both at once. Each Start is
// asked before a call, and an error of it, which is the file's own, forbids that; each
// End is told what came of the call. All of them are called on one goroutine.
type AheadByRing interface {
	Ahead
	// StartOpen tells what to open, and how, as openat2(2) takes it.
	StartOpen() (dir int, path string, flags, resolve uint64, err error)
	// EndOpen returns how many bytes of the body to read. After an error nothing
	// follows.
	EndOpen(fd int, err error) (body int, failed error)
	// StartRead: EAGAIN stands for a body that is not in the page cache.
	StartRead() error
	EndRead(err error)
	// StartAttribute tells which.
	StartAttribute() (name string, err error)
	EndAttribute(err error)
	// Close closes what was opened, as the last.
	Close()
}

// fetchers go side by side where no ring does. Each waits for the disk on a
// thread of its own.
const fetchers = 32

const noRingsFetch = "by 32 goroutines: no rings"

// Fetch fetches files side by side, by a ring where there is one free, and returns how many were cold when it is done
// with all of them, or when stop was set: what has not been begun is left.
func (e *Engine) Fetch(files []Ahead, stop *atomic.Bool) (cold int) {
	if cold, is := e.fetchByRing(files, stop); is {
		return cold
	}
	var next, found atomic.Int64
	var workers sync.WaitGroup
	for range min(fetchers, len(files)) {
		workers.Go(func() {
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				if files[i].Fetch() {
					found.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return int(found.Load())
}
