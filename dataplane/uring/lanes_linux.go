package uring

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

// defaultLanes keep two cores and their disks busy; a lane waits most of its time.
const defaultLanes = 4

// LanesConfig sizes a set of lanes. The zero value is usable.
type LanesConfig struct {
	Count int // lanes; 0 = 4
	Ring  Config
}

// Lanes are rings with their threads, each made when it is first needed. One costs
// a thread, two descriptors, and what its ring maps. Safe for concurrent use.
type Lanes struct {
	pool    *buffer.Pool
	cfg     LanesConfig
	threads sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond // lanes came back
	free    []*Lane   // a stack: the lane used last is there already, and warm
	open    int       // lanes that are free or out
	lost    int
	used    int64
	missed  int64
	failed  error // why a lane could not be made, last
}

// Lane is one of them, in the hands of whoever got it.
type Lane struct {
	lanes *Lanes
	ring  *Ring // nil before it was first needed
	jobs  chan func(*Ring)
}

// NewLanes returns the lanes of a pool, whose buffers each of them registers as it
// uses them. Close them before the pool. Whether rings are to be had at all, Probe
// tells.
func NewLanes(pool *buffer.Pool, cfg LanesConfig) (*Lanes, error) {
	if cfg.Count == 0 {
		cfg.Count = defaultLanes
	}
	if cfg.Count < 0 {
		return nil, fmt.Errorf("lane count %d is negative", cfg.Count)
	}
	l := &Lanes{pool: pool, cfg: cfg, open: cfg.Count}
	l.changed.L = &l.mu
	for range cfg.Count {
		l.free = append(l.free, &Lane{lanes: l, jobs: make(chan func(*Ring), 1)})
	}
	return l, nil
}

// Count is the number of lanes there may be.
func (l *Lanes) Count() int { return l.cfg.Count }

// Used and missed count the lanes that TryGet gave, and the times it had none;
// failed is why, if the last one that it tried to make could not be made.
func (l *Lanes) Used() (used, missed int64, failed error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used, l.missed, l.failed
}

// TryGet takes a lane that is free, for one Run; nil if there is none, or if no
// ring could be made.
func (l *Lanes) TryGet() *Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) == 0 {
		l.missed++
		return nil
	}
	return l.take()
}

// TrySpare is TryGet for who could do without: it leaves one to others.
func (l *Lanes) TrySpare() *Lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) < 2 {
		return nil
	}
	return l.take()
}

// take takes the last lane that is free.
func (l *Lanes) take() *Lane {
	last := len(l.free) - 1
	lane := l.free[last]
	if lane.ring == nil {
		if l.failed = lane.start(); l.failed != nil {
			l.missed++
			return nil
		}
	}
	l.free = l.free[:last]
	l.used++
	return lane
}

// start makes the thread and its ring.
func (l *Lane) start() error {
	made := make(chan error)
	l.lanes.threads.Go(func() { l.live(made) })
	return <-made
}

// live is the lane's thread. It is never unlocked: when the goroutine ends, the
// thread does, and what the kernel kept for it.
func (l *Lane) live(made chan<- error) {
	runtime.LockOSThread()
	ring, err := New(l.lanes.cfg.Ring)
	if err == nil {
		// Without, each operation maps its pages anew: slower, and as good.
		_ = ring.Register(l.lanes.pool)
		l.ring = ring
	}
	made <- err
	if err != nil {
		return
	}
	for job := range l.jobs {
		job(ring)
		if ring.Drain() != nil {
			// The kernel owns what was in flight for good, and so does this lane.
			l.lanes.back(nil)
			return
		}
		l.lanes.back(l)
	}
	_ = ring.Close() // nothing is in flight: the process loses a descriptor at most
}

// back takes a lane back; nil stands for one that is lost.
func (l *Lanes) back(lane *Lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane == nil {
		l.open--
		l.lost++
	} else {
		l.free = append(l.free, lane)
	}
	l.changed.Broadcast()
}

// Run starts job on the lane's thread and returns at once. When job returns, what
// it left in flight is cancelled and reaped, and the lane is free for others: it
// must not be used any more. Every TryGet is followed by one Run.
func (l *Lane) Run(job func(*Ring)) { l.jobs <- job }

// Wake is the ring's, for whoever wants to interrupt the job.
func (l *Lane) Wake() { l.ring.Wake() }

// Close waits for the jobs under way and ends all lanes. Nobody may take one any
// more. An error means that a lane was lost with memory in the kernel's hands: the
// buffers that it held were not released, and their pool can't be closed.
func (l *Lanes) Close() error {
	l.mu.Lock()
	for len(l.free) < l.open {
		l.changed.Wait()
	}
	for _, lane := range l.free {
		close(lane.jobs)
	}
	l.free, l.open = nil, 0
	lost := l.lost
	l.mu.Unlock()
	l.threads.Wait()
	if lost > 0 {
		return fmt.Errorf("%d lanes were lost", lost)
	}
	return nil
}
