package interop_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
)

// One of three primaries is killed; what is written, changed and deleted meanwhile
// goes to the two others and to the handoff, as a proxy would have it. Our replicator
// on each of those nodes loses nothing while the primary is away; when it is back it
// gets everything, tombstones too, and the handoff is left with nothing.
//
// These are the steps of Swift's test/probe/test_object_handoff.py,
// TestObjectHandoff.test_main, with the writes of test_stale_reads (a handoff that
// missed the DELETE) and test_missing_primaries (a tombstone of what never was), for
// some objects of every partition at once and without the proxy.
func TestHandoff(t *testing.T) {
	t.Parallel()
	c := newRingCluster(t, false, false, true, true)
	for _, n := range c.nodes {
		n.ours = true // who replicates, whoever listens
	}
	c.ring(3, 0, 1, 2, 3)
	const victim = 0
	standing := func(peer.Op) []int { return []int{1, 2, 3} } // of these one is the handoff, where the victim is a primary
	put := func(name string, second int) []peer.Op {
		return c.spread(name, peer.Op{Op: peer.Put, Timestamp: at(second), Size: int64(1000 * second)})
	}
	remove := func(name string, second int) []peer.Op {
		return c.spread(name, peer.Op{Op: peer.Delete, Timestamp: at(second)})
	}
	post := func(name string, second int) []peer.Op {
		return c.spread(name, peer.Op{Op: peer.Post, Timestamp: at(second), Headers: map[string]string{"X-Object-Meta-At": at(second)}})
	}

	c.write(slices.Concat(put("overwritten", 1), put("posted", 1), put("deleted", 1), put("deleted later", 1))...)
	c.nodes[victim].server.Kill()
	changes := slices.Concat(put("created", 2), put("overwritten", 2), post("overwritten", 3), remove("deleted", 2), remove("never was", 2))
	posts := post("posted", 2) // a handoff without the object answers 404
	c.writeOn(standing, changes...)
	c.writeOn(func(op peer.Op) []int {
		return slices.DeleteFunc(slices.Clone(c.primaries(op)), func(i int) bool { return i == victim })
	}, posts...)
	c.without(victim)
	c.start(victim, nil)
	c.lie(standing, changes...) // nobody has told it yet
	dropping := c.drop(victim, "created")
	c.passes(1)
	c.lie(c.primaries, append(changes, posts...)...)
	for _, file := range c.files(victim) {
		if strings.HasSuffix(file, filepath.Base(dropping)) {
			t.Errorf("a temporary file went from the handoff to the primary: %s", file)
		}
	}
	must(t, os.Remove(dropping)) // Swift's auditor does, a day later: it is not the replicator's

	c.nodes[victim].server.Kill()
	c.writeOn(c.handoffs, put("stale", 2)...)
	c.write(remove("stale", 3)...)
	gone := slices.Concat(remove("created", 3), remove("deleted later", 3))
	c.writeOn(standing, gone...)
	c.without(victim)
	c.start(victim, nil)
	c.lie(standing, gone...)
	c.passes(1)
	c.inPlace()
}

// without lets all nodes but one replicate, of which each loses nothing.
func (c *ringCluster) without(victim int) {
	c.t.Helper()
	for i := range c.nodes {
		if i == victim {
			continue
		}
		before := c.files(i)
		report, failures := c.troubled(i)
		wantFailures(c.t, failures, "0 unreachable")
		if report.Failure == 0 || report.Handoffs == 0 || report.Removed+report.Remove > 0 {
			c.t.Errorf("node %d: %+v", i, report)
		}
		if diff := cmp.Diff(before, c.files(i)); diff != "" {
			c.t.Errorf("files of node %d changed (-before +after):\n%s", i, diff)
		}
	}
}

// drop leaves a temporary file beside an object in a handoff for a primary, such as
// rsync leaves where it is cut short, and returns its path.
func (c *ringCluster) drop(primary int, name string) string {
	c.t.Helper()
	for _, op := range c.spread(name, peer.Op{Op: peer.Put, Timestamp: at(2)}) {
		if !slices.Contains(c.primaries(op), primary) {
			continue
		}
		file := filepath.Join(c.nodes[c.handoffs(op)[0]].devices, device, c.file(op))
		dropping := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".6MbL6r")
		must(c.t, os.WriteFile(dropping, nil, 0o600))
		return dropping
	}
	c.t.Fatal("no object of the node's")
	return ""
}
