package model_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// names: those of the first kind are posted to, those of the second deleted. Two
// share a suffix.
var names = []string{"/a/c/p0", "/a/c/p1", "/a/c/p2", "/a/c/d0", "/a/c/d1", sibling("/a/c/d0")}

func sibling(name string) string {
	for i := 0; ; i++ {
		other := fmt.Sprintf("/a/c/d-sibling-%d", i)
		if storetest.Hash(other).Suffix() == storetest.Hash(name).Suffix() {
			return other
		}
	}
}

// play is the run of one seed.
type play struct {
	t     *testing.T
	r     *rand.Rand
	a, b  *disk
	clock int
	said  []string
}

// Random changes, sessions in both directions, failing calls and power cuts, from
// a seed: whatever is found is one of the states that the model allows, what was
// acknowledged stays, digests tell the truth, and two clean sessions at the end
// make both disks the same.
func TestModel(t *testing.T) {
	for _, seed := range faultstest.Seeds(t, faultstest.Count(t, 200, 10_000)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := faultstest.Rand(seed)
			p := &play{t: t, r: r, a: newDisk(t, "A", r), b: newDisk(t, "B", r)}
			for range 8 + p.r.IntN(16) {
				p.step()
				if t.Failed() {
					break
				}
			}
			if !t.Failed() {
				p.end()
			}
			if t.Failed() {
				t.Logf("%s\nagain: %s", strings.Join(p.said, "\n"), faultstest.Again("model", "TestModel", seed))
			}
		})
	}
}

func (p *play) say(format string, args ...any) { p.said = append(p.said, fmt.Sprintf(format, args...)) }

func (p *play) step() {
	here, there := p.a, p.b
	if p.r.IntN(2) == 0 {
		here, there = there, here
	}
	switch p.r.IntN(14) {
	case 0, 1, 2, 3:
		p.change(here, false)
	case 4:
		p.change(here, true)
	case 5:
		name, c := p.draw()
		c.kind = "put"
		p.say("%v: %s of %s at %v by Python", here, c.kind, name, c.at)
		here.pythonPut(name, c)
	case 6, 7:
		p.session(here, there, "")
	case 8:
		p.session(here, there, "sender")
	case 9:
		p.session(here, there, "receiver")
	case 10:
		p.say("%v: digests", here)
		here.with(func(q *store.Partition) {
			if _, err := q.Digests(p.t.Context(), nil, p.r.IntN(2) == 0); err != nil {
				p.t.Errorf("%v: digests: %v", here, err)
			}
		})
	case 11:
		p.say("%v: the power is cut", here)
		here.cutPower()
	case 12:
		p.revert(here, there, "")
	case 13:
		p.revert(here, there, []string{"sender", "receiver"}[p.r.IntN(2)])
	}
	for _, d := range []*disk{p.a, p.b} {
		d.look("after: "+p.said[len(p.said)-1], false)
	}
}

// draw makes up a change. Most are newer than all before, some are late.
func (p *play) draw() (name string, c change) {
	p.clock++
	at := p.clock
	if p.r.IntN(5) == 0 {
		at = 1 + p.r.IntN(p.clock)
	}
	name = names[p.r.IntN(len(names))]
	kinds := []string{"put", "post"}
	if strings.HasPrefix(name, "/a/c/d") {
		kinds[1] = "delete"
	}
	c = change{kind: kinds[p.r.IntN(2)], at: storetest.Time(float64(at) + float64(p.clock)/1000), color: fmt.Sprint("c", p.clock)}
	if c.kind == "put" {
		c.body = faultstest.Body(p.r, []int{0, 10, 600, 3000}[p.r.IntN(4)])
	}
	return name, c
}

// errnos are what a call is refused with: nothing that says that a body is bad.
var errnos = []unix.Errno{unix.ENOSPC, unix.EMFILE}

