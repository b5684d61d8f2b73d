package replicator

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/hashes"
)

// Stuck is a partition that has failed, or did not end, in several passes in a row; or
// a whole device, or a policy, that was left out of as many.
type Stuck struct {
	Device    string  `json:"device,omitempty"`
	Policy    *int    `json:"policy,omitempty"`
	Partition *uint32 `json:"partition,omitempty"` // none: the whole device, or policy
	Kind      string  `json:"kind,omitempty"`      // update or revert

	Trouble           // the last one
	Since   time.Time `json:"since"`  // of the first of these passes
	Passes  int       `json:"passes"` // at the least: one that was not remembered begins anew

	Hint    string `json:"hint"`    // what it takes
	Command string `json:"command"` // a line for a shell, to begin with
}

const (
	defaultStuckAfter = 3

	// maxRemembered bounds what is remembered of partitions that fail: at some 500
	// bytes each, 5 MB. What fails already stays, so those that are stuck for the
	// longest are never among the rest.
	maxRemembered = 10_000

	// maxStuckLines bounds the lines of one pass about what has become stuck.
	maxStuckLines = 100
)

// stuckKey names what may be stuck; a policy or a partition of -1 is none.
type stuckKey struct {
	device    string
	policy    int
	partition int64
}

type stuckEntry struct {
	Stuck
	pass int // in which it was last seen
}

// stuckList remembers what fails, pass by pass.
type stuckList struct {
	after   int
	most    int
	pass    int
	entries map[stuckKey]*stuckEntry
	unseen  int // what failed in the last pass and found no room
}

func newStuckList(after int) *stuckList {
	return &stuckList{after: after, most: maxRemembered, entries: map[stuckKey]*stuckEntry{}}
}

// begins opens the account of a pass.
func (l *stuckList) begins() { l.pass, l.unseen = l.pass+1, 0 }

// fails notes that something failed in a pass; became tells that it counts as stuck
// from now on.
func (l *stuckList) fails(k stuckKey, what Stuck) (became bool) {
	e := l.entries[k]
	if e == nil {
		if len(l.entries) >= l.most {
			l.unseen++
			return false
		}
		what.Since = what.At
		e = &stuckEntry{Stuck: what}
		l.entries[k] = e
	}
	what.Since, what.Passes = e.Since, e.Passes+1
	e.Stuck, e.pass = what, l.pass
	return e.Passes == l.after
}

// advances forgets what got on.
func (l *stuckList) advances(k stuckKey) { delete(l.entries, k) }

// sweep forgets what is of no device that was gone over, or was there no more.
func (l *stuckList) sweep(devices []string) {
	maps.DeleteFunc(l.entries, func(k stuckKey, e *stuckEntry) bool {
		return k.partition >= 0 && e.pass != l.pass && slices.Contains(devices, k.device)
	})
}

// list gives what is stuck, the longest first.
func (l *stuckList) list() (stuck []Stuck, all, unseen int) {
	for _, e := range l.entries {
		if e.Passes >= l.after {
			stuck = append(stuck, e.Stuck)
		}
	}
	slices.SortFunc(stuck, func(a, b Stuck) int {
		return cmp.Or(-cmp.Compare(a.Passes, b.Passes), a.Since.Compare(b.Since), cmp.Compare(a.Device, b.Device), cmp.Compare(a.number(), b.number()))
	})
	all = len(stuck)
	return stuck[:min(all, MaxStuck)], all, l.unseen
}

func (s *Stuck) number() int64 {
	if s.Partition == nil {
		return -1
	}
	return int64(*s.Partition)
}

// counts adds partitions up by device and reason.
func (l *stuckList) counts() map[stats.Stuck]int {
	n := map[stats.Stuck]int{}
	for k, e := range l.entries {
		if e.Passes >= l.after && k.partition >= 0 {
			n[stats.Stuck{Device: k.device, Reason: e.Reason}]++
		}
	}
	return n
}

var errNotInRing = errors.New("this node is not found in its ring")

