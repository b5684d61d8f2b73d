package interop_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// ringCluster is nodes, ours and Swift's, under a ring that moves: each runs its own
// replicator, ours with the rings, disks and answers of Swift's.
type ringCluster struct {
	*rig
	nodes  []*node
	power  int
	belong [][]int // by partition, the nodes that should have it
	want   map[string]peer.Op
}

func newRingCluster(t *testing.T, ours ...bool) *ringCluster {
	c := &ringCluster{rig: newRig(t), power: 3, want: map[string]peer.Op{}}
	for _, our := range ours {
		c.add(our, disk(t), nil)
	}
	return c
}

// add adds a node, ours or a Swift with these settings.
func (c *ringCluster) add(our bool, devices string, set map[string]string) {
	c.t.Helper()
	n := &node{ours: our, devices: devices}
	if c.nodes = append(c.nodes, n); our {
		n.address = ourNode(c.rig, devices)
	} else {
		c.start(len(c.nodes)-1, set)
	}
}

// start starts a node's Swift server, for the first time or again.
func (c *ringCluster) start(i int, set map[string]string) {
	c.t.Helper()
	n := c.nodes[i]
	n.server = peertest.Server(c.t, c.swift, peer.ServerConfig{SwiftDir: c.swiftDir, Devices: n.devices, Addr: n.address, Set: set})
	n.address = n.server.Addr()
}

// ring gives the partitions to some of the nodes.
func (c *ringCluster) ring(replicas int, on ...int) {
	c.t.Helper()
	ring := peer.Ring{Name: "object", PartPower: c.power, Replicas: replicas}
	for i, n := range c.nodes {
		ring.Nodes = append(ring.Nodes, peer.RingNode{Device: device, Server: n.address, Leaving: !slices.Contains(on, i)})
	}
	var err error
	c.belong, err = c.swift.BuildRing(c.t.Context(), c.swiftDir, ring)
	must(c.t, err)
}

func (c *ringCluster) partition(name string) int {
	return int(c.cluster.Secret.Hash(name).Partition(c.power))
}

// write lets Swift do things to objects, each on the nodes that the ring names.
func (c *ringCluster) write(ops ...peer.Op) {
	c.t.Helper()
	c.writeOn(func(op peer.Op) []int { return c.belong[op.Partition] }, ops...)
}

func (c *ringCluster) writeOn(where func(peer.Op) []int, ops ...peer.Op) {
	c.t.Helper()
	for i := range c.nodes {
		var here []peer.Op
		for _, op := range ops {
			op.Partition = c.partition(op.Name)
			if slices.Contains(where(op), i) {
				here = append(here, op)
			}
			c.want[op.Name] = op
		}
		if len(here) == 0 {
			continue
		}
		must(c.t, c.swift.Fill(c.t.Context(), c.swiftDir, c.nodes[i].devices, device, here))
	}
}

// someObjects are n objects, some of them deleted.
func someObjects(prefix string, n int) (ops []peer.Op) {
	for k := range n {
		name := fmt.Sprintf("/AUTH_a/c/%s-%02d", prefix, k)
		ops = append(ops, peer.Op{Op: peer.Put, Name: name, Timestamp: at(k), Size: int64(k * 1009), Seed: int64(k)})
		if k%5 == 0 {
			ops = append(ops, peer.Op{Op: peer.Delete, Name: name, Timestamp: at(1000 + k)})
		}
	}
	return ops
}

// pass lets a node replicate once. What it complains of is returned.
func (c *ringCluster) pass(i int, edit ...func(*replicator.Config)) (report replicator.Report, complaints []string) {
	c.t.Helper()
	n := c.nodes[i]
	if !n.ours {
		complaints, err := c.swift.RunDaemon(c.t.Context(), peer.Replicator, peer.DaemonConfig{SwiftDir: c.swiftDir, Devices: n.devices, Address: n.address})
		must(c.t, err)
		return report, complaints
	}
	set, err := rings.New(rings.Config{SwiftDir: c.swiftDir, Policies: c.cluster.Policies, Log: c.log})
	must(c.t, err)
	host, text, err := net.SplitHostPort(n.address)
	must(c.t, err)
	port, err := strconv.Atoi(text)
	must(c.t, err)
	cfg := replicator.Config{
		Store: c.store(n.devices), Rings: set, Log: c.log, IPs: []netip.Addr{netip.MustParseAddr(host)}, Port: port,
		Engine: os.Getenv("RINGSYNC_ENGINE"), Concurrency: 2, ReclaimAge: century,
		Sender: ssync.SenderConfig{ConnTimeout: 5 * time.Second, NodeTimeout: time.Minute, HTTPTimeout: time.Minute},
	}
	for _, e := range edit {
		e(&cfg)
	}
	r, err := replicator.New(cfg)
	must(c.t, err)
	report, err = r.Once(context.Background())
	must(c.t, err)
	must(c.t, r.Close())
	return report, nil
}

