package replicator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring"
)

// putIn stores an object in any partition of a node's d1.
func (c *cluster) putIn(i int, number uint32, name string) {
	c.t.Helper()
	if err := storetest.Put(c.partition(i, number), name, storetest.Time(1), []byte(name)); err != nil {
		c.t.Fatal(err)
	}
}

// Jobs of several devices take turns, none more than its share at once; one that
// does not get on gives its place away, but not its device's.
func TestQueue(t *testing.T) {
	var jobs []*job
	for i := range 4 {
		for _, device := range []string{"slow", "fast"} {
			jobs = append(jobs, &job{device: device, partition: uint32(i), progress: new(ssync.Progress)})
		}
	}
	q := newQueue(jobs, 2, 0)
	now := time.Unix(0, 0)
	hand := func() (devices string) {
		for j := q.next(); j != nil; j = q.next() {
			q.begin(j, now)
			devices += j.device + " "
		}
		return devices
	}
	if got := hand(); got != "slow fast " {
		t.Errorf("first %q", got)
	}
	task := func(device string) *task {
		for x := range q.tasks {
			if x.job.device == device {
				return x
			}
		}
		t.Fatalf("%s has no task", device)
		return nil
	}
	for range 3 {
		q.end(task("fast"))
		if got := hand(); got != "fast " {
			t.Errorf("then %q", got)
		}
	}
	q.end(task("fast"))
	if got := hand(); got != "" {
		t.Errorf("at last %q, though slow has its share", got)
	}
	now = now.Add(lendAfter)
	if q.look(now, lendAfter, leaveAfter) || q.working != 0 {
		t.Errorf("%d working", q.working)
	}
	task("slow").steps.Add(1)
	if now = now.Add(leaveAfter); q.look(now, lendAfter, leaveAfter) {
		t.Error("given up, though it got on")
	}
	if now = now.Add(leaveAfter); !q.look(now, lendAfter, leaveAfter) {
		t.Error("not given up")
	}
	q.end(task("slow"))
	if got := hand(); got != "slow " || q.working != 1 {
		t.Errorf("%q, %d working", got, q.working)
	}
}

