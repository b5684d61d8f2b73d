package interop_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// bodiesMarked lists the bodies of a disk whose mark says that nobody has checked them;
// mark sets it first, on all.
func bodiesMarked(t *testing.T, devices string, mark bool) (marked, all []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(devices, device, "objects/*/*/*/*.data"))
	if err != nil || len(all) == 0 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, path := range all {
		if mark {
			must(t, unix.Setxattr(path, hashes.UncheckedXattr, []byte("1"), 0))
		}
		_, err := unix.Getxattr(path, hashes.UncheckedXattr, nil)
		if err == nil {
			marked = append(marked, path)
		} else if !errors.Is(err, unix.ENODATA) {
			t.Error(err)
		}
	}
	return marked, all
}

// To Swift a mark is nothing: it reads, hashes and audits what bears one as it does
// everything, replaces it by a newer body and deletes it, and then no mark is left. Its
// sender finds what is marked wanted, sends it, and the next time it is held.
func TestUncheckedBesideSwift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	from, to := disk(t), disk(t)
	ops := slices.DeleteFunc(objects(), func(op peer.Op) bool { return op.Size > 1<<20 })
	must(t, r.swift.Fill(t.Context(), r.swiftDir, from, device, ops))
	address := ourNode(r, to)
	if first := swiftPush(r, from, address); first.err != nil {
		t.Fatal(first.err)
	}
	marked, _ := bodiesMarked(t, to, true)
	r.alike(from, to)
	r.sound(to)

	changes := []peer.Op{
		{Op: peer.Put, Name: "/AUTH_a/c/size 65537", Timestamp: "1700000060.00000", Size: 70_000, Seed: 7},
		{Op: peer.Delete, Name: "/AUTH_a/c/size 65536", Timestamp: "1700000061.00000"},
		{Op: peer.Post, Name: "/AUTH_a/c/size 1", Timestamp: "1700000062.00000", Headers: map[string]string{"X-Object-Meta-New": "1"}},
	}
	must(t, r.swift.Fill(t.Context(), r.swiftDir, to, device, changes))
	left, _ := bodiesMarked(t, to, false)
	if len(left) != len(marked)-2 {
		t.Errorf("of %d marks %d are left after a PUT and a DELETE", len(marked), len(left))
	}
	r.sound(to)

	second := swiftPush(r, from, address)
	if second.err != nil || second.wanted != len(left) {
		t.Errorf("%d wanted where %d are marked: %v", second.wanted, len(left), second.err)
	}
	if left, _ := bodiesMarked(t, to, false); len(left) > 0 {
		t.Errorf("still marked: %v", left)
	}
	r.sound(to)
	must(t, r.swift.Fill(t.Context(), r.swiftDir, from, device, changes))
	r.alike(from, to)
	if third := swiftPush(r, from, address); third.err != nil || third.wanted != 0 {
		t.Errorf("once more: %+v", third)
	}
}
