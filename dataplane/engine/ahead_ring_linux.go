package engine

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

// fetching is a window of small files that a ring opens and reads on a lane's
// thread, as many at once as it has places for:
//
//	OPENAT2 ─┬▶ READ of what is cached ─ not all of it ─▶ READ ─┬▶ close
//	         └▶ FGETXATTR ──────────────────────────────────────┘
//
// Where a call has to wait for the disk, a thread of the kernel does, or nobody: that
// costs less than a thread of ours, which holds one of the runtime's places until
// the scheduler notices.
type fetching struct {
	ring  *uring.Ring
	files []aheadFile
	stop  *atomic.Bool
	scrap *buffer.Buffer // all is read to the same place, since nobody looks at it: the page cache has it
	next  int            // first file that was not begun
	under int            // files under way
	cold  int
}

// aheadFile is one of them.
type aheadFile struct {
	AheadByRing
	tag  uint64 // of its operations, with the step added
	fd   int
	body int // bytes to be read
	busy int // operations under way
}

// The steps of a file.
const (
	stepOpen = iota
	stepLook
	stepRead
	stepAttribute
	fileSteps
)

// fileOperations a file has under way at the most.
const fileOperations = 2

// fetchesByRing tells whether rings fetch, in a phrase.
func fetchesByRing(cfg Config, rings bool) (is bool, why string) {
	if !rings {
		return false, noRingsFetch
	}
	known := cfg.probe().Operations
	for _, op := range []string{"openat2", "read", "fgetxattr"} {
		if !known[op] {
			return false, fmt.Sprintf("by %d goroutines: the kernel's io_uring lacks %s", fetchers, op)
		}
	}
	return true, fmt.Sprintf("by io_uring, %d at once, with %d threads of the kernel at the most that wait for a disk", laneEntries/fileOperations, laneWorkers)
}

// fetchByRing is Fetch by way of a lane; is tells whether there was one.
func (e *Engine) fetchByRing(files []Ahead, stop *atomic.Bool) (cold int, is bool) {
	if e == nil || !e.rules.fetches || len(files) == 0 {
		return 0, false
	}
	w := &fetching{files: make([]aheadFile, len(files)), stop: stop}
	for i, f := range files {
		w.files[i].tag = uint64(i * fileSteps)
		if w.files[i].AheadByRing, is = f.(AheadByRing); !is {
			return 0, false
		}
	}
	if w.scrap = e.pool.TryGet(); w.scrap == nil {
		return 0, false
	}
	defer w.scrap.Release()
	lane := e.lanes.TryGet()
	if lane == nil {
		return 0, false
	}
	done := make(chan struct{})
	lane.Run(func(ring *uring.Ring) {
		defer close(done)
		w.ring = ring
		w.run()
	})
	<-done
	return w.cold, true
}

// run fetches them all.
func (w *fetching) run() {
	for w.begin(); w.under > 0; w.begin() {
		if err := w.ring.Wait(noDeadline); err != uring.ErrWoken {
			must(err)
		}
		for {
			c, ok := w.ring.Next()
			if !ok {
				break
			}
			w.took(&w.files[c.Tag/fileSteps], c)
		}
	}
}

// begin opens as many as the ring has places for.
func (w *fetching) begin() {
	for (w.under+1)*fileOperations <= w.ring.Slots() && w.next < len(w.files) && !w.stop.Load() {
		f := &w.files[w.next]
		w.next++
		dir, path, flags, resolve, err := f.StartOpen()
		if err != nil {
			continue
		}
		if err := w.ring.Openat2(dir, path, unix.OpenHow{Flags: flags, Resolve: resolve}, f.tag+stepOpen); err != nil {
			f.EndOpen(-1, err) // the path is too long
			continue
		}
		f.busy++
		w.under++
	}
}

// took goes on with a file of which a step has completed.
func (w *fetching) took(f *aheadFile, c uring.Completion) {
	f.busy--
	opened := true
	switch c.Tag - f.tag {
	case stepOpen:
		opened = w.opened(f, c)
	case stepLook:
		f.EndRead(c.Err)
		if c.N < f.body && (c.Err == nil || c.Err == unix.EAGAIN) {
			w.read(f)
		}
	case stepRead:
		f.EndRead(c.Err)
	case stepAttribute:
		f.EndAttribute(c.Err)
	}
	if f.busy > 0 {
		return
	}
	w.under--
	if opened {
		f.Close()
	}
}

// opened begins what a file that could be opened needs.
func (w *fetching) opened(f *aheadFile, c uring.Completion) bool {
	var err error
	if f.body, err = f.EndOpen(c.N, c.Err); err != nil {
		return false
	}
	f.fd, f.body = c.N, min(f.body, len(w.scrap.Bytes()))
	if f.body > 0 {
		w.look(f)
	}
	if name, err := f.StartAttribute(); err == nil {
		f.busy++
		must(w.ring.Fgetxattr(f.fd, name, f.tag+stepAttribute))
	}
	return true
}

// look reads what is cached of a body: what is not, tells that it is cold.
func (w *fetching) look(f *aheadFile) {
	switch err := f.StartRead(); {
	case err == nil:
		f.busy++
		must(w.ring.ReadCached(f.fd, w.place(f), 0, f.tag+stepLook))
	case errors.Is(err, unix.EAGAIN):
		w.read(f)
	}
}

// read reads a cold body.
func (w *fetching) read(f *aheadFile) {
	w.cold++
	if f.StartRead() == nil {
		f.busy++
		must(w.ring.Read(f.fd, w.place(f), 0, f.tag+stepRead))
	}
}

func (w *fetching) place(f *aheadFile) uring.Span { return uring.Span{Buffer: w.scrap, To: f.body} }
