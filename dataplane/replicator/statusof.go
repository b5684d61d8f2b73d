package replicator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/limit"
)

// link is a device of ours and a peer's address.
type link struct{ device, peer string }

// limited finds the links over which as many bytes go as may.
func limited(by *limit.Set) map[link]limit.Waiting {
	links := map[link]limit.Waiting{}
	for _, w := range by.Waiting() {
		if l := (link{w.Device, w.Peer}); w.Direction == limit.Out && links[l].Since.IsZero() {
			links[l] = w
		}
	}
	return links
}

// status copies what is on the board.
func (b *board) status(limited map[link]limit.Waiting) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	s := Status{At: now, Pass: b.pass, Waits: slices.Clone(b.waits)}
	open := newOpen(b.inHand, limited)
	s.Pass.Objects, s.Pass.Bytes, s.Pass.Rate = b.figures(&b.all, now)
	s.Pass.Left = max(0, s.Pass.Partitions-s.Pass.Done)
	s.Pass.LeftSecs = leftSeconds(now.Sub(s.Pass.Began), s.Pass.Done, s.Pass.Left)
	for _, name := range slices.Sorted(maps.Keys(b.devices)) {
		d := b.devices[name]
		of := DeviceStatus{Device: name, Work: b.work(d, now), InHand: open.jobs[name], Waits: b.deviceWaits(d, open)}
		of.Sessions, of.SuffixesLeft, of.ObjectsLeft = open.sessions[name], open.suffixes[name], open.objects[name]
		s.Devices = append(s.Devices, of)
		s.Pass.Sessions += of.Sessions
		s.Pass.SuffixesLeft += of.SuffixesLeft
		s.Pass.ObjectsLeft += of.ObjectsLeft
	}
	for _, p := range b.peers {
		of := PeerStatus{Peer: p.name, Work: b.work(p, now), Last: p.last}
		of.Sessions, of.SuffixesLeft, of.ObjectsLeft = p.sessions, open.suffixes[p.name], open.objects[p.name]
		for _, why := range []string{WaitPeerLimit, WaitRate} {
			if n := open.waits[why][p.name]; n > 0 {
				of.Waits = append(of.Waits, Wait{Reason: why, Partitions: n})
			}
		}
		s.Peers = append(s.Peers, of)
	}
	s.Jobs, s.JobsLeft = open.list()
	s.Stuck, s.StuckInAll, s.StuckUnseen = b.stuck.list()
	return s
}

// work is how far a device or a peer is.
func (b *board) work(s *side, now time.Time) (w Work) {
	w.Partitions, w.Done, w.Failed, w.Left = s.jobs, s.done, s.failed, max(0, s.jobs-s.done)
	w.Objects, w.Bytes, w.Rate = b.figures(&s.meter, now)
	began := s.began
	if began.IsZero() {
		began = b.pass.Began
	}
	w.LeftSecs = leftSeconds(now.Sub(began), w.Done, w.Left)
	return w
}

func (b *board) figures(m *meter, now time.Time) (objects, bytes int64, rate Rate) {
	d := m.total().minus(m.before)
	return d.objects, d.bytes, m.rate(now)
}

// leftSeconds is how long the rest takes if it goes on like this, as Swift reckons.
func leftSeconds(elapsed time.Duration, done, left int) *float64 {
	if done == 0 && left > 0 {
		return nil
	}
	seconds := 0.0
	if left > 0 {
		seconds = elapsed.Seconds() * float64(left) / float64(done)
	}
	return &seconds
}

