package interop_test

import (
	"os"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// A Swift in either seat stays with us under a limit; at full size also under one that
// is so low that only a session's least passes.
func TestLimited(t *testing.T) {
	t.Parallel()
	size, out, in := int64(400_000), limit.Rate(100_000), limit.Rate(2_000_000)
	if os.Getenv("RINGSYNC_FULL") != "" {
		out, in = 1, 1
	}
	bound := func(t *testing.T, rates limit.Rates) *limit.Set {
		s := limit.New(limit.Config{})
		if err := s.Change(limit.Limits{Node: rates}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	check := func(t *testing.T, size int64, push func(r *rig, from, to string) pushed) {
		r := newRig(t)
		from, to := disk(t), disk(t)
		ops := []peer.Op{{Op: peer.Put, Name: "/AUTH_a/c/large", Timestamp: t1, Size: size, Seed: 1}, {Op: peer.Put, Name: "/AUTH_a/c/small", Timestamp: t1, Size: 5}}
		if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, ops); err != nil {
			t.Fatal(err)
		}
		if got := push(r, from, to); got.err != nil || got.wanted != 2 {
			t.Fatalf("%+v", got)
		}
		r.alike(from, to)
		r.sound(to)
	}
	t.Run(oursToSwift, func(t *testing.T) {
		limits := bound(t, limit.Rates{Out: out})
		check(t, size, func(r *rig, from, to string) pushed {
			return ourPushWithin(r, limits, ssync.SSYNC, from, swiftServer(r, to))
		})
		if limits.Waited(limit.Out, limit.Node) == 0 {
			t.Error("nothing waited")
		}
	})
	t.Run(swiftToOurs, func(t *testing.T) {
		limits := bound(t, limit.Rates{In: in})
		check(t, 20*size, func(r *rig, from, to string) pushed {
			return swiftPush(r, from, nodeWith(r, to, func(c *dataplane.Config) { c.Receiver.Limits = limits }))
		})
		if limits.Waited(limit.In, limit.Node) == 0 {
			t.Error("nothing waited")
		}
	})
}
