package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// The nodes: ours, which replicates, and two Swifts, of which one is ill.
const (
	us, ill, well = 0, 1, 2

	failingBytes = 100_000 // of an object: a session is cut in the midst of one
	cutAfter     = 64 << 10
)

// failing is a trouble that a Swift is in.
type failing struct {
	name     string
	reasons  []string // of ours, for not having reached him
	strike   func(*failingPeer)
	cure     func(*failingPeer) // nil: what undoes the strike
	midway   bool               // it strikes in the middle of a session
	patience time.Duration      // of ours
	briefly  bool               // it is over when he is asked again in the same pass
	asks     bool               // handoffs are asked in his place
}

var failings = []failing{
	{name: "full, by its reserve", reasons: []string{"failed_updates"}, cure: func(f *failingPeer) {
		f.nodes[ill].server.Kill()
		f.whole.start(ill, map[string]string{"replication_concurrency": "1", "replication_lock_timeout": "1"})
	}},
	{name: "full: ENOSPC", reasons: []string{"failed_updates", "other"}, strike: (*failingPeer).fill}, // other: REPLICATE is 500, for want of a hashes.pkl
	{name: "without its disk", reasons: []string{"unmounted"}, strike: (*failingPeer).takeDisk, asks: true},
	{name: "busy: no slot", reasons: []string{"busy"}, strike: (*failingPeer).takeSlot, briefly: true},
	{name: "busy: a partition is locked", reasons: []string{"lock_timeout"}, strike: (*failingPeer).lock, briefly: true},
	{name: "hanging", reasons: []string{"timeout"}, midway: true, patience: 5 * time.Second,
		strike: func(f *failingPeer) { must(f.t, f.nodes[ill].server.Hang()) },
		cure:   func(f *failingPeer) { must(f.t, f.nodes[ill].server.GoOn()) }},
	{name: "killed", reasons: []string{"unreachable"}, midway: true, // nor can it be asked what arrived
		strike: func(f *failingPeer) { f.nodes[ill].server.Kill() },
		cure:   func(f *failingPeer) { f.whole.start(ill, nil) }},
}

// A Swift is in one trouble after the other while our node pushes partitions to it
// and reverts handoffs. The other Swift gets what it should meanwhile, nothing goes
// from our node that is not with both, we say why; and when the trouble is over
// everything comes to where the ring says, once.
func TestFailingPeers(t *testing.T) {
	t.Parallel()
	f := &failingPeer{ringCluster: newRingCluster(t, true)}
	f.add(false, smallDisk(t), map[string]string{"fallocate_reserve": "100%"})
	f.add(false, disk(t), nil)
	f.ring(2, us, ill, well)
	for i, row := range failings {
		if !t.Run(row.name, func(t *testing.T) { f.in(t).suffer(row, i+1) }) {
			return // the next one builds on what this one left
		}
	}
	f.passes(1)
	f.inPlace()
}

// smallDisk is a disk that can be filled, and taken away, where root may mount one.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := peertest.Devices(t)
	storetest.Mount(t, filepath.Join(dir, "small"))
	must(t, os.Symlink("small", filepath.Join(dir, device)))
	return dir
}

type failingPeer struct {
	*ringCluster
	whole *ringCluster // of the whole test, which outlives a subtest
	undo  func()       // ends what was struck
}

// in is the cluster in a subtest.
func (f *failingPeer) in(t *testing.T) *failingPeer {
	c, r := *f.ringCluster, *f.rig
	r.t, c.rig = t, &r
	return &failingPeer{ringCluster: &c, whole: f.ringCluster}
}

func (f *failingPeer) suffer(row failing, second int) {
	t := f.t
	ops := f.spread(fmt.Sprintf("when %d", second), peer.Op{Op: peer.Put, Timestamp: at(second)})
	f.put(ops)
	if row.cure == nil {
		row.cure = func(f *failingPeer) { f.undo() }
	}
	if row.strike != nil && !row.midway {
		row.strike(f)
	}
	report, failures := f.troubled(us, func(cfg *replicator.Config) {
		if row.patience > 0 {
			cfg.Sender.NodeTimeout, cfg.Sender.HTTPTimeout = row.patience, row.patience
		}
		if row.midway {
			cfg.Dialer = f.cut(func() { row.strike(f) })
		}
		if row.briefly {
			cfg.Again = func(_ context.Context, wait time.Duration) bool { row.cure(f); time.Sleep(wait); return true }
		}
	})
	var want []string
	for _, reason := range row.reasons {
		want = append(want, fmt.Sprintf("%d %s", ill, reason))
	}
	wantFailures(t, failures, want...)
	if !row.briefly {
		if report.Failure == 0 || report.Handoffs == 0 || report.Removed+report.Remove > 0 {
			t.Errorf("in trouble: %+v", report)
		}
		f.lie(func(op peer.Op) []int {
			if row.asks || slices.Contains(f.primaries(op), well) {
				return []int{us, well}
			}
			return []int{us}
		}, ops...)
		row.cure(f)
		report, _ = f.pass(us)
	}
	if report.Failure > 0 || report.Handoffs > 0 {
		t.Errorf("after it: %+v", report)
	}
	if row.asks {
		f.pass(well) // it brings what it held as a handoff to where it belongs
	}
	f.lie(f.primaries, ops...)
}

