package replicator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// names are those of n objects.
func names(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("/a/c/o%d", i))
	}
	return list
}

// Without one of its primaries a handoff goes nowhere: the two that are there get
// it, and it stays whole. When the third is back it goes.
func TestEveryPrimary(t *testing.T) {
	c := newCluster(t, 4)
	c.place(only(1, 2, 3)...)
	for _, name := range names(10) {
		c.put(name, 1, name, 0)
	}
	c.nodes[2].server.Stop()
	report := c.pass(0)
	for _, name := range names(10) {
		c.has(name, 0, 1, 3)
	}
	if report.Removed != 0 || report.Remove != 0 || report.Handoffs != 1 || report.Failure != 1 || report.Success != 2 {
		t.Errorf("%+v", report)
	}
	c.logged(0, "reason=unreachable")

	c.restart(2)
	c.pass(0)
	for _, name := range names(10) {
		c.has(name, 1, 2, 3)
	}
	c.gone(0)
}

// With handoff_delete two primaries are enough, and one is not.
func TestHandoffDelete(t *testing.T) {
	two := func(c *Config) { c.HandoffDelete = 2 }
	c := newCluster(t, 4)
	c.place(only(1, 2, 3)...)
	c.put("/a/c/o", 1, "body", 0)
	c.nodes[2].server.Stop()
	c.nodes[3].server.Stop()
	if report := c.pass(0, two); report.Handoffs != 1 {
		t.Errorf("%+v", report)
	}
	c.has("/a/c/o", 0, 1)
	c.restart(2)
	if report := c.pass(0, two); report.Handoffs != 0 || report.Remove != 1 {
		t.Errorf("%+v", report)
	}
	c.has("/a/c/o", 1, 2)
	c.gone(0)
}

// A partition that the ring does not have has no primaries. That all of them have
// it is no reason to remove it, as Swift does.
func TestNobodysPartition(t *testing.T) {
	c := newCluster(t, 2)
	c.place([]int{1, 1}, []int{1, 1})
	p := c.partition(0, 7)
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("body")); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{"003", "-1", "x", "auditor_status_ALL.json"} {
		if err := os.Mkdir(filepath.Join(filepath.Dir(p.Path()), odd), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	report := c.pass(0)
	if got := storetest.MustState(t, p, "/a/c/o"); got == "nothing" || report.Attempted != 0 {
		t.Errorf("%s after %+v", got, report)
	}
	c.logged(0, "left alone")
	if left, _ := filepath.Glob(filepath.Dir(p.Path()) + "/*"); len(left) != 5 {
		t.Errorf("left: %v", left)
	}
}

// A handoff larger than a session goes slice by slice, each proven on its own.
func TestSlices(t *testing.T) {
	c := newCluster(t, 3)
	c.place(only(1, 2)...)
	for _, name := range names(60) {
		c.put(name, 1, name, 0)
	}
	report := c.pass(0, func(c *Config) { c.Sender.MaxOffers = 7 })
	for _, name := range names(60) {
		c.has(name, 1, 2)
	}
	c.gone(0)
	if report.Removed != 60 || strings.Count(c.nodes[0].log.String(), "handoff objects removed") < 60/7 {
		t.Errorf("%+v\n%s", report, c.nodes[0].log)
	}
}

// An object whose body is not what its ETag says is refused, and put to quarantine
// here; all others go.
func TestOneRefused(t *testing.T) {
	c := newCluster(t, 3)
	c.place(only(1, 2)...)
	for _, name := range names(10) {
		c.put(name, 1, name, 0)
	}
	found, _ := filepath.Glob(filepath.Join(c.partition(0, 0).Path(), "*", storetest.Hash("/a/c/o4").String(), "*.data"))
	if len(found) != 1 {
		t.Fatal(found)
	}
	if err := os.WriteFile(found[0], []byte("/a/c/oX"), 0o644); err != nil {
		t.Fatal(err)
	}
	report := c.pass(0)
	for i, name := range names(10) {
		if i != 4 {
			c.has(name, 1, 2)
		}
	}
	c.has("/a/c/o4")
	quarantined, _ := filepath.Glob(filepath.Join(c.nodes[0].devices, "d1", "quarantined", "objects", "*"))
	if report.Removed != 9 || len(quarantined) != 1 {
		t.Errorf("%v, %+v", quarantined, report)
	}
}

// An object written to the handoff while it is reverted stays until it is proven,
// too.
func TestWrittenMeanwhile(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(1)...)
	c.put("/a/c/o", 1, "old", 0)
	r := c.replicator(0)
	written := false
	r.meanwhile = func(*job) {
		if !written {
			written = true
			c.put("/a/c/o", 2, "new", 0)
			c.put("/a/c/p", 2, "new", 0)
		}
	}
	if _, err := r.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := c.state(0, "/a/c/o"); !strings.Contains(got, "1700000002") {
		t.Errorf("o: %s", got)
	}
	if got := c.state(0, "/a/c/p"); !strings.Contains(got, "1700000002") {
		t.Errorf("p: %s", got)
	}
	c.pass(0)
	c.has("/a/c/o", 1)
	c.has("/a/c/p", 1)
	c.gone(0)
}

