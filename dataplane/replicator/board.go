package replicator

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes/ring"
)

// board is where passes and jobs write down what they are about, for who asks. It
// decides nothing. Its lock is held for moments, and never over a call that waits.
type board struct {
	mu   sync.Mutex
	now  func() time.Time
	pass PassStatus
	all  meter

	waits   []Wait // of the pass
	devices map[string]*side
	peers   map[targetName]*side
	inHand  map[*job]*hand
	stuck   *stuckList
}

// side is one of our devices, or a peer.
type side struct {
	meter
	name     string
	began    time.Time // when its first job of the pass did
	jobs     int
	done     int
	failed   int
	sessions int

	waiting int            // jobs that have not begun
	limit   string         // why the next of them has not
	again   map[string]int // jobs to be tried again, by why
	out     *Wait          // why it is left out of the pass
	last    *Trouble       // of a peer
}

// hand is a job in hand.
type hand struct {
	JobStatus
	node     *ring.Device
	progress *ssync.Progress
}

func newBoard(cfg Config) *board {
	return &board{
		now: cfg.Now, pass: PassStatus{Phase: PassNone}, inHand: map[*job]*hand{},
		devices: map[string]*side{}, peers: map[targetName]*side{}, stuck: newStuckList(cfg.StuckAfter),
	}
}

// maxTrouble bounds what is kept of an error.
const maxTrouble = 256

func troubleOf(err error, peer string, at time.Time) *Trouble {
	text := err.Error()
	if len(text) > maxTrouble {
		text = text[:maxTrouble] + "…"
	}
	return &Trouble{Reason: reasonOf(err), Text: text, Peer: peer, At: at}
}

func (b *board) device(name string) *side {
	if b.devices[name] == nil {
		b.devices[name] = &side{name: name}
	}
	return b.devices[name]
}

func (b *board) peer(d *ring.Device) *side {
	if b.peers[target(d)] == nil {
		b.peers[target(d)] = &side{name: peerName(d)}
	}
	return b.peers[target(d)]
}

// begins opens a pass: what was of the last one is forgotten, but for what is still
// in hand.
func (b *board) begins() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.pass = PassStatus{Phase: PassLooking, Number: b.pass.Number + 1, Began: now, Since: now}
	b.waits = nil
	b.all.before = b.all.total()
	fresh := func(s *side) *side {
		s.before = s.total()
		return &side{meter: s.meter, name: s.name, sessions: s.sessions, last: s.last}
	}
	for name, s := range b.devices {
		b.devices[name] = fresh(s)
	}
	for name, s := range b.peers {
		if b.peers[name] = fresh(s); s.jobs == 0 && s.last == nil && s.sessions == 0 { // in no ring any more
			delete(b.peers, name)
		}
	}
}

// plans notes what a pass has to do.
func (b *board) plans(jobs []*job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass.Partitions = len(jobs)
	for _, j := range jobs {
		s := b.device(j.device)
		s.jobs++
		s.waiting++
		for _, n := range j.nodes {
			b.peer(n).jobs++
		}
	}
	for name, s := range b.devices {
		if s.jobs == 0 && s.out == nil && len(s.live) == 0 {
			delete(b.devices, name)
		}
	}
	b.turns(PassWorking, 0)
}

// turns begins a phase of the pass, of so long a wait if it is one.
func (b *board) turns(phase string, wait time.Duration) {
	now := b.now()
	b.pass.Phase, b.pass.Since, b.pass.Until = phase, now, time.Time{}
	if wait > 0 {
		b.pass.Until = now.Add(wait)
	}
}

// idles notes that the next pass begins in a while.
func (b *board) idles(wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turns(PassIdle, wait)
}

// asksAgain notes a wait for peers that were busy.
func (b *board) asksAgain(wait time.Duration) (over func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turns(PassAsking, wait)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.turns(PassWorking, 0)
	}
}

// anew takes jobs back that are done once more.
func (b *board) anew(jobs []*job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.devices {
		s.again = nil
	}
	for _, j := range jobs {
		b.device(j.device).waiting++
	}
}

// queued notes what keeps the jobs that wait from beginning.
func (b *board) queued(q *queue) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass.Places, b.pass.PerDevice, b.pass.Working = q.places, q.perDevice, q.working
	for device, list := range q.waiting {
		s := b.device(device)
		s.waiting, s.limit = len(list), WaitConcurrency
		if q.inHand[device] >= q.perDevice {
			s.limit = WaitDeviceLimit
		}
	}
}

