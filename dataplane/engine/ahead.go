package engine

import (
	"sync"
	"sync/atomic"
)

// Ahead is a small file that will soon be opened and read, and can be fetched into
// the kernel's caches before.
type Ahead interface {
	// Fetch does so, waiting for the disk, and tells whether it was not there.
	Fetch() (cold bool)
}

// fetchers go side by side where there is no ring. Each waits for the disk on a
// thread of its own.
const fetchers = 32

// Fetch fetches files side by side, and returns how many were cold when it is done
// with all of them, or when stop was set: what has not been begun is left.
func (e *Engine) Fetch(files []Ahead, stop *atomic.Bool) (cold int) {
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
