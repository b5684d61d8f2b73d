package uring

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

// defaultLanes keep two cores and their disks busy; a lane waits most of its time.
const defaultLanes = 4

// LanesConfig sizes a set of lanes. The zero value is usable.
type LanesConfig struct {
	Count int // lanes; 0 = 4
	Ring  Config
}

// Lanes are rings with their threads. A lane costs a thread, a descriptor or two
// and 300 KiB.
type Lanes struct {
	free    chan *Lane
	all     []*Lane
	threads sync.WaitGroup
	taken   atomic.Int64
	missed  atomic.Int64
}

// Lane is one of them, in the hands of whoever got it.
type Lane struct {
	lanes *Lanes
	ring  *Ring
	jobs  chan func(*Ring)
}

// NewLanes makes the lanes of a pool, whose buffers each of them registers as it
// uses them. Close them before the pool. If not even one ring is to be had it fails
// as New does; with some, it makes do.
func NewLanes(pool *buffer.Pool, cfg LanesConfig) (*Lanes, error) {
	if cfg.Count == 0 {
		cfg.Count = defaultLanes
	}
	if cfg.Count < 0 {
		return nil, fmt.Errorf("lane count %d is negative", cfg.Count)
	}
	l := &Lanes{free: make(chan *Lane, cfg.Count)}
	for range cfg.Count {
		lane := &Lane{lanes: l, jobs: make(chan func(*Ring), 1)}
		made := make(chan error)
		l.threads.Go(func() { lane.live(pool, cfg.Ring, made) })
		if err := <-made; err != nil {
			if len(l.all) > 0 && Unavailable(err) {
				break
			}
			return nil, errors.Join(err, l.Close())
		}
		l.all = append(l.all, lane)
		l.free <- lane
	}
	return l, nil
}

// live is the lane's thread. It is never unlocked: when the goroutine ends, the
// thread does, and what the kernel kept for it.
func (l *Lane) live(pool *buffer.Pool, cfg Config, made chan<- error) {
	runtime.LockOSThread()
	ring, err := New(cfg)
	if err == nil {
		// Without, each operation maps its pages anew: slower, and as good.
		_ = ring.Register(pool)
		l.ring = ring
	}
	made <- err
	if err != nil {
		return
	}
	for job := range l.jobs {
		job(ring)
		if err := ring.Drain(); err != nil {
			// The kernel owns what was in flight for good, and so does this lane.
			l.lanes.free <- nil
			return
		}
		l.lanes.free <- l
	}
	_ = ring.Close() // nothing is in flight: the process loses a descriptor at most
}

// Count is the number of lanes there are.
func (l *Lanes) Count() int { return len(l.all) }

// Used and Missed count the lanes that TryGet gave, and the times it had none.
func (l *Lanes) Used() int64   { return l.taken.Load() }
func (l *Lanes) Missed() int64 { return l.missed.Load() }

// TryGet takes a lane that is free, for one Run; nil if there is none.
func (l *Lanes) TryGet() *Lane {
	for range l.all {
		select {
		case lane := <-l.free:
			if lane != nil {
				l.taken.Add(1)
				return lane
			}
			l.free <- nil // the place of one that was lost
		default:
		}
	}
	l.missed.Add(1)
	return nil
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
	lost := 0
	for range l.all {
		if lane := <-l.free; lane != nil {
			close(lane.jobs)
		} else {
			lost++
		}
	}
	l.threads.Wait()
	l.all = nil
	if lost > 0 {
		return fmt.Errorf("%d lanes were lost", lost)
	}
	return nil
}