// deviceWaits tells why what is left of a device is not being done.
func (b *board) deviceWaits(s *side, open *open) (waits []Wait) {
	if s.out != nil {
		waits = append(waits, *s.out)
	}
	if s.waiting > 0 && b.pass.Phase == PassWorking {
		waits = append(waits, Wait{Reason: cmp.Or(s.limit, WaitConcurrency), Partitions: s.waiting})
	}
	for _, reason := range slices.Sorted(maps.Keys(s.again)) {
		w := Wait{Reason: reason, Partitions: s.again[reason]}
		if b.pass.Phase == PassAsking {
			w.Until = b.pass.Until
		}
		waits = append(waits, w)
	}
	for _, h := range open.hands {
		if h.Device == s.name && h.Wait != "" {
			waits = append(waits, Wait{Reason: h.Wait, Partitions: 1, Peer: h.Peer, Since: h.Since})
		}
	}
	return waits
}

// open is what is in hand, added up by device and by peer.
type open struct {
	hands []JobStatus // the oldest first

	jobs, sessions    map[string]int
	suffixes, objects map[string]int64
	waits             map[string]map[string]int // by why, then by peer
}

func newOpen(inHand map[*job]*hand, limited map[link]limit.Waiting) *open {
	o := &open{
		jobs: map[string]int{}, sessions: map[string]int{}, suffixes: map[string]int64{}, objects: map[string]int64{},
		waits: map[string]map[string]int{WaitPeerLimit: {}, WaitRate: {}},
	}
	for j, h := range inHand {
		s, p := h.JobStatus, h.progress
		s.Offered, s.Wanted, s.Objects, s.Bytes = p.Offered.Load(), p.Wanted.Load(), p.Sent.Load(), p.Bytes.Load()
		s.Behind = j.behind.Load()
		left := max(0, s.Wanted-s.Objects-p.LeftOut.Load())
		names := []string{s.Device}
		if h.node != nil {
			s.Peer = peerName(h.node)
			names = append(names, s.Peer)
			if w, is := limited[link{s.Device, limit.PeerOf(h.node.ReplicationAddress())}]; is && s.Phase == PhaseSending {
				s.Wait, s.Since = WaitRate, w.Since
			}
		}
		o.jobs[s.Device]++
		if s.Phase == PhaseSending {
			o.sessions[s.Device]++
			for _, name := range names {
				o.suffixes[name] += s.SuffixesLeft
				o.objects[name] += left
			}
		}
		if peers := o.waits[s.Wait]; peers != nil {
			peers[s.Peer]++
		}
		o.hands = append(o.hands, s)
	}
	slices.SortFunc(o.hands, func(a, b JobStatus) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Partition, b.Partition))
	})
	return o
}

func (o *open) list() (jobs []JobStatus, more int) {
	n := min(len(o.hands), MaxJobs)
	return o.hands[:n], len(o.hands) - n
}

// sortPeers puts those in trouble first, then those at work, and leaves out what is
// too much.
func (s *Status) sortPeers() {
	rank := func(p *PeerStatus) int {
		switch {
		case len(p.Waits) > 0:
			return 0
		case p.Failed > 0:
			return 1
		case p.Sessions > 0:
			return 2
		}
		return 3
	}
	slices.SortFunc(s.Peers, func(a, b PeerStatus) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(a.Peer, b.Peer))
	})
	s.PeersLeft = max(0, len(s.Peers)-MaxPeers)
	s.Peers = s.Peers[:len(s.Peers)-s.PeersLeft]
}

// onHold tells who is not asked for now: by address, or by address/device.
func (p *peers) onHold() map[string]Wait {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.cfg.Now()
	waits := map[string]Wait{}
	for name, h := range p.holds {
		if h.until.After(now) {
			waits[name] = Wait{Reason: h.reason, Until: h.until}
		}
	}
	return waits
}

// addHolds tells of each peer why he is not asked for now. A node that is not reached
// is told of for each of its devices.
func (s *Status) addHolds(holds map[string]Wait) {
	for i := range s.Peers {
		p := &s.Peers[i]
		address, _, _ := strings.Cut(p.Peer, "/")
		for _, name := range []string{address, p.Peer} {
			if w, held := holds[name]; held {
				if p.Last != nil && p.Last.Reason == w.Reason {
					w.Text = p.Last.Text
				}
				p.Waits = append(p.Waits, w)
			}
		}
	}
}