// passes lets every node replicate, some times.
func (c *ringCluster) passes(times int) {
	c.t.Helper()
	for range times {
		for i := range c.nodes {
			if report, complaints := c.pass(i); len(complaints) > 0 || report.Failure > 0 {
				c.t.Errorf("node %d: %+v %s", i, report, strings.Join(complaints, "; "))
			}
		}
	}
}

// inPlace lets Swift look at all disks: each object that was ever written is on just
// the nodes that the ring names, in its last state, once; nothing is in quarantine,
// no digest is wrong, and no partition is left where it does not belong.
func (c *ringCluster) inPlace() {
	c.t.Helper()
	var trees []*peer.Tree
	for i, n := range c.nodes {
		tree := c.inspect(n.devices)
		trees = append(trees, tree)
		if odd := append(append(tree.Stale(), tree.Leftovers...), tree.Quarantined...); len(odd) > 0 {
			c.t.Errorf("node %d: stale, left over or in quarantine: %v", i, odd)
		}
		for key := range tree.Objects {
			number, err := strconv.Atoi(key[:strings.IndexByte(key, '/')])
			must(c.t, err)
			if !slices.Contains(c.belong[number], i) {
				c.t.Errorf("node %d has %s, which belongs on %v", i, key, c.belong[number])
			}
		}
		found, _ := filepath.Glob(filepath.Join(n.devices, device, "objects", "*"))
		for _, path := range found {
			if number, err := strconv.Atoi(filepath.Base(path)); err == nil && !slices.Contains(c.belong[number], i) {
				c.t.Errorf("node %d still has the partition %d", i, number)
			}
		}
	}
	for name, op := range c.want {
		var first peer.Object
		for k, i := range c.belong[c.partition(name)] {
			_, o, ok := trees[i].Named(name)
			state := peer.StateData
			if op.Op == peer.Delete {
				state = peer.StateDeleted
			}
			switch {
			case !ok:
				c.t.Errorf("node %d lacks %s", i, name)
			case o.State != state || o.TS != op.Timestamp:
				c.t.Errorf("node %d has %s %s of %s, want %s of %s", i, name, o.State, o.TS, state, op.Timestamp)
			case k == 0:
				first = o
			default:
				if diff := cmp.Diff(first, o); diff != "" {
					c.t.Errorf("%s is not the same everywhere: %s", name, diff)
				}
			}
		}
	}
}

// ringKind is who runs on the nodes of a cluster, and how much they hold.
type ringKind struct {
	name    string
	ours    []bool
	objects int
	full    bool // only with RINGSYNC_FULL=1
}

// eachKind runs a test with a cluster of each kind, of n nodes. That of Swift alone
// shows that it is the test's due to pass.
func eachKind(t *testing.T, n int, test func(*testing.T, ringKind)) {
	mixed, ours := make([]bool, n), make([]bool, n)
	for i := range n {
		mixed[i], ours[i] = i%2 == 0, true
	}
	for _, kind := range []ringKind{
		{"ours among Swift's", mixed, 40, false},
		{"all ours", ours, 10, true},
		{"all ours, more", ours, 400, true},
		{"all Swift", make([]bool, n), 40, true},
	} {
		t.Run(kind.name, func(t *testing.T) {
			if kind.full && os.Getenv("RINGSYNC_FULL") == "" {
				t.Skip("RINGSYNC_FULL=1 runs it")
			}
			t.Parallel()
			test(t, kind)
		})
	}
}

// A node leaves and another one joins: partitions move to where the ring says then,
// and the old copies go. A disk that is lost is filled again.
func TestRebalance(t *testing.T) {
	t.Parallel()
	eachKind(t, 4, func(t *testing.T, kind ringKind) {
		c := newRingCluster(t, kind.ours...)
		c.ring(2, 0, 1, 2)
		c.write(someObjects("before", kind.objects)...)
		c.ring(2, 1, 2, 3)
		c.write(someObjects("after", kind.objects/2)...)
		c.passes(2)
		c.inPlace()

		must(t, os.RemoveAll(filepath.Join(c.nodes[2].devices, device)))
		must(t, os.Mkdir(filepath.Join(c.nodes[2].devices, device), 0o755))
		c.passes(1)
		c.inPlace()
	})
}

// Handoffs are drained while Swift writes and deletes on the primaries, and nothing
// is lost.
func TestDrain(t *testing.T) {
	t.Parallel()
	eachKind(t, 3, func(t *testing.T, kind ringKind) {
		c := newRingCluster(t, kind.ours...)
		c.ring(2, 1, 2)
		handoff := func(peer.Op) []int { return []int{0} }
		c.writeOn(handoff, someObjects("drained", kind.objects)...)
		later := someObjects("written", kind.objects/2)
		for k := range kind.objects / 4 {
			later = append(later, peer.Op{Op: peer.Delete, Name: fmt.Sprintf("/AUTH_a/c/drained-%02d", 4*k+1), Timestamp: at(5000)})
		}
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			c.write(later...)
		}()
		c.pass(0)
		<-wrote
		c.passes(1)
		c.inPlace()
	})
}
