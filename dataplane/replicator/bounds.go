package replicator

import (
	"fmt"
	"sync"
)

// Bounds say how much is done side by side. They can be changed while passes run.
type Bounds struct {
	Concurrency int `json:"concurrency"` // jobs at once
	PerDevice   int `json:"per_device"`  // of them on one local device; 0: its share
	PerPeer     int `json:"per_peer"`    // sessions with one remote device
}

// bounds are the ones that hold.
type bounds struct {
	most int // of Concurrency: what there are buffers for

	mu      sync.Mutex
	now     Bounds
	changed chan struct{} // closed when they are, and then another one
}

func newBounds(cfg Config) *bounds {
	return &bounds{most: cfg.MaxConcurrency, now: Bounds{cfg.Concurrency, cfg.PerDevice, cfg.PerPeer}, changed: make(chan struct{})}
}

func (b *bounds) get() (now Bounds, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.changed
}

// Bounds are those that hold now.
func (r *Replicator) Bounds() Bounds {
	now, _ := r.bounds.get()
	return now
}

// Change sets other bounds, at once. Where there are more jobs in hand than they allow,
// those come to their ends, and no others begin. Beyond MaxConcurrency there would be no
// buffers: that is an error, and nothing changes.
func (r *Replicator) Change(to Bounds) error {
	switch {
	case to.Concurrency < 1 || to.Concurrency > r.bounds.most:
		return fmt.Errorf("concurrency %d: not 1 to %d, as many as there are buffers for (--max-concurrency)", to.Concurrency, r.bounds.most)
	case to.PerDevice < 0:
		return fmt.Errorf("per_device %d: less than 0, which is a device's share", to.PerDevice)
	case to.PerPeer < 1:
		return fmt.Errorf("per_peer %d: less than 1", to.PerPeer)
	}
	b := r.bounds
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = to
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}
