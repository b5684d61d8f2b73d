package limit

import "time"

// Stream is one direction of a connection. One goroutine at a time may call Pace.
type Stream struct {
	set          *Set
	direction    Direction
	device, peer string
	buckets      [kinds]*bucket

	since   time.Time // it has waited; zero: it does not
	slowest Kind      // what for
}

func (t *Stream) name(k Kind) name {
	of := ""
	switch k {
	case Device:
		of = t.device
	case Peer:
		of = t.peer
	}
	return name{t.direction, k, of}
}

// Pace asks for the next n bytes: some of them, at least one, are granted, perhaps
// after a wait, which the end of stop ends. A granted byte counts whether or not it
// passes then.
func (t *Stream) Pace(n int64, stop <-chan struct{}) (granted int64, waited time.Duration) {
	if n <= 0 || !t.set.limited[t.direction].Load() {
		return n, 0
	}
	s, began := t.set, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	granted, due := t.take(n, began)
	until := began.Add(s.least[t.direction].patience(granted))
	for now := began; ; {
		wait := t.wait(due, now)
		if wait = min(wait, until.Sub(now)); wait <= 0 {
			break
		}
		if t.since.IsZero() {
			t.since = now
		}
		changed := s.changed
		s.mu.Unlock()
		stopped := pause(wait, changed, stop)
		s.mu.Lock()
		was := now
		now = time.Now()
		s.waited[t.direction][t.slowest] += now.Sub(was)
		waited = now.Sub(began)
		if stopped {
			break
		}
	}
	t.since = time.Time{}
	return granted, waited
}

// take draws from each of the three buckets what the fullest of them allows.
func (t *Stream) take(n int64, now time.Time) (granted int64, due [kinds]float64) {
	least := t.set.least[t.direction]
	for _, b := range t.buckets {
		b.advance(now)
		n = b.most(n, least)
	}
	for k, b := range t.buckets {
		due[k] = b.grant(n, least)
	}
	return n, due
}

// wait is how long it takes until the slowest bucket is paid.
func (t *Stream) wait(due [kinds]float64, now time.Time) (longest time.Duration) {
	for k, b := range t.buckets {
		b.advance(now)
		if wait := b.wait(due[k]); wait > longest {
			longest, t.slowest = wait, Kind(k)
		}
	}
	return longest
}

// pause waits, and tells whether it was stopped.
func pause(d time.Duration, changed, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-stop:
		return true
	}
	return false
}

// Close gives the stream up. A nil Stream may be closed.
func (t *Stream) Close() {
	if t == nil {
		return
	}
	t.set.mu.Lock()
	defer t.set.mu.Unlock()
	delete(t.set.streams, t)
	for k := range kinds {
		t.set.leave(t.name(k))
	}
}
