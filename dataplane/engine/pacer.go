package engine

import (
	"hash"
	"time"
)

// Pacer bounds how fast a stream goes. A granted byte counts, whether or not it passes
// then.
type Pacer interface {
	// Pace asks for the next n bytes. It waits as long as it must, and returns how many
	// of them may pass, at least one, and how long it waited. The end of stop ends the
	// wait.
	Pace(n int64, stop <-chan struct{}) (granted int64, waited time.Duration)
}

const (
	// partBytes are asked for at once for a body: so much of it may go on by a ring or
	// in one write until it hears of a limit that is new.
	partBytes = 64 << 20
	// slowRate is what a stream must be granted in a second to be worth a lane.
	slowRate = 8 << 20
)

// paced is what a stream has to do with its pacer: all that is written from a buffer
// is asked for with its framing, of bodies that the kernel takes from a file the bytes
// alone; and all that is read, when it has been. The owner waits, with no lane in his
// hand, but for a body that was landing by one when it became slow.
type paced struct {
	by     Pacer // nil: nobody
	ahead  int64 // granted and not used; negative: used and not granted
	waited time.Duration

	slow       bool // less than slowRate was granted, of the last MiB
	asked      int64
	askedSince time.Duration // waited, when asked was 0
}

// pay returns how many of the next n bytes may pass, at least one.
func (p *paced) pay(n int64, stop <-chan struct{}) int64 {
	if p.by == nil || n <= 0 {
		return n
	}
	for p.ahead <= 0 {
		granted, waited := p.by.Pace(min(n-p.ahead, partBytes), stop)
		p.ahead += granted
		p.waited += waited
		p.judge(granted)
	}
	n = min(n, p.ahead)
	p.ahead -= n
	return n
}

func (p *paced) judge(granted int64) {
	if p.asked += granted; p.asked >= 1<<20 {
		p.slow = (p.waited-p.askedSince).Seconds()*slowRate > float64(p.asked)
		p.asked, p.askedSince = 0, p.waited
	}
}

// endedFor is what ends a pacer's wait, where there is one.
func endedFor(p Pacer) chan struct{} {
	if p == nil {
		return nil
	}
	return make(chan struct{})
}

func (o *Outbound) pay(n int64) int64 { return o.paced.pay(n, o.gate.ended) }

// owe is for n bytes that go before it is asked for them.
func (o *Outbound) owe(n int) {
	if o.paced.by != nil {
		o.paced.ahead -= int64(n)
	}
}

// Paced is how long the stream has waited for its pacer.
func (o *Outbound) Paced() time.Duration { return o.paced.waited }

// Paced is how long the stream has waited for its pacer.
func (i *Inbound) Paced() time.Duration { return i.paced.waited }

// spend pays for n bytes that were read: the next ones are read when it has.
func (i *Inbound) spend(n int) {
	for left := int64(n); left > 0; {
		left -= i.paced.pay(left, i.gate.ended)
	}
}

// sendParts is sendByRing for what may pass at once, again and again: a lane is taken
// for that alone, and nobody waits with it. Parts end with a chunk, so that the body
// looks as it would in one. What is granted too little at a time goes another way, as
// does all after it. The last part is the one whose tail is told of.
func (o *Outbound) sendParts(src FileSource, off int64, k Kind, reason Reason, digest hash.Hash) (sent int64, is bool, without Reason, err error) {
	if o.paced.by == nil {
		return o.sendByRing(src, off, k, reason, digest)
	}
	defer func() { o.goesOn = false }()
	tail := o.tail
	for n, chunk := k.Bytes, int64(o.limit-headroom); sent < n; o.goesOn = true {
		if k.Bytes = o.pay(n - sent); k.Bytes < n-sent {
			o.paced.ahead += k.Bytes % chunk
			k.Bytes -= k.Bytes % chunk
			if b, is := src.(*Begun); is {
				b.Abandon() // it was begun as a whole
			}
		}
		o.tail = nil
		if sent+k.Bytes == n && o.paced.waited == 0 {
			o.tail = tail
		}
		if k.Bytes == 0 {
			return sent, false, ReasonPaced, nil
		}
		pending := o.Pending()
		part, is, without, err := o.sendByRing(src, off+sent, k, reason, digest)
		if !is {
			o.paced.ahead += k.Bytes
			return sent, false, without, nil
		}
		o.owe(pending - o.Pending())
		if sent += part; err != nil {
			return sent, true, 0, err
		}
	}
	return sent, true, 0, nil
}