// cleared notes that no more jobs begin in this pass.
func (b *board) cleared() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.devices {
		s.waiting = 0
	}
}

// waitsFor notes what holds up more than a device, until the next pass begins.
func (b *board) waitsFor(w Wait) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Since = b.now()
	b.waits = append(b.waits, w)
}

// lost notes a device that is left out of the pass.
func (b *board) lost(name string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := troubleOf(err, "", b.now())
	b.device(name).out = &Wait{Reason: t.Reason, Text: t.Text, Since: t.At}
}

// takes notes a job whose turn it is; end frames it.
func (b *board) takes(j *job) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, progress := b.now(), j.progress
	j.trouble = nil
	s := b.device(j.device)
	if s.began.IsZero() {
		s.began = now
	}
	s.begin(progress)
	b.all.begin(progress)
	b.inHand[j] = &hand{progress: progress, JobStatus: JobStatus{
		Device: j.device, Policy: j.policy.Index, Partition: j.partition, Kind: j.kind(), Phase: PhaseOpening, Since: now, Began: now,
	}}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.inHand, j)
		b.device(j.device).end(progress)
		b.all.end(progress)
	}
}

// finished notes what came of a job.
func (b *board) finished(j *job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.device(j.device)
	if j.again {
		if s.again == nil {
			s.again = map[string]int{}
		}
		reason := WaitBusy
		if j.trouble != nil {
			reason = j.trouble.Reason
		}
		s.again[reason]++
		return
	}
	b.pass.Done++
	s.done++
	if j.trouble != nil {
		b.pass.Failed++
		s.failed++
	}
	for _, n := range j.nodes {
		p := b.peer(n)
		if p.done++; j.failedAt(n) {
			p.failed++
		}
	}
}

func (j *job) failedAt(n *ring.Device) bool {
	for _, t := range j.failed {
		if t == target(n) {
			return true
		}
	}
	return false
}

// samples keeps rates up to date until stop is called.
func (b *board) samples() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	b.sample()
	go func() {
		defer close(ended)
		for pause(ctx, sampleEvery) {
			b.sample()
		}
	}()
	return func() { cancel(); <-ended }
}

func (b *board) sample() {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.all.sample(now)
	for _, s := range b.devices {
		s.sample(now)
	}
	for _, s := range b.peers {
		s.sample(now)
	}
}

// edit changes what is written down of a job in hand.
func (b *board) edit(j *job, change func(*hand)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.inHand[j]; h != nil {
		change(h)
	}
}

// at notes what a visit is about now, and with whom: nil for nobody.
func (v *visit) at(phase string, node *ring.Device) { v.turns(phase, "", node) }

// waits notes why a visit waits. That it waits for a rate is known where rates are.
func (v *visit) waits(reason string, node *ring.Device) { v.turns(PhaseWaiting, reason, node) }

func (v *visit) turns(phase, wait string, node *ring.Device) {
	now := v.board.now()
	v.board.edit(v.job, func(h *hand) {
		h.Phase, h.Wait, h.Since, h.node = phase, wait, now, node
	})
}

// left notes how many suffixes a visit has still to push to the peer at hand.
func (v *visit) left(suffixes int) {
	v.board.edit(v.job, func(h *hand) { h.SuffixesLeft = int64(suffixes) })
}

// enter takes a place at a peer.
func (v *visit) enter(ctx context.Context, node *ring.Device) (leave func(error), err error) {
	v.waits(WaitPeerLimit, node)
	leave, err = v.peers.enter(ctx, node)
	if err == nil {
		v.at(PhaseAsking, node)
	}
	return leave, err
}

// talks frames a session with a peer.
func (v *visit) talks(node *ring.Device) (end func()) {
	v.at(PhaseSending, node)
	b, progress := v.board, v.job.progress
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.peer(node)
	s.begin(progress)
	s.sessions++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s := b.peer(node) // a pass may have begun meanwhile
		s.end(progress)
		s.sessions--
	}
}

// troubled remembers why a job fails: what comes later is told, but an error of our
// own before those of peers. What a peer who is on hold did is told by what put him
// there.
func (v *visit) troubled(node *ring.Device, err error) {
	b := v.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if node == nil {
		v.job.trouble = troubleOf(err, "", b.now())
		return
	}
	s := b.peer(node)
	t := troubleOf(err, s.name, b.now())
	var held *heldError
	if errors.As(err, &held) {
		if s.last != nil && s.last.Reason == t.Reason {
			t.Text = s.last.Text
		}
	} else {
		s.last = t
	}
	v.job.trouble = t
}
