package limit

import "time"

const (
	// spare is how long a bucket fills while nobody asks: as long as a stream may be
	// busy with what it was granted, without losing what is paid meanwhile.
	spare = 500 * time.Millisecond
	// share of a bucket's rate is what is granted at once, where that is more than the
	// least: a quarter of a second's, so that a link sees no long bursts.
	share = 250 * time.Millisecond
)

// Least is what a stream gets in any case: so many bytes within a time.
type Least struct {
	Bytes  int64
	Within time.Duration
}

// patience is how long n bytes may be waited for.
func (l Least) patience(n int64) time.Duration {
	if n >= l.Bytes {
		return l.Within
	}
	return time.Duration(float64(l.Within) * float64(n) / float64(l.Bytes))
}

// bucket is of one kind, name and direction. Its counters only grow.
type bucket struct {
	rate          float64 // bytes a second; 0: no limit
	granted, paid float64
	at            time.Time // up to when paid is reckoned
	users         int       // streams that draw from it
}

// worth is what the rate pays for in a time.
func (b *bucket) worth(d time.Duration) float64 { return b.rate * d.Seconds() }

// advance pays for the time until now.
func (b *bucket) advance(now time.Time) {
	if b.rate == 0 {
		b.paid = b.granted
	} else {
		b.paid = min(b.paid+b.worth(now.Sub(b.at)), b.granted+b.worth(spare))
	}
	b.at = now
}

// change sets another rate; what is owed by the old one is no more than what the new
// one pays for in its patience.
func (b *bucket) change(rate Rate, least Least, now time.Time) {
	b.advance(now)
	b.rate = float64(rate)
	b.advance(now)
	b.forgive(least)
}

// most is how much of n bytes may be granted at once: no more than the least, once half
// of what within pays for is owed. The other half is for the least of everybody.
func (b *bucket) most(n int64, least Least) int64 {
	if b.rate == 0 {
		return n
	}
	room := b.worth(least.Within)/2 - (b.granted - b.paid)
	return min(n, max(least.Bytes, int64(min(room, b.worth(share)))))
}

// grant grants n bytes, and tells what paid must come to.
func (b *bucket) grant(n int64, least Least) (due float64) {
	b.granted += float64(n)
	b.forgive(least)
	return b.granted
}

// forgive strikes what can't be kept.
func (b *bucket) forgive(least Least) {
	if b.rate > 0 {
		b.paid = max(b.paid, b.granted-b.worth(least.Within))
	} else {
		b.paid = b.granted
	}
}

// wait is how long it takes until paid has come to due.
func (b *bucket) wait(due float64) time.Duration {
	if b.paid >= due || b.rate == 0 {
		return 0
	}
	return max(1, time.Duration((due-b.paid)/b.rate*float64(time.Second)))
}
