package peer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

// Swift to Swift: after one pass both devices are the same, to the byte, and
// after a second pass nothing was sent.
func TestSwiftSendsToSwift(t *testing.T) {
	swift, dir, from, to := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	stays := peertest.Stay(t, swift, dir) // the sender is a process of its own, which is measured
	mkdir(t, to, "d2")
	fill(t, stays, dir, from, []peer.Op{
		{Op: peer.Put, Name: cafe, Timestamp: "1700000001.00000", Body: []byte("one"), Headers: map[string]string{"X-Object-Meta-Color": "red"}},
		{Op: peer.Post, Name: cafe, Timestamp: "1700000005.00000", Headers: map[string]string{"X-Object-Meta-Color": "blue"}},
		{Op: peer.Put, Name: "/AUTH_t/c/large", Timestamp: "1700000002.00000", Partition: 3, Size: 1 << 20, Seed: 1},
		{Op: peer.Delete, Name: "/AUTH_t/c/gone", Timestamp: "1700000003.00000", Partition: 3},
	})
	server := peertest.Server(t, swift, peer.ServerConfig{SwiftDir: dir, Devices: to, Workers: 1})
	cfg := peer.SendConfig{SwiftDir: dir, Devices: from, Device: "d1", RemoteDevice: "d2", To: server.Addr(), Trace: true}

	first := send(t, swift, cfg)
	want := &peer.SendReport{
		Success: true, Offered: 3, Wanted: 3, Subrequests: 4, BodyBytes: 3 + 1<<20,
		PerMethod:  map[string]int64{"PUT": 2, "POST": 1, "DELETE": 1},
		Partitions: map[string]peer.SessionReport{"0": {Success: true, InSync: 1}, "3": {Success: true, InSync: 2}},
		Errors:     []string{},
	}
	trace := first.Trace
	if first.Wall <= 0 || first.UserCPU <= 0 {
		t.Errorf("measured %v s, %v s of CPU", first.Wall, first.UserCPU)
	}
	first.Trace, first.Usage = nil, peer.Usage{}
	if d := cmp.Diff(want, first); d != "" {
		t.Errorf("the report (-want +got):\n%s", d)
	}
	if len(trace) != 3+3+4 || trace[0].Kind != "offer" || !strings.HasSuffix(trace[0].Line, " 1700000001.00000 m:61a80") {
		t.Errorf("the trace: %+v", trace)
	}
	a, b := inspect(t, stays, dir, from), inspectDevice(t, stays, dir, to, "d2")
	if diffs := peer.DiffTrees(a, b); len(diffs) > 0 || len(b.Objects) != 3 {
		t.Errorf("%d objects arrived; differences:\n%s", len(b.Objects), strings.Join(diffs, "\n"))
	}
	if again := send(t, swift, cfg); !again.Success || again.Wanted != 0 || again.Subrequests != 0 {
		t.Errorf("the second pass: %+v", again)
	}
}

// A check-only session, as before a handoff copy is removed, sends nothing and
// tells what the receiver has.
func TestSendChecksOnly(t *testing.T) {
	swift, dir, from, to := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	mkdir(t, to, "d1")
	fill(t, swift, dir, from, []peer.Op{
		{Op: peer.Put, Name: "/a/c/asked", Timestamp: "1700000001.00000"},
		{Op: peer.Put, Name: "/a/c/other", Timestamp: "1700000001.00000"},
	})
	key, _, _ := inspect(t, swift, dir, from).Named("/a/c/asked")
	server := peertest.Server(t, swift, peer.ServerConfig{SwiftDir: dir, Devices: to})
	report := send(t, swift, peer.SendConfig{SwiftDir: dir, Devices: from, Device: "d1", To: server.Addr(),
		Partitions: []string{"0"}, CheckObjs: []string{filepath.Base(key)}})
	if !report.Success || report.Offered != 1 || report.Wanted != 1 || report.Subrequests != 0 || report.Partitions["0"].InSync != 0 {
		t.Errorf("the report: %+v", report)
	}
}

