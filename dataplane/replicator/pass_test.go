package replicator

import (
	"fmt"
	"testing"

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