// A ring that changes ends a pass before its next job; the one that follows begins
// with what is left, under the new ring.
func TestRingChange(t *testing.T) {
	c := newCluster(t, 3)
	rows := func(to int) [][]int { return [][]int{{to, to, to, to, to, to, to, to}} }
	c.place(rows(1)...)
	for n := range uint32(8) {
		c.putIn(0, n, fmt.Sprint("/a/c/o", n))
	}
	r := c.replicator(0)
	jobs := 0
	r.meanwhile = func(*job) {
		if jobs++; jobs == 3 {
			c.place(rows(2)...)
		}
	}
	report, err := r.Once(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	on := map[int]int{}
	for i := range c.nodes {
		for n := range uint32(8) {
			if storetest.MustState(t, c.partition(i, n), fmt.Sprint("/a/c/o", n)) != "nothing" {
				on[i]++
			}
		}
	}
	if on[0] != 0 || on[1] != 3 || on[2] != 5 || report.Jobs != 5 || report.RingChanged {
		t.Errorf("%v, %+v", on, report)
	}
	c.logged(0, "Ring change detected. Aborting current replication pass.")
}

// With handoffs_first no primary's partition is touched as long as a handoff is
// left.
func TestHandoffsFirst(t *testing.T) {
	first := func(c *Config) { c.HandoffsFirst = true }
	c := newCluster(t, 3)
	c.place([]int{1, 0}, []int{2, 1})
	c.putIn(0, 0, "/a/c/handoff")
	c.putIn(0, 1, "/a/c/primary")
	c.nodes[2].server.Stop()
	if report := c.pass(0, first); report.Attempted != 1 || report.Handoffs != 1 {
		t.Errorf("%+v", report)
	}
	if storetest.MustState(t, c.partition(1, 1), "/a/c/primary") != "nothing" {
		t.Error("a primary's partition was not left for later")
	}
	c.logged(0, "Handoffs first mode still has handoffs remaining.")
	c.restart(2)
	if report := c.pass(0, first); report.Attempted != 2 || report.Handoffs != 0 {
		t.Errorf("%+v", report)
	}
	if storetest.MustState(t, c.partition(1, 1), "/a/c/primary") == "nothing" {
		t.Error("a primary's partition was left out")
	}
}

// In the place of a disk that is not mounted a handoff gets the partition, and not
// where handoff_delete has copies enough.
func TestUnmounted(t *testing.T) {
	c := newCluster(t, 4)
	// The second partition makes node 3 known to the table.
	c.place([]int{0, 3}, []int{1, 3}, []int{2, 3})
	c.put("/a/c/o", 1, "body", 0)
	if err := os.Rename(filepath.Join(c.nodes[2].devices, "d1"), filepath.Join(c.nodes[2].devices, "away")); err != nil {
		t.Fatal(err)
	}
	only0 := func(cfg *Config) { cfg.Only.Partitions = []uint32{0} }
	c.pass(0, only0, func(cfg *Config) { cfg.HandoffDelete = 2 })
	if got := c.state(3, "/a/c/o"); got != "nothing" {
		t.Errorf("with handoff_delete = 2 node 3 has %s", got)
	}
	report := c.pass(0, only0)
	if got := c.state(3, "/a/c/o"); got == "nothing" || report.Failure != 1 || report.Success != 2 {
		t.Errorf("node 3 has %s, %+v", got, report)
	}
	c.logged(0, "reason=unmounted")
}

// Of two primaries in another region one is pushed to in a pass, and tells the
// other.
func TestUpdateRegion(t *testing.T) {
	c := newCluster(t, 4)
	c.nodes[2].region, c.nodes[3].region = 2, 2
	c.place(only(0, 1, 2, 3)...)
	c.put("/a/c/o", 1, "body", 0)
	c.pass(0)
	here := 0
	for _, i := range []int{2, 3} {
		if c.state(i, "/a/c/o") != "nothing" {
			here++
		}
	}
	if here != 1 || c.state(1, "/a/c/o") == "nothing" {
		t.Errorf("%d of the other region have it", here)
	}
	c.pass(2)
	c.pass(3)
	c.has("/a/c/o", 0, 1, 2, 3)
}

// Only what the filters let through is touched; a dry run changes nothing at all.
func TestFilter(t *testing.T) {
	c := newCluster(t, 2)
	c.place([]int{0, 0, 1, 1}, []int{1, 1, 1, 1})
	for n := range uint32(4) {
		c.putIn(0, n, fmt.Sprint("/a/c/o", n))
	}
	there := func() (list []uint32) {
		for n := range uint32(4) {
			if storetest.MustState(t, c.partition(1, n), fmt.Sprint("/a/c/o", n)) != "nothing" {
				list = append(list, n)
			}
		}
		return list
	}
	c.pass(0, func(c *Config) { c.DryRun = true })
	c.logged(0, "would push", "would push this handoff")
	c.pass(0, func(c *Config) { c.Only.Devices = []string{"d2"} })
	c.pass(0, func(c *Config) { c.Only.Policies = []int{2} })
	if got := there(); got != nil {
		t.Errorf("%v arrived", got)
	}
	c.pass(0, func(c *Config) { c.Only.Partitions = []uint32{1} })
	c.pass(0, func(c *Config) { c.HandoffsOnly = true })
	if got := fmt.Sprint(there()); got != "[1 2 3]" {
		t.Errorf("%s arrived", got)
	}
}

// A policy whose partition power is being raised waits, and so does a node that the
// ring does not know.
func TestRingsThatWait(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(1)...)
	c.put("/a/c/o", 1, "body", 0)
	c.pass(0, func(cfg *Config) { cfg.Port = 1 })
	c.logged(0, "Can't find itself")
	devices := []*ring.Device{c.dev(0, 0, "d1"), c.dev(1, 1, "d1")}
	c.rings.ring.Store(makeRing(t, devices, map[string]any{"next_part_power": 1}, []int{1}))
	c.pass(0)
	c.has("/a/c/o", 0)
	c.logged(0, "next_part_power set in policy 'gold'. Skipping")
	c.rings.ring.Store(makeRing(t, devices, nil, []int{1}))
	c.pass(0)
	c.has("/a/c/o", 1)
}

// A ring that lists one disk twice, under two ids, makes no handoff of it.
func TestListedTwice(t *testing.T) {
	c := newCluster(t, 2)
	devices := []*ring.Device{c.dev(0, 0, "d1"), c.dev(1, 0, "d1"), c.dev(2, 1, "d1"), c.dev(3, 1, "d1")}
	c.rings.ring.Store(makeRing(t, devices, nil, []int{1}, []int{2}, []int{3}))
	c.put("/a/c/o", 1, "body", 0)
	report := c.pass(0)
	if report.Handoffs != 0 || report.Failure != 0 {
		t.Errorf("%+v", report)
	}
	c.has("/a/c/o", 0, 1)
}

// A device that is not there is left out; all others are gone over.
func TestDeviceGone(t *testing.T) {
	c := newCluster(t, 2)
	devices := []*ring.Device{c.dev(0, 0, "d1"), c.dev(1, 0, "d2"), c.dev(2, 1, "d1")}
	c.rings.ring.Store(makeRing(t, devices, nil, []int{2}))
	c.put("/a/c/o", 1, "body", 0)
	report := c.pass(0)
	c.has("/a/c/o", 1)
	if strings.Join(report.Devices, " ") != "d1" || report.Failure != 3 {
		t.Errorf("%+v", report)
	}
	c.logged(0, "device left out of this pass", "device=d2", "reason=unmounted")
}