// put writes objects on our node alone.
func (f *failingPeer) put(ops []peer.Op) {
	f.t.Helper()
	d := storetest.Device(f.t, f.store(f.nodes[us].devices))
	for i, op := range ops {
		p := d.Partition(f.cluster.Policies[0], uint32(f.partition(op.Name)))
		ts, err := proto.ParseTimestamp(op.Timestamp)
		must(f.t, err)
		must(f.t, storetest.Put(p, op.Name, ts, make([]byte, failingBytes+i)))
		f.want[op.Name] = op
	}
}

// fill leaves no room on the ill one's disk.
func (f *failingPeer) fill() {
	ballast := filepath.Join(f.nodes[ill].devices, device, "ballast")
	file, err := os.Create(ballast)
	must(f.t, err)
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, unix.ENOSPC) {
		f.t.Fatal(err)
	}
	f.undo = func() {
		must(f.t, os.Remove(ballast))
		litter, err := filepath.Glob(filepath.Join(filepath.Dir(ballast), "objects", "*", "tmp*.tmp"))
		must(f.t, err)
		for _, path := range litter { // of Swift's, which could not write a hashes.pkl
			must(f.t, os.Remove(path))
		}
	}
}

// takeDisk takes the ill one's disk from where it was.
func (f *failingPeer) takeDisk() {
	path := filepath.Join(f.nodes[ill].devices, device)
	must(f.t, os.Rename(path, path+"-gone"))
	f.undo = func() { must(f.t, os.Rename(path+"-gone", path)) }
}

// takeSlot keeps the ill one's only place for a session, with one about a partition
// that nobody asks it for.
func (f *failingPeer) takeSlot() {
	c, err := net.Dial("tcp", f.nodes[ill].address)
	must(f.t, err)
	number := slices.IndexFunc(f.belong, func(on []int) bool { return !slices.Contains(on, ill) })
	_, err = fmt.Fprintf(c, "SSYNC /%s/%d HTTP/1.1\r\nHost: x\r\nX-Backend-Storage-Policy-Index: 0\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"17\r\n:MISSING_CHECK: START\r\n\r\n", device, number)
	must(f.t, err)
	status := make([]byte, len("HTTP/1.1 200"))
	if _, err = io.ReadFull(c, status); err != nil || string(status) != "HTTP/1.1 200" {
		f.t.Fatalf("%q %v", status, err)
	}
	f.undo = func() { c.Close() }
}

// lock takes a partition's lock from the ill one, as somebody's session there does.
func (f *failingPeer) lock() {
	number := slices.IndexFunc(f.belong, func(on []int) bool { return slices.Contains(on, ill) })
	held, err := storetest.Flock(filepath.Join(f.nodes[ill].devices, device, "objects", fmt.Sprint(number), ".lock-replication"))
	must(f.t, err)
	f.undo = func() { held.Close() }
}

// cut is a dialer whose connections to the ill one strike in the midst of what they
// send, once.
func (f *failingPeer) cut(strike func()) func(context.Context, string) (net.Conn, error) {
	left := new(atomic.Int64)
	left.Store(cutAfter)
	return func(ctx context.Context, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil || address != f.nodes[ill].address {
			return c, err
		}
		return &cutConn{c, left, strike}, nil
	}
}

type cutConn struct {
	net.Conn
	left   *atomic.Int64
	strike func()
}

// Write strikes when just so many bytes were written, and no more of an object.
func (c *cutConn) Write(p []byte) (n int, err error) {
	left := c.left.Add(-int64(len(p)))
	if left > 0 || left <= -int64(len(p)) {
		return c.Conn.Write(p)
	}
	border := len(p) + int(left)
	if n, err = c.Conn.Write(p[:border]); err != nil {
		return n, err
	}
	c.strike()
	rest, err := c.Conn.Write(p[border:])
	return n + rest, err
}
