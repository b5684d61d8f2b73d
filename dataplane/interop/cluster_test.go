package interop_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
)

// partPower gives the cluster's ring four partitions.
const partPower = 2

// node is one of a few.
type node struct {
	ours    bool // who replicates
	devices string
	address string
	server  *peer.Server // Swift's, where it is the one that listens
}

// clusters are who runs on which node.
var clusters = []struct {
	name string
	ours [3]bool
}{
	{"all Swift", [3]bool{false, false, false}},
	{"mixed", [3]bool{true, true, false}},
	{"all ours", [3]bool{true, true, true}},
}

// Three nodes that missed different things replicate to each other: Swift's
// object-replicator where it is Swift's turn, our sender where it is ours. Swift
// alone, mixed, and ours alone all end in the same trees.
func TestCluster(t *testing.T) {
	t.Parallel()
	var alone *peer.Tree
	for _, c := range clusters {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			nodes := startCluster(r, c.ours)
			for range 2 { // what a node hears of late it tells the others in the second round
				for i := range nodes {
					pass(r, nodes, i)
				}
			}
			tree := r.oneTree(nodes)
			if alone == nil {
				alone = tree
				wantCluster(t, tree)
			} else if diff := cmp.Diff(alone.Objects, tree.Objects); diff != "" {
				t.Errorf("not the trees that Swift alone makes (-Swift +here):\n%s", diff)
			}
		})
	}
}

// oneTree is what Swift finds on all three nodes, which must be the same and sound.
func (r *rig) oneTree(nodes [3]*node) *peer.Tree {
	r.t.Helper()
	var first *peer.Tree
	for i, n := range nodes {
		tree := r.inspect(n.devices)
		if odd := append(append(tree.Stale(), tree.Leftovers...), tree.Quarantined...); len(odd) > 0 {
			r.t.Errorf("node %d: stale, left over or in quarantine: %v", i, odd)
		}
		if first == nil {
			first = tree
		} else if diffs := peer.DiffTrees(first, tree); len(diffs) > 0 {
			r.t.Errorf("node %d differs from node 0 in %d things:\n%s", i, len(diffs), strings.Join(diffs[:min(len(diffs), 20)], "\n"))
		}
	}
	return first
}

func startCluster(r *rig, ours [3]bool) [3]*node {
	var nodes [3]*node
	ring := peer.Ring{Name: "object", PartPower: partPower, Replicas: len(nodes)}
	for i := range nodes {
		n := &node{ours: ours[i], devices: disk(r.t)}
		if err := r.swift.Fill(r.t.Context(), r.swiftDir, n.devices, device, missed(r, i)); err != nil {
			r.t.Fatal(err)
		}
		if n.ours {
			n.address = ourNode(r, n.devices)
		} else {
			n.address = swiftServer(r, n.devices)
		}
		nodes[i] = n
		ring.Nodes = append(ring.Nodes, peer.RingNode{Device: device, Server: n.address})
	}
	if _, err := r.swift.BuildRing(r.t.Context(), r.swiftDir, ring); err != nil {
		r.t.Fatal(err)
	}
	return nodes
}

// missed is what node i has: every object was written to two of three nodes,
// every change to one.
func missed(r *rig, i int) []peer.Op {
	var ops []peer.Op
	add := func(op peer.Op, name string) {
		op.Name = "/AUTH_a/c/" + name
		op.Partition = int(r.cluster.Secret.Hash(op.Name).Partition(partPower))
		ops = append(ops, op)
	}
	for k := range 60 {
		name := fmt.Sprintf("object-%02d", k)
		if k%3 != i {
			add(peer.Op{Op: peer.Put, Timestamp: fmt.Sprintf("17000000%02d.00000", k), Size: int64(k * 997), Seed: int64(k)}, name)
		}
		at := fmt.Sprintf("17000001%02d.00000", k)
		switch changed := k / 3 % 4; {
		case (k+1)%3 != i:
		case changed == 1:
			add(peer.Op{Op: peer.Put, Timestamp: at, Size: 100, Seed: int64(k + 1000)}, name)
		case changed == 2:
			add(peer.Op{Op: peer.Post, Timestamp: at, Headers: map[string]string{"X-Object-Meta-At": at}}, name)
		case changed == 3:
			add(peer.Op{Op: peer.Delete, Timestamp: at}, name)
		}
	}
	return ops
}

// wantCluster checks what all three must have, so that the comparisons compare
// something.
func wantCluster(t *testing.T, tree *peer.Tree) {
	t.Helper()
	got := map[string]int{}
	for _, o := range tree.Objects {
		kind := o.State
		if o.MetaMetadata != nil {
			kind += " with metadata"
		}
		got[kind]++
	}
	if diff := cmp.Diff(map[string]int{"data": 30, "data with metadata": 15, "deleted": 15}, got); diff != "" {
		t.Errorf("objects by kind (-want +got):\n%s", diff)
	}
}

// pass lets node i replicate what it has to the others, once.
func pass(r *rig, nodes [3]*node, i int) {
	r.t.Helper()
	n := nodes[i]
	if !n.ours {
		complaints, err := r.swift.RunDaemon(r.t.Context(), peer.Replicator, peer.DaemonConfig{
			SwiftDir: r.swiftDir, Devices: n.devices, Address: n.address})
		if err != nil || len(complaints) > 0 {
			r.t.Errorf("replicator of node %d: %v %s", i, err, strings.Join(complaints, "; "))
		}
		return
	}
	for k, other := range nodes {
		if k == i {
			continue
		}
		if result := ourPush(r, n.devices, other.address); result.err != nil || result.failed > 0 {
			r.t.Errorf("push from node %d to %d: %+v", i, k, result)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(n.devices, device, "objects", "*")); len(found) != 1<<partPower {
		r.t.Errorf("node %d has partitions %v, want %d of them", i, found, 1<<partPower)
	}
}
