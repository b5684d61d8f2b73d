package replicator

import (
	"sync"
	"time"
)

// behind owns the goroutines that touch our disks. A call on a disk that hangs
// can't be ended: its goroutine is left behind, and its device is let alone until
// that comes back.
type behind struct {
	mu   sync.Mutex
	on   map[string]int // by device
	left int
	idle chan struct{} // closed while there are none
}

func newBehind() *behind {
	b := &behind{on: map[string]int{}, idle: make(chan struct{})}
	close(b.idle)
	return b
}

// spawn runs f, which has to do with a device; tell is called when that is over, and
// must not block.
func (b *behind) spawn(device string, f, tell func()) {
	b.mu.Lock()
	if b.left == 0 {
		b.idle = make(chan struct{})
	}
	b.left++
	b.on[device]++
	b.mu.Unlock()
	go func() {
		f()
		b.ended(device)
		tell()
	}()
}

func (b *behind) ended(device string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left--
	if b.on[device]--; b.on[device] == 0 {
		delete(b.on, device)
	}
	if b.left == 0 {
		close(b.idle)
	}
}

// has tells whether something is still at work on a device.
func (b *behind) has(device string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.on[device] > 0
}

// wait waits until all have ended, for as long as d, and returns how many have
// not.
func (b *behind) wait(d time.Duration) (left int) {
	b.mu.Lock()
	idle := b.idle
	b.mu.Unlock()
	patience := time.NewTimer(d)
	defer patience.Stop()
	select {
	case <-idle:
	case <-patience.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}
