package replicator

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// ageing is nodes for whom it is as late as the test says, with a reclaim_age of a
// week. Two are the primaries of partition 0, the third has handoffs.
type ageing struct {
	*cluster
	days   float64    // since the tests' epoch
	behind [3]float64 // days that a node's clock is late
}

func newAgeing(t *testing.T) *ageing {
	a := &ageing{}
	old := func(i int, devices string) *store.Store {
		return storetest.New(t, func(c *store.Config) {
			c.Devices, c.ReclaimAge, c.Now = devices, 7*24*time.Hour, func() time.Time { return storetest.Time((a.days - a.behind[i]) * 86400).Time() }
		})
	}
	a.cluster = newCluster(t, 3, func(i int, c *dataplane.Config) { c.Store = old(i, c.Store.Devices()) })
	for i, n := range a.nodes {
		n.store = old(i, n.devices)
	}
	a.place(only(0, 1)...)
	return a
}

// delete makes a tombstone on some nodes.
func (a *ageing) delete(name string, second float64, on ...int) {
	a.t.Helper()
	for _, i := range on {
		if err := storetest.Delete(a.partition(i, 0), name, storetest.Time(second)); err != nil {
			a.t.Fatal(err)
		}
	}
}

// bare fails if a node has as much as the directory of a name's suffix.
func (a *ageing) bare(i int, name string) {
	a.t.Helper()
	suffix := filepath.Join(a.partition(i, 0).Path(), storetest.Hash(name).Suffix().String())
	if _, err := os.Stat(suffix); !os.IsNotExist(err) {
		a.t.Errorf("node %d: %s: %v", i, suffix, err)
	}
}

// A tombstone younger than reclaim_age goes to the other primary, and from a handoff
// to both, and deletes what is there.
func TestTombstoneIsPushed(t *testing.T) {
	a := newAgeing(t)
	a.put("/a/c/o", 1, "body", 0, 1)
	a.put("/a/c/p", 1, "body", 0, 1)
	a.delete("/a/c/o", 2, 0)
	a.delete("/a/c/p", 3, 2)
	a.days = 6
	if report := a.pass(0); report.Sent != 1 {
		t.Errorf("%+v", report)
	}
	if report := a.pass(2); report.Sent != 2 || report.Removed != 1 {
		t.Errorf("%+v", report)
	}
	a.gone(2)
	for _, i := range []int{0, 1} {
		if o, p := a.state(i, "/a/c/o"), a.state(i, "/a/c/p"); o != "deleted 1700000002.00000" || p != "deleted 1700000003.00000" {
			t.Errorf("node %d: %s, %s", i, o, p)
		}
	}
}

// One that is older is reclaimed by the pass that finds it, with its directories, and
// offered to nobody: neither the tombstone nor the object comes back anywhere.
func TestOldTombstoneIsReclaimed(t *testing.T) {
	a := newAgeing(t)
	a.put("/a/c/o", 1, "body", 0, 1)
	a.put("/a/c/stays", 1, "body", 0, 1)
	a.delete("/a/c/o", 2, 0)
	a.pass(0)
	a.delete("/a/c/handed off", 2, 2)
	a.days = 8
	for range 2 {
		for i := range a.nodes {
			if report := a.pass(i); report.Offered != 0 || report.Sent != 0 || report.Failure != 0 {
				t.Errorf("node %d: %+v", i, report)
			}
		}
	}
	a.gone(2)
	for _, i := range []int{0, 1} {
		a.bare(i, "/a/c/o")
		a.bare(i, "/a/c/handed off")
	}
	a.has("/a/c/stays", 0, 1)
}

// While one primary has reclaimed a tombstone and the other, whose clock is late, has
// not, nothing is brought back: what is offered is a deletion.
func TestHalfReclaimed(t *testing.T) {
	a := newAgeing(t)
	a.put("/a/c/o", 1, "body", 0, 1)
	a.delete("/a/c/o", 2, 0, 1)
	a.days, a.behind[1] = 8, 2
	a.pass(0)
	a.bare(0, "/a/c/o")
	if report := a.pass(1); report.Offered != 1 || report.Sent != 1 || report.Failure != 0 {
		t.Errorf("%+v", report)
	}
	if state := a.state(0, "/a/c/o"); state != "nothing" {
		t.Error(state)
	}
	a.behind[1] = 0
	a.pass(0)
	a.pass(1)
	for _, i := range []int{0, 1} {
		a.bare(i, "/a/c/o")
	}
}

// An object that has expired is one until it is deleted: it is pushed, reverted, and
// never reclaimed. Its expirer, who deletes it, may come late.
func TestExpired(t *testing.T) {
	a := newAgeing(t)
	expired := hashes.Field{Key: "X-Delete-At", Value: "1700000100"}
	for name, i := range map[string]int{"/a/c/o": 0, "/a/c/handed off": 2} {
		if err := storetest.Put(a.partition(i, 0), name, storetest.Time(1), []byte("body"), expired); err != nil {
			t.Fatal(err)
		}
	}
	a.days = 30
	for i := range a.nodes {
		a.pass(i)
	}
	a.gone(2)
	a.has("/a/c/o", 0, 1)
	a.has("/a/c/handed off", 0, 1)
}