// Two nodes whose rings differ take each other for the primary. Whatever they do,
// each object is on one of them.
func TestMutualHandoffs(t *testing.T) {
	c := newCluster(t, 2)
	for i, name := range names(30) {
		c.put(name, 1, name, i%2)
	}
	c.place(only(1)...)
	first := c.rings.ring.Load()
	c.place(only(0)...)
	second := c.rings.ring.Load()
	makes := func(i int, from *fixed) *Replicator { return c.replicator(i, func(cfg *Config) { cfg.Rings = from }) }
	a, b := new(fixed), new(fixed)
	a.ring.Store(first)
	b.ring.Store(second)
	one, two := makes(0, a), makes(1, b)
	for range 5 {
		ended := make(chan error, 2)
		for _, r := range []*Replicator{one, two} {
			go func() { _, err := r.Once(context.Background()); ended <- err }()
		}
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Fatal(err)
		}
		for _, name := range names(30) {
			if c.state(0, name) == "nothing" && c.state(1, name) == "nothing" {
				t.Errorf("%s is lost", name)
			}
		}
	}
}

// A session that comes in has the partition's lock: the revert waits for another
// time, and tries again in the same pass.
func TestRevertLocked(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(1)...)
	c.put("/a/c/o", 1, "body", 0)
	lock, err := c.partition(0, 0).LockReplication(context.Background(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	report := c.pass(0, func(cfg *Config) {
		cfg.Again = func(context.Context, time.Duration) bool {
			if tries++; tries == 2 {
				lock.Release()
			}
			return true
		}
	})
	c.has("/a/c/o", 1)
	c.gone(0)
	if tries != 2 || report.Attempted != 1 || report.Handoffs != 0 {
		t.Errorf("%d tries, %+v", tries, report)
	}
	c.logged(0, "Unable to lock handoff partition 0 for replication on device d1 policy 0")
}

// In a revert to another region one primary is sent to, and the others there are
// asked; what they lack stays here.
func TestRevertToRegion(t *testing.T) {
	c := newCluster(t, 3)
	c.nodes[1].region, c.nodes[2].region = 2, 2
	c.place(only(1, 2)...)
	for _, name := range names(10) {
		c.put(name, 1, name, 0)
	}
	c.put("/a/c/o3", 1, "/a/c/o3", 2)
	report := c.pass(0)
	if report.Sent != 10 || report.Removed != 1 || report.Handoffs != 1 {
		t.Errorf("%+v", report)
	}
	c.has("/a/c/o3", 1, 2)
	c.has("/a/c/o4", 0, 1)
	c.pass(1) // they tell each other
	c.pass(0)
	for _, name := range names(10) {
		c.has(name, 1, 2)
	}
	c.gone(0)
}
