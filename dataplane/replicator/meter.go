package replicator

import (
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
)

// Rate is what was moved a second, over the last ten or so. Over is how long that
// was looked at; 0: for too short a time to tell.
type Rate struct {
	Objects float64 `json:"objects_per_second"`
	Bytes   float64 `json:"bytes_per_second"`
	Over    float64 `json:"over_seconds"`
}

const (
	sampleEvery = time.Second
	rateWindow  = 10 * time.Second
	leastWindow = time.Second
	rateSamples = int(rateWindow/sampleEvery) + 2
)

// moved is what a device or a peer has got, since the start.
type moved struct{ objects, bytes int64 }

func (m moved) minus(o moved) moved { return moved{m.objects - o.objects, m.bytes - o.bytes} }

func movedBy(p *ssync.Progress) moved { return moved{p.Sent.Load(), p.Bytes.Load()} }

// meter counts what is moved. What is in hand counts as it comes, from where it stood
// when that was begun: so the sum never gets smaller.
type meter struct {
	ended   moved
	live    map[*ssync.Progress]moved
	before  moved // when this pass began
	samples [rateSamples]sample
	next    int
}

type sample struct {
	at time.Time
	moved
}

func (m *meter) begin(p *ssync.Progress) {
	if m.live == nil {
		m.live = map[*ssync.Progress]moved{}
	}
	m.live[p] = movedBy(p)
}

func (m *meter) end(p *ssync.Progress) {
	if from, ok := m.live[p]; ok {
		delete(m.live, p)
		m.add(movedBy(p).minus(from))
	}
}

func (m *meter) add(d moved) {
	m.ended.objects += d.objects
	m.ended.bytes += d.bytes
}

func (m *meter) total() moved {
	sum := meter{ended: m.ended}
	for p, from := range m.live {
		sum.add(movedBy(p).minus(from))
	}
	return sum.ended
}

// sample keeps what was moved by now, for the rate.
func (m *meter) sample(now time.Time) {
	m.samples[m.next%rateSamples] = sample{now, m.total()}
	m.next++
}

// rate is by the oldest sample of the window; while that is too young nothing is
// known, and nothing is guessed.
func (m *meter) rate(now time.Time) Rate {
	total := m.total()
	for i := range rateSamples { // the oldest first
		s := m.samples[(m.next+i)%rateSamples]
		age := now.Sub(s.at)
		if s.at.IsZero() || age > rateWindow+sampleEvery {
			continue
		}
		if age < leastWindow {
			break
		}
		d := total.minus(s.moved)
		return Rate{float64(d.objects) / age.Seconds(), float64(d.bytes) / age.Seconds(), age.Seconds()}
	}
	return Rate{}
}
