package interop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// aWeek is reclaim_age as Swift has it, of those nodes for whom tombstones of 2023 are
// to be old; on its side as the option of its servers and daemons.
const aWeek = 7 * 24 * time.Hour

var aWeekInSwift = map[string]string{"reclaim_age": fmt.Sprint(int(aWeek.Seconds()))}

// newAgeingCluster is two primaries, ours and Swift's, and a handoff of ours.
func newAgeingCluster(t *testing.T) *ringCluster {
	c := &ringCluster{rig: newRig(t), power: 3, want: map[string]peer.Op{}}
	for _, our := range []bool{true, false, true} {
		n := &node{ours: our, devices: disk(t)}
		if our {
			n.address = nodeWith(c.rig, n.devices, func(cfg *dataplane.Config) { cfg.Store = c.ageing(n) })
		} else {
			n.address = peertest.Server(t, c.swift, peer.ServerConfig{SwiftDir: c.swiftDir, Devices: n.devices, Set: aWeekInSwift}).Addr()
		}
		c.nodes = append(c.nodes, n)
	}
	c.ring(2, 0, 1)
	return c
}

func (c *ringCluster) ageing(n *node) *store.Store {
	return storetest.New(c.t, func(s *store.Config) { s.Devices, s.Cluster, s.ReclaimAge = n.devices, c.cluster, aWeek })
}

func (c *ringCluster) ageingPasses(times int) {
	c.t.Helper()
	for range times {
		for i, n := range c.nodes {
			var complaints []string
			if n.ours {
				var report replicator.Report
				report, _ = c.pass(i, func(cfg *replicator.Config) { cfg.Store, cfg.ReclaimAge = c.ageing(n), aWeek })
				if report.Failure > 0 {
					complaints = append(complaints, fmt.Sprintf("%+v", report.Counts))
				}
			} else {
				var err error
				complaints, err = c.swift.RunDaemon(c.t.Context(), peer.Replicator, peer.DaemonConfig{SwiftDir: c.swiftDir, Devices: n.devices, Address: n.address, Set: aWeekInSwift})
				must(c.t, err)
			}
			if len(complaints) > 0 {
				c.t.Errorf("node %d: %v", i, complaints)
			}
		}
	}
}

// Tombstones that are young are spread by our passes to Swift, and by Swift's to us, and
// go from a handoff; old ones are reclaimed on either side, and neither is offered, so
// that no object comes back. What has expired is replicated as an object.
func TestReclaimBesideSwift(t *testing.T) {
	t.Parallel()
	c := newAgeingCluster(t)
	just := fmt.Sprintf("%d.00000", time.Now().Add(-time.Hour).Unix())
	put := func(name string) peer.Op {
		return peer.Op{Op: peer.Put, Name: "/AUTH_a/c/" + name, Timestamp: "1700000001.00000", Size: 100, Seed: 1}
	}
	remove := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/" + name, Timestamp: ts}
	}
	on := func(nodes ...int) func(peer.Op) []int { return func(peer.Op) []int { return nodes } }
	const old = "1700000002.00000"
	expired := put("expired")
	expired.Headers = map[string]string{"X-Delete-At": "1700000100"}

	c.writeOn(on(0, 1), put("by us"), put("by Swift"), put("by the handoff"), put("of old"), put("stays"))
	c.writeOn(on(0, 1), remove("of old", old))
	c.writeOn(on(0), remove("by us", just), remove("old here", old))
	c.writeOn(on(1), remove("by Swift", just), remove("old there", old))
	c.writeOn(on(2), remove("by the handoff", just), remove("old at the handoff", old), expired)
	gone := []string{"/AUTH_a/c/of old", "/AUTH_a/c/old here", "/AUTH_a/c/old there", "/AUTH_a/c/old at the handoff"}
	for _, name := range gone {
		delete(c.want, name)
	}
	c.ageingPasses(2)
	c.inPlace()
	for i, n := range c.nodes {
		tree := c.inspect(n.devices)
		for _, o := range tree.Objects {
			if slices.Contains(gone, o.Name) {
				t.Errorf("node %d has %s %s", i, o.State, o.Name)
			}
		}
	}
}