// holdsUp notes that a policy is not gone over in this pass.
func (p *pass) holdsUp(policy hashes.Policy, err error) {
	t := troubleOf(err, "", p.cfg.Now())
	t.Reason = WaitRing
	p.board.waitsFor(Wait{Reason: WaitRing, Policy: &policy.Index, Text: t.Text})
	p.waiting[policy.Index] = t
}

// judge accounts for a pass: what failed in it once more, and what got on. A job that
// did not begin says nothing; one that was left behind has failed.
func (p *pass) judge(jobs []*job, report Report) {
	if p.cfg.DryRun {
		return
	}
	var news []Stuck
	var counts map[stats.Stuck]int
	p.board.account(func(l *stuckList) {
		l.begins()
		for _, j := range jobs {
			p.judgeJob(l, j, &news)
		}
		p.judgeRest(l, &news)
		if !report.RingChanged && !report.Cut && p.cfg.Only.empty() && !p.cfg.HandoffsOnly {
			l.sweep(p.devices)
		}
		counts = l.counts()
	})
	p.cfg.Stats.Stuck(counts)
	p.advise(news)
	p.tellStuck(news)
}

func (b *board) account(with func(*stuckList)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	with(b.stuck)
}

func (p *pass) judgeJob(l *stuckList, j *job, news *[]Stuck) {
	k := stuckKey{j.device, j.policy.Index, int64(j.partition)}
	what := Stuck{Device: j.device, Policy: &j.policy.Index, Partition: &j.partition, Kind: j.kind()}
	_, done := p.done[j.key()]
	switch {
	case j.behind.Load(): // what it has written down may still change
		what.Trouble = *troubleOf(errHangs, "", p.cfg.Now())
	case !done:
		if e := l.entries[k]; e != nil {
			e.pass = l.pass
		}
		return
	case j.trouble == nil:
		l.advances(k)
		return
	default:
		what.Trouble = *j.trouble
	}
	if l.fails(k, what) {
		*news = append(*news, l.entries[k].Stuck)
	}
}

// judgeRest accounts for devices and policies as a whole.
func (p *pass) judgeRest(l *stuckList, news *[]Stuck) {
	fails := func(k stuckKey, what Stuck) {
		if l.fails(k, what) {
			*news = append(*news, l.entries[k].Stuck)
		}
	}
	for name, d := range p.board.devices {
		k := stuckKey{name, -1, -1}
		if d.out == nil {
			l.advances(k)
			continue
		}
		fails(k, Stuck{Device: name, Trouble: Trouble{Reason: d.out.Reason, Text: d.out.Text, At: d.out.Since}})
	}
	for _, policy := range p.cfg.Store.Cluster().Policies {
		k := stuckKey{"", policy.Index, -1}
		if t := p.waiting[policy.Index]; t != nil {
			fails(k, Stuck{Policy: &policy.Index, Trouble: *t})
		} else {
			l.advances(k)
		}
	}
}

// tellStuck logs what has become stuck, once.
func (p *pass) tellStuck(news []Stuck) {
	for i, s := range news {
		if i == maxStuckLines {
			p.cfg.Log.Warn("more partitions do not advance: 'ringsync status' tells how many", "more", len(news)-i)
			return
		}
		attrs := []any{"device", s.Device}
		if s.Policy != nil {
			attrs = append(attrs, "policy", *s.Policy)
		}
		if s.Partition != nil {
			attrs = append(attrs, "partition", strconv.FormatUint(uint64(*s.Partition), 10), "kind", s.Kind)
		}
		if s.Peer != "" {
			attrs = append(attrs, "peer", s.Peer)
		}
		p.cfg.Log.Warn(s.what()+" does not advance", append(attrs, "passes", s.Passes, "since", s.Since.UTC().Format(time.RFC3339), "reason", s.Reason, "error", s.Text, "try", s.Command)...)
	}
}

func (s *Stuck) what() string {
	switch {
	case s.Partition != nil:
		return "partition"
	case s.Device != "":
		return "device"
	}
	return "policy"
}
