package limit

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says how limits are kept. The zero value is for ssync.
type Config struct {
	// LeastOut: Swift's receiver reads 64 KiB of a body at once, each within
	// client_timeout, 60 s. A quarter of that.
	LeastOut Least // 0: 64 KiB in 15 s
	// LeastIn: Swift's sender has 10 s for each send (node_timeout), and the kernel
	// wakes him when a third of his socket's buffer is free, of up to 4 MiB. When he
	// has sent everything, 10 MiB may still be in buffers, and he waits for 60 s
	// (http_timeout).
	LeastIn Least // 0: 2 MiB in 5 s
}

var defaultLeast = [directions]Least{Out: {64 << 10, 15 * time.Second}, In: {2 << 20, 5 * time.Second}}

// Set keeps limits, for all streams of a node. Its methods may be called from any
// goroutine.
type Set struct {
	least   [directions]Least
	limited [directions]atomic.Bool // there is a limit, of whomever

	mu      sync.Mutex
	limits  Limits
	buckets map[name]*bucket
	changed chan struct{} // closed when the limits are, and then another one
	streams map[*Stream]struct{}
	waited  [directions][kinds]time.Duration
}

// name of a bucket.
type name struct {
	direction Direction
	kind      Kind
	of        string
}

// New returns a set without a limit.
func New(cfg Config) *Set {
	s := &Set{least: defaultLeast, buckets: map[name]*bucket{}, changed: make(chan struct{}), streams: map[*Stream]struct{}{}}
	for d, least := range [directions]Least{Out: cfg.LeastOut, In: cfg.LeastIn} {
		if least.Bytes > 0 && least.Within > 0 {
			s.least[d] = least
		}
	}
	return s
}

// Change sets other limits, all of them, or none with an error. Who waits for the old
// ones waits for the new ones, from this moment on.
func (s *Set) Change(limits Limits) error {
	limits, err := limits.checked()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
	now := time.Now()
	for name, b := range s.buckets {
		b.change(limits.rates(name.kind, name.of).of(name.direction), s.least[name.direction], now)
	}
	for d := range directions {
		s.limited[d].Store(limits.any(d))
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// Limits are those that were set. The maps are nobody's to change.
func (s *Set) Limits() Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits
}

// Open returns a stream of a device and a peer, HOST:PORT or HOST. It is to be closed.
func (s *Set) Open(d Direction, device, peer string) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &Stream{set: s, direction: d, device: device, peer: PeerOf(peer)}
	for k := range kinds {
		t.buckets[k] = s.draw(t.name(k))
	}
	s.streams[t] = struct{}{}
	return t
}

// draw finds a bucket, or makes it.
func (s *Set) draw(n name) *bucket {
	b := s.buckets[n]
	if b == nil {
		b = &bucket{rate: float64(s.limits.rates(n.kind, n.of).of(n.direction)), at: time.Now()}
		s.buckets[n] = b
	}
	b.users++
	return b
}

// leave gives a bucket up; nobody's are forgotten.
func (s *Set) leave(n name) {
	if b := s.buckets[n]; b != nil {
		if b.users--; b.users == 0 {
			delete(s.buckets, n)
		}
	}
}

// Waited is how long streams have waited in all for limits of a kind, the one that
// was the slowest when they did.
func (s *Set) Waited(d Direction, k Kind) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waited[d][k]
}

// Waiting is a stream that waits for a limit now.
type Waiting struct {
	Direction Direction
	Device    string
	Peer      string
	For       Kind // the slowest
	Since     time.Time
}

// Waiting lists the streams that do, the longest first. A nil Set has no limit.
func (s *Set) Waiting() (list []Waiting) {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.streams {
		if !t.since.IsZero() {
			list = append(list, Waiting{t.direction, t.device, t.peer, t.slowest, t.since})
		}
	}
	slices.SortFunc(list, func(a, b Waiting) int { return a.Since.Compare(b.Since) })
	return list
}
