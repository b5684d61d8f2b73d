package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// The power is cut after every prefix of the calls of a scenario, and what no
// fsync had promised is lost, kept, or lost in part. Whatever is found then is
// sound: each object is the old one or the new one, an acknowledged one is there,
// and no digest is called valid that is not.
func TestPowerCut(t *testing.T) {
	seeds := 30
	if testing.Short() {
		seeds = 6
	}
	if os.Getenv("RINGSYNC_FULL") != "" {
		seeds = 1000
	}
	for _, sc := range scenarios() {
		if sc.name == "a large object" {
			continue // preallocation changes nothing that a crash could show
		}
		t.Run(sc.name, func(t *testing.T) { sc.cutPower(t, seeds) })
	}
}

// outage is a scenario that was recorded, and is cut again and again.
type outage struct {
	scenario
	t       *testing.T
	journal *storetest.Journal
	acked   []int // events after which each step was acknowledged
	want    []map[string]string
	device  string // where wrecks are looked at
	seen    map[string]bool
}

func (sc scenario) cutPower(t *testing.T, seeds int) {
	o := &outage{scenario: sc, t: t, want: sc.reference(t), journal: storetest.NewJournal(), seen: map[string]bool{}}
	o.record()
	o.device = filepath.Join(storetest.Devices(t), "d1")
	for n := range o.journal.Len() + 1 {
		if o.unsynced && n < o.acked[1] {
			continue // nobody has promised anything yet
		}
		o.cut(n, "all of it lost", func(int) storetest.Fate { return storetest.Lost })
		o.cut(n, "all of it kept", func(int) storetest.Fate { return storetest.Kept })
		for seed := range seeds {
			r := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
			o.cut(n, fmt.Sprintf("seed %d", seed), func(int) storetest.Fate { return storetest.Fate(r.IntN(3)) })
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d events, %d different wrecks", o.journal.Len(), len(o.seen))
}

// record plays the scenario once, the journal at the seam.
func (o *outage) record() {
	s := storetest.New(o.t, keepTombstones, o.witness(o.journal))
	p := storetest.Partition(o.t, s)
	o.prepare(o.t, p)
	must(o.t, o.journal.Start(filepath.Join(s.Devices(), "d1")))
	o.acked = []int{0}
	for i, step := range o.steps {
		for name, err := range run(p, step) {
			o.t.Fatalf("step %d, %q: %v", i, name, err)
		}
		if o.unsynced && i == 0 {
			o.journal.Forget()
			continue
		}
		o.acked = append(o.acked, o.journal.Len())
	}
	if o.unsynced {
		o.want = append(o.want[:1], o.want[2:]...)
	}
	o.journal.Pause()
}

// cut looks at one wreck, unless it has seen it already.
func (o *outage) cut(n int, how string, fate func(int) storetest.Fate) {
	wreck := o.journal.Crash(n, fate)
	key := fmt.Sprintf("%d %s", o.stepsDone(n), wreck.Key())
	if o.seen[key] {
		return
	}
	o.seen[key] = true
	must(o.t, os.RemoveAll(o.device))
	must(o.t, os.Mkdir(o.device, 0o755))
	must(o.t, wreck.Build(o.device))
	if problems := o.examine(n); len(problems) > 0 {
		o.t.Errorf("power cut after event %d of %d, %s:\n%s\nwhere there is\n%s", n, o.journal.Len(), how, strings.Join(problems, "\n"), wreck)
	}
}

// stepsDone is how many steps had been acknowledged by then.
func (o *outage) stepsDone(n int) int {
	done := 0
	for done+1 < len(o.acked) && o.acked[done+1] <= n {
		done++
	}
	return done
}

// examine opens a wreck as a store that starts after the power cut does.
func (o *outage) examine(n int) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	s, err := store.New(store.Config{
		Devices: filepath.Dir(o.device), Cluster: storetest.Cluster(o.t), Now: storetest.Time(100).Time,
		Notice: func(notice store.Notice) { bad("notice: %s", notice.Text) },
	})
	must(o.t, err)
	device, err := s.Device("d1")
	must(o.t, err)
	defer device.Close()
	p := device.Partition(s.Cluster().Policies[0], 0)

	if err := storetest.CheckDigests(p.Path()); err != nil {
		bad("%v", err)
	}
	done := o.stepsDone(n)
	for _, name := range o.names {
		state, err := stateOf(p, name)
		switch {
		case err != nil:
			bad("%s: %v", name, err)
		case state == o.want[done][name]:
		case done+1 < len(o.want) && state == o.want[done+1][name]:
		default:
			bad("%s: after %d steps acknowledged it is %s, and not %s", name, done, state, o.want[done][name])
		}
	}
	if o.summed && done == len(o.steps) {
		for _, name := range o.names {
			if !hasSum(o.t, p, name) {
				bad("%s: the sum that was stored beside its body is gone", name)
			}
		}
	}
	if _, err := p.Digests(context.Background(), nil, false); err != nil {
		bad("digests: %v", err)
	}
	if err := storetest.CheckDigests(p.Path()); err != nil {
		bad("after an update: %v", err)
	}
	return problems
}
