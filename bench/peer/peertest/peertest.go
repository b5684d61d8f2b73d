// Package peertest makes package peer one call in a test: a Swift or a reason
// to skip, a directory that Swift can keep objects in, a server that ends with
// the test.
package peertest

import (
	"context"
	"os"
	"sync/atomic"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
)

// Require returns the Swift of this machine and logs its version. Without one
// the test is skipped, or fails if REQUIRE_SWIFT=1, which is what CI says.
func Require(t testing.TB) *peer.Swift {
	t.Helper()
	swift, err := find(t.Context())
	if err != nil {
		unavailable(t, err.Error())
	}
	t.Logf("the peer is Swift %s, run by %s", swift.Version, swift.Python)
	return swift
}

// found is the Swift of this machine, once it was found.
var found atomic.Pointer[peer.Swift]

func find(ctx context.Context) (*peer.Swift, error) {
	if swift := found.Load(); swift != nil {
		return swift, nil
	}
	swift, err := peer.Find(ctx)
	found.Store(swift)
	return swift, err
}

// unavailable skips the test, or fails it where a real Swift was promised.
func unavailable(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE_SWIFT") == "1" {
		t.Fatalf("REQUIRE_SWIFT=1, but %s", reason)
	}
	t.Skip(reason)
}

// SwiftDir is a fresh swift directory with a swift.conf, removed at the end.
func SwiftDir(t testing.TB, opts ...peer.Option) string {
	t.Helper()
	dir := t.TempDir()
	if err := peer.WriteSwiftConf(dir, opts...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Stay is the same Swift, imported once for the test and one swift directory.
func Stay(t testing.TB, swift *peer.Swift, swiftDir string) *peer.Swift {
	t.Helper()
	stays, stop, err := swift.Stay(cleanupContext(t), swiftDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return stays
}

// Server starts Swift's object server and stops it at the end of the test. Its
// log goes to the test's, if cfg names no other.
func Server(t testing.TB, swift *peer.Swift, cfg peer.ServerConfig) *peer.Server {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = t.Output()
	}
	// Not t.Context(): that ends before the clean-up, and the server would be
	// killed instead of stopped.
	server, err := swift.StartObjectServer(cleanupContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// cleanupContext lasts until the last clean-up of the test.
func cleanupContext(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	return ctx
}