// A session that fails is in the report with Swift's words, and is no error.
func TestSendReportsAFailedSession(t *testing.T) {
	swift, dir, from, to := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	fill(t, swift, dir, from, []peer.Op{{Op: peer.Put, Name: "/a/c/o", Timestamp: "1700000001.00000"}})
	server := peertest.Server(t, swift, peer.ServerConfig{SwiftDir: dir, Devices: to}) // d1 is not there
	report := send(t, swift, peer.SendConfig{SwiftDir: dir, Devices: from, Device: "d1", To: server.Addr()})
	if report.Success || len(report.Errors) != 1 || !strings.Contains(report.Errors[0], "got 507") {
		t.Errorf("the report: %+v", report)
	}
}

// Several processes share the partitions, start together when they are told to,
// and report as one.
func TestSendInProcesses(t *testing.T) {
	swift, dir, from, to := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	stays := peertest.Stay(t, swift, dir) // the sender is a process of its own, which is measured
	mkdir(t, to, "d1")
	var ops []peer.Op
	for partition := range 5 {
		ops = append(ops, peer.Op{Op: peer.Put, Name: fmt.Sprint("/a/c/", partition), Timestamp: "1700000001.00000", Partition: partition, Size: 1000})
	}
	fill(t, stays, dir, from, ops)
	server := peertest.Server(t, swift, peer.ServerConfig{SwiftDir: dir, Devices: to})
	cfg := peer.SendConfig{SwiftDir: dir, Devices: from, Device: "d1", To: server.Addr(), Processes: 2}
	ready := 0
	cfg.Ready = func(pid int) error {
		ready++
		if there := inspect(t, stays, dir, to); len(there.Objects) > 0 || pid <= 0 {
			t.Errorf("before the start: %d objects, pid %d", len(there.Objects), pid)
		}
		return nil
	}
	report := send(t, swift, cfg)
	if !report.Success || report.Offered != 5 || len(report.Partitions) != 5 || report.PerMethod["PUT"] != 5 || report.BodyBytes != 5000 || ready != 1 {
		t.Errorf("%+v, ready %d times", report, ready)
	}
	if report.PeakBytes < 2<<20 || report.Switches == 0 {
		t.Errorf("used %+v", report.Usage)
	}
	if diffs := peer.DiffTrees(inspect(t, stays, dir, from), inspect(t, stays, dir, to)); len(diffs) > 0 {
		t.Errorf("differences:\n%s", strings.Join(diffs, "\n"))
	}
	refused := errors.New("not now")
	cfg.Ready = func(int) error { return refused }
	if _, err := swift.Send(t.Context(), cfg); !errors.Is(err, refused) {
		t.Errorf("refused by Ready: %v", err)
	}
}

// A context that ends takes the sender with it, in the middle of a session.
func TestSendEndsWithItsContext(t *testing.T) {
	swift, dir, from, to := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	mkdir(t, to, "d1")
	fill(t, swift, dir, from, []peer.Op{{Op: peer.Put, Name: "/a/c/o", Timestamp: "1700000001.00000"}})
	server := peertest.Server(t, swift, peer.ServerConfig{SwiftDir: dir, Devices: to})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	begun := time.Now()
	_, err := swift.Send(ctx, peer.SendConfig{SwiftDir: dir, Devices: from, Device: "d1", To: server.Addr(), ConnectPause: time.Minute})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 20*time.Second {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
}

func send(t *testing.T, swift *peer.Swift, cfg peer.SendConfig) *peer.SendReport {
	t.Helper()
	report, err := swift.Send(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func inspectDevice(t *testing.T, swift *peer.Swift, dir, devices, device string) *peer.Tree {
	t.Helper()
	tree, err := swift.Inspect(t.Context(), dir, devices, device, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func mkdir(t *testing.T, devices, device string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(devices, device), 0o755); err != nil {
		t.Fatal(err)
	}
}