func (p *play) change(d *disk, faulty bool) {
	name, c := p.draw()
	n := 0
	if faulty {
		n = 1 + p.r.IntN(40)
		d.fault.Arm(n, errnos[p.r.IntN(len(errnos))])
	}
	err := d.apply(name, c)
	_, hit := d.fault.Disarm()
	p.say("%v: %s of %s at %v, call %d failing: %v", d, c.kind, name, c.at, n, err)
	if err != nil && hit == nil {
		p.t.Errorf("%v: %s of %s: %v", d, c.kind, name, err)
	}
}

// session pushes from one disk to the other; on one side a call may fail.
func (p *play) session(from, to *disk, faulty string) *ssync.Result {
	before, offered := map[string]states{}, map[string]state{}
	for _, name := range names {
		before[name], offered[name] = to.may[name], from.now(name)
	}
	n, errno := 0, errnos[p.r.IntN(len(errnos))]
	if faulty != "" {
		n = 1 + p.r.IntN(150)
	}
	if faulty == "sender" {
		from.fault.Arm(n, errno)
	} else if faulty == "receiver" {
		to.fault.Arm(n, errno)
	}
	result := p.push(from, to)
	_, hit := from.fault.Disarm()
	if _, there := to.fault.Disarm(); there != nil {
		hit = there
	}
	p.say("session from %v to %v, call %d of the %s failing: %v", from, to, n, faulty, result.Err)
	if hit == nil && (result.Err != nil || result.Proven != result.Offered) {
		p.t.Errorf("%d of %d proven: %v", result.Proven, result.Offered, result.Err)
	}
	proven := provenIn(result)
	for _, name := range names {
		o := offered[name]
		var sure, maybe states
		for _, s := range before[name] {
			sure = sure.with(merge(s, o))
			maybe = maybe.with(s, mergeData(s, o), mergeMeta(s, o), merge(s, o))
		}
		if to.may[name] = maybe; proven[storetest.Hash(name)] {
			to.may[name] = sure
		}
	}
	return result
}

func provenIn(result *ssync.Result) map[proto.Hash]bool {
	proven := map[proto.Hash]bool{}
	result.Each(func(h proto.Hash, outcome ssync.Outcome, _ store.Times) {
		proven[h] = outcome == ssync.InSync || outcome == ssync.Sent
	})
	return proven
}

// revert pushes, and removes here what is proven to be there, and nothing else. A
// call of the removal may fail too: then it is made again.
func (p *play) revert(from, to *disk, faulty string) {
	result := p.session(from, to, faulty)
	list, cuts := result.AppendProven(nil), from.cuts
	var theirs []string
	proven := provenIn(result)
	for _, name := range names {
		if proven[storetest.Hash(name)] {
			theirs = append(theirs, name)
			from.may[name] = from.may[name].with(state{})
		}
	}
	n := 0
	if p.r.IntN(2) == 0 {
		n = 1 + p.r.IntN(100)
		from.fault.Arm(n, errnos[p.r.IntN(len(errnos))])
	}
	removal, err := from.remove(list)
	_, hit := from.fault.Disarm()
	p.say("%v: %d proven, removed %+v, call %d failing: %v", from, len(theirs), removal, n, err)
	if err != nil && hit != nil {
		removal, err = from.remove(list)
	}
	if err != nil || from.cuts == cuts && removal.Changed > 0 {
		p.t.Errorf("%v: removed %+v, %v", from, removal, err)
	}
	for _, name := range theirs {
		if removal.Changed == 0 { // it does only where a power cut came between
			from.may[name] = states{{}}
		}
	}
}

func (p *play) push(from, to *disk) (result *ssync.Result) {
	node := faultstest.Start(p.t, to.store)
	from.with(func(q *store.Partition) { result = faultstest.Push(p.t, q, node.Address) })
	node.Stop()
	return result
}

// end makes both disks the same.
func (p *play) end() {
	p.session(p.a, p.b, "")
	p.session(p.b, p.a, "")
	p.a.look("at the end", false)
	p.b.look("at the end", false)
	for _, name := range names {
		if a, b := p.a.now(name), p.b.now(name); a != b {
			p.t.Errorf("%s is %v on A and %v on B", name, a, b)
		}
	}
}
