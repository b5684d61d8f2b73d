package engine

import "time"

// pace is the least that a peer has to send while he is waited for. A deadline of
// each read bounds one silence; without a pace, a byte before each deadline would
// hold a stream, and all that its reader holds, for ever. Only waiting counts: a
// reader who is slow himself, since a disk is, has nobody to blame.
type pace struct {
	least  int
	within time.Duration // 0: no pace is asked for
	came   int           // since least bytes had come the last time
	waited time.Duration // for them
}

// SetPace makes the stream end with ErrTooSlow once the peer has been waited for
// `within` in all, in as many reads as it took, and fewer than least bytes have
// come in them.
func (i *Inbound) SetPace(least int, within time.Duration) {
	i.pace = pace{least: least, within: within}
}

// begin is when a read begins.
func (p *pace) begin() (at time.Time) {
	if p.within > 0 {
		at = time.Now()
	}
	return at
}

// tooSlow tells whether the read that began then, of n bytes, was one too many.
func (p *pace) tooSlow(began time.Time, n int) bool {
	if p.within <= 0 {
		return false
	}
	p.came += n
	p.waited += time.Since(began)
	if p.came >= p.least {
		p.came, p.waited = 0, 0
	}
	return p.waited >= p.within
}
