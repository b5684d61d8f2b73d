package interop_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/replicator"
)

// A disk of ours was away for longer than reclaim_age. Objects were deleted
// meanwhile, and the Swift that knew of it has reclaimed their tombstones. They do
// not come back by what we push, for we push nothing, though we take what Swift
// pushes; and they would, as is seen when an operator accepts it.
func TestAwayTooLong(t *testing.T) {
	t.Parallel()
	c := newRingCluster(t, true, false)
	c.ring(2, 0, 1)
	dir, now := t.TempDir(), time.Now()
	state := func(cfg *replicator.Config) {
		cfg.StateDir, cfg.ReclaimAge, cfg.Now = dir, 7*24*time.Hour, func() time.Time { return now }
	}
	doomed := c.spread("doomed", peer.Op{Op: peer.Put, Timestamp: at(1), Size: 100})
	c.write(doomed...)
	if report, _ := c.pass(0, state); report.Failure > 0 || len(report.Devices) != 1 {
		t.Fatalf("%+v", report)
	}

	disk := filepath.Join(c.nodes[0].devices, device)
	must(t, os.Rename(disk, disk+"-away"))
	swifts := func(peer.Op) []int { return []int{1} }
	c.writeOn(swifts, c.spread("doomed", peer.Op{Op: peer.Delete, Timestamp: at(2)})...)
	fresh := c.spread("fresh", peer.Op{Op: peer.Put, Timestamp: at(2), Size: 100})
	c.writeOn(swifts, fresh...)
	_, err := c.swift.RunDaemon(t.Context(), peer.Replicator, peer.DaemonConfig{ // it complains of us
		SwiftDir: c.swiftDir, Devices: c.nodes[1].devices, Address: c.nodes[1].address, Set: map[string]string{"reclaim_age": "3600"}})
	must(t, err)
	for _, file := range c.files(1) {
		if strings.HasSuffix(file, ".ts") {
			t.Fatalf("Swift has not reclaimed %s: the test shows nothing", file)
		}
	}
	must(t, os.Rename(disk+"-away", disk))
	now = now.Add(8 * 24 * time.Hour)

	if report, _ := c.pass(0, state); report.Attempted > 0 || len(report.Devices) > 0 {
		t.Errorf("%+v", report)
	}
	ours := func(peer.Op) []int { return []int{0} }
	c.lie(ours, doomed...)
	if _, complaints := c.pass(1); len(complaints) > 0 {
		t.Error(complaints)
	}
	c.lie(c.primaries, fresh...)
	c.lie(ours, doomed...)

	c.pass(0, state, func(cfg *replicator.Config) { cfg.Accept = []string{device} })
	c.lie(c.primaries, doomed...)
}

// Two nodes, ours and Swift's, have different rings, by which each is the other's
// handoff. Both revert to the other at the same time, again and again: nothing that
// either had is lost, and under one ring everything comes to its place.
func TestTwoRings(t *testing.T) {
	if os.Getenv("RINGSYNC_FULL") == "" {
		t.Skip("RINGSYNC_FULL=1 runs it")
	}
	t.Parallel()
	c := newRingCluster(t, true, false)
	other, rig := *c, *c.rig
	other.rig, rig.swiftDir = &rig, peertest.SwiftDir(t)
	c.ring(1, 1)
	other.ring(1, 0)
	everything := slices.Concat(
		c.spread("ours", peer.Op{Op: peer.Put, Timestamp: at(1), Size: 1000}), c.spread("Swift's", peer.Op{Op: peer.Put, Timestamp: at(1), Size: 1000}),
		c.spread("both", peer.Op{Op: peer.Put, Timestamp: at(2), Size: 1000}), c.spread("both gone", peer.Op{Op: peer.Delete, Timestamp: at(2)}))
	c.writeOn(func(op peer.Op) []int {
		return map[string][]int{"ours": {0}, "Swif": {1}, "both": {0, 1}}[strings.TrimPrefix(op.Name, "/AUTH_a/c/")[:4]]
	}, everything...)

	moved := map[string]int{}
	for range 3 {
		ours := make(chan replicator.Report, 1)
		_, err := c.swift.MeasureDaemon(t.Context(), peer.Replicator, peer.DaemonConfig{ // it may complain of a lock
			SwiftDir: other.swiftDir, Devices: c.nodes[1].devices, Address: c.nodes[1].address,
			Ready: func(int) error {
				go func() {
					report, _ := c.pass(0)
					ours <- report
				}()
				return nil
			}})
		must(t, err)
		moved["by us"] += (<-ours).Removed
		found := map[string]bool{}
		for i := range c.nodes {
			for _, file := range c.files(i) {
				found[file] = true
			}
		}
		for _, op := range everything {
			if !found[c.file(op)] {
				t.Fatalf("%s of %s is nowhere any more", op.Op, op.Name)
			}
		}
	}
	t.Log("objects moved:", maps.Collect(maps.All(moved)))
	c.passes(2)
	c.inPlace()
}
