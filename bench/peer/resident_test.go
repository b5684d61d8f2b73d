package peer_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"golang.org/x/sync/errgroup"
)

// What a Swift that stays does, and finds, is what one does that is started for it:
// also side by side, after something that failed, and for another swift directory.
func TestStay(t *testing.T) {
	swift, dir, devices := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t)
	stays := peertest.Stay(t, swift, dir)
	err := stays.Fill(t.Context(), dir, devices, "d1", []peer.Op{
		{Op: peer.Put, Name: "/a/c/caf\xc3\xa9", Timestamp: "1700000001.00000", Size: 100, Headers: map[string]string{"X-Object-Meta-Tea": "th\xc3\xa9"}},
		{Op: peer.Put, Name: "/a/c/o", Timestamp: "yesterday"},
	})
	if err == nil || !strings.Contains(err.Error(), "operation 1, put '/a/c/o'") || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("got %v", err)
	}
	want := inspect(t, swift, dir, devices)
	named(t, want, "/a/c/caf\xc3\xa9")
	var g errgroup.Group
	for range 5 {
		g.Go(func() error {
			got, err := stays.Inspect(t.Context(), dir, devices, "d1", 0)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-started +stays:\n%s", diff)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if quarantined, complaints, err := stays.Audit(t.Context(), dir, devices, "d1"); err != nil || quarantined > 0 || len(complaints) > 0 {
		t.Errorf("audit: %d in quarantine, %q, %v", quarantined, complaints, err)
	}
	other := peertest.SwiftDir(t, peer.WithErasureCoding())
	if _, err := stays.Inspect(t.Context(), other, devices, "d1", 1); err != nil {
		t.Errorf("in another swift directory: %v", err)
	}
	if complaints, err := stays.RunDaemon(t.Context(), peer.Replicator, peer.DaemonConfig{SwiftDir: dir, Devices: devices, Address: "127.0.0.1:1"}); err != nil || len(complaints) == 0 {
		t.Errorf("a replicator without a ring: %q, %v", complaints, err)
	}
}

// A context that ends takes with it what was asked under it, and nothing else.
func TestStayEndsWithItsContext(t *testing.T) {
	dir, from, to := peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	stays := peertest.Stay(t, peertest.Require(t), dir)
	fill(t, stays, dir, from, []peer.Op{{Op: peer.Put, Name: "/a/c/o", Timestamp: "1700000001.00000"}})
	mkdir(t, to, "d1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			cancel() // now it waits for an answer
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	_, err = stays.Send(ctx, peer.SendConfig{SwiftDir: dir, Devices: from, Device: "d1", To: l.Addr().String()})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	inspect(t, stays, dir, from)
}
