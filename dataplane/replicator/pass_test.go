package replicator

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// A primary's partition is pushed to the other primaries, and to nobody else; a
// second pass finds nothing to do.
func TestUpdate(t *testing.T) {
	c := newCluster(t, 4)
	c.place(only(0, 1, 2)...)
	for i := range 20 {
		c.put(fmt.Sprintf("/a/c/o%d", i), 1, fmt.Sprint("body ", i), 0)
	}
	c.put("/a/c/both", 1, "old", 0, 1)
	c.put("/a/c/both", 2, "new", 0)
	if err := storetest.Delete(c.partition(0, 0), "/a/c/o3", storetest.Time(3)); err != nil {
		t.Fatal(err)
	}
	first := c.pass(0)
	for i := range 20 {
		c.has(fmt.Sprintf("/a/c/o%d", i), 0, 1, 2)
	}
	c.has("/a/c/both", 0, 1, 2)
	if first.Attempted != 1 || first.Sync != 2 || first.Success != 2 || first.Failure != 0 || first.Sent != 42 || first.SuffixSync == 0 || first.HashMatch != 0 {
		t.Errorf("%+v", first)
	}
	second := c.pass(0)
	if second.Attempted != 1 || second.Sync != 0 || second.HashMatch != 2 || second.SuffixHash != 0 || second.Offered != 0 {
		t.Errorf("%+v", second)
	}
	c.logged(0, "Running object replicator in script mode.", "1/1 (100.00%) partitions replicated in ", "2 successes, 0 failures",
		" suffixes checked - 100.00% hashed, 200.00% synced", "Partition times: max ", "Object replication complete (once). (0.00 minutes)")
}

// A handoff is pushed to all primaries, and goes.
func TestRevert(t *testing.T) {
	c := newCluster(t, 4)
	c.place(only(1, 2, 3)...)
	for i := range 20 {
		c.put(fmt.Sprintf("/a/c/o%d", i), 1, fmt.Sprint("body ", i), 0)
	}
	c.put("/a/c/both", 2, "newer", 2)
	c.put("/a/c/both", 1, "older", 0)
	report := c.pass(0)
	for i := range 20 {
		c.has(fmt.Sprintf("/a/c/o%d", i), 1, 2, 3)
	}
	c.gone(0)
	if report.Attempted != 1 || report.Sync != 3 || report.Remove != 1 || report.Success != 3 || report.Failure != 0 || report.Handoffs != 0 || report.Removed != 21 {
		t.Errorf("%+v", report)
	}
	c.logged(0, "Removing partition: "+c.partition(0, 0).Path())
}

// A pass that finds nothing to do opens no object, and lists no suffix: what it does
// on the disk is the same for ten objects and for a hundred.
func TestNothingToDo(t *testing.T) {
	var calls atomic.Int64
	var opened atomic.Value
	opened.Store("")
	disk := storetest.Hooks{OnBefore: func(op *store.Op) error {
		calls.Add(1)
		if strings.Contains(op.Path, ".data") {
			opened.Store(op.Path)
		}
		return nil
	}}
	took := func(objects int) int64 {
		c := newCluster(t, 2)
		c.place(only(0, 1)...)
		for _, name := range names(objects) {
			c.put(name, 1, name, 0)
		}
		c.pass(0)
		c.nodes[0].store = faultstest.Store(t, c.nodes[0].devices, disk)
		r := c.replicator(0)
		r.cycle = 1 // partition 0 is listed in the tenth
		opened.Store("")
		calls.Store(0)
		report, err := r.Once(t.Context())
		if err != nil || report.HashMatch != 1 || report.SuffixHash != 0 {
			t.Errorf("%v, %+v", err, report)
		}
		if path := opened.Load(); path != "" {
			t.Errorf("%s was opened", path)
		}
		return calls.Load()
	}
	if ten, hundred := took(10), took(100); ten != hundred || ten == 0 {
		t.Errorf("%d calls for ten objects, %d for a hundred", ten, hundred)
	}
}
