package interop_test

import (
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// Swift notices nothing of what two of ours agree on, in either seat: it sends to us,
// we store digests of our own beside its bodies, send those on to another of ours by
// them, and from there to Swift again, to whom all are held against their ETags. Its
// own code finds the same on all four disks, and nothing to complain of.
func TestAgreedWithoutSwift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	disks := []string{disk(t), disk(t), disk(t), disk(t)}
	var ops []peer.Op
	for i, size := range []int64{0, 4096, 65_536, 65_537, 1 << 20, 5 << 20} {
		ops = append(ops, peer.Op{Op: peer.Put, Name: "/AUTH_a/c/" + string(rune('a'+i)), Timestamp: "1700000001.00000", Size: size, Seed: int64(i)})
	}
	if err := r.swift.Fill(t.Context(), r.swiftDir, disks[0], device, ops); err != nil {
		t.Fatal(err)
	}
	if first := swiftPush(r, disks[0], ourNode(r, disks[1])); first.err != nil || first.wanted != len(ops) {
		t.Fatalf("Swift to ours: %+v", first)
	}
	ours := ourPush(r, disks[1], ourNode(r, disks[2]))
	if want := (ssync.Verified{Stored: 3, Small: 3}); ours.err != nil || ours.verified != want || ours.features == 0 {
		t.Errorf("ours to ours: %v, %v: %v", ours.verified, ours.features, ours.err)
	}
	for _, from := range disks[1:3] {
		to := disk(t)
		last := ourPush(r, from, swiftServer(r, to))
		if want := (ssync.Verified{MD5: 3, Small: 3}); last.err != nil || last.verified != want || last.features != 0 {
			t.Errorf("ours to Swift: %v, %v: %v", last.verified, last.features, last.err)
		}
		disks[3] = to
		r.alike(disks[0], to)
		r.sound(to)
		r.alike(disks[0], from)
		r.sound(from)
	}
}
