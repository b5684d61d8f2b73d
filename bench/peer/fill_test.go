package peer_test

import (
	"crypto/md5"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

const (
	cafe     = "/AUTH_t/c/caf\xc3\xa9"
	emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"
)

// What Fill was asked for is what Inspect finds, to the byte.
func TestFillThenInspect(t *testing.T) {
	swift, dir, devices := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t)
	fill(t, swift, dir, devices, []peer.Op{
		{Op: peer.Put, Name: cafe, Timestamp: "1700000001.00000", Partition: 7, Body: []byte("one"),
			Headers: map[string]string{"Content-Type": "text/plain", "X-Object-Meta-City": "Orl\xc3\xa9ans", "X-Delete-At": "1700000002"}},
		{Op: peer.Post, Name: cafe, Timestamp: "1700000005.00000", Partition: 7,
			Headers:              map[string]string{"Content-Type": "text/html", "X-Object-Meta-City": "\xff"},
			ContentTypeTimestamp: "1700000005.00000"},
		{Op: peer.Put, Name: "/AUTH_t/c/large", Timestamp: "1700000001.00000_000000000000000b", Partition: 7, Size: 3<<20 + 1, Seed: 5},
		{Op: peer.Put, Name: "/AUTH_t/c/empty", Timestamp: "1700000001.00000", Partition: 8},
		{Op: peer.Put, Name: "/AUTH_t/c/gone", Timestamp: "1700000001.00000", Partition: 8, Body: []byte("x")},
		{Op: peer.Delete, Name: "/AUTH_t/c/gone", Timestamp: "1700000009.00000", Partition: 8},
	})
	tree := inspect(t, swift, dir, devices)

	// The cluster's secret is ours, whatever /etc/swift says.
	if key, _, _ := tree.Named(cafe); key != fmt.Sprintf("7/%x", md5.Sum([]byte("pre"+cafe+"suf"))) {
		t.Errorf("%s lies in %s", cafe, key)
	}
	// Meta, data and content type go into the digest, in that order.
	const digest = "238771cc0a56bbe2c76322a2ab296086"
	if got := slices.Collect(maps.Values(tree.Partitions["7"].Fresh)); !slices.Contains(got, digest) {
		t.Errorf("suffix digests %q, want %s among them", got, digest)
	}
	posted := named(t, tree, cafe)
	want := peer.Object{
		State: peer.StateData, Name: cafe, MD5: "f97c5d29941bfb1b2fdab0874906ab82", Size: 3,
		DataTS: "1700000001.00000", TS: "1700000005.00000", CTypeTS: "1700000005.00000",
		Files: []string{"1700000001.00000.data", "1700000005.00000+0.meta"},
		DataMetadata: map[string]string{"name": cafe, "X-Timestamp": "1700000001.00000", "Content-Length": "3",
			"ETag": "f97c5d29941bfb1b2fdab0874906ab82", "Content-Type": "text/plain",
			"X-Object-Meta-City": "Orl\xc3\xa9ans", "X-Delete-At": "1700000002"},
		MetaMetadata: map[string]string{"X-Timestamp": "1700000005.00000",
			"Content-Type": "text/html", "Content-Type-Timestamp": "1700000005.00000", "X-Object-Meta-City": "\xff"},
	}
	stored := posted.Stored
	posted.Stored, posted.Metadata = nil, nil
	if d := cmp.Diff(want, posted); d != "" {
		t.Errorf("the object that was put and posted (-want +got):\n%s", d)
	}
	// Python 3 stores the UTF-8 of a WSGI string, but a name as it is.
	if got := stored["1700000005.00000+0.meta"]; got["X-Object-Meta-City"] != "\xc3\xbf" || got["name"] != cafe {
		t.Errorf("stored in the .meta: %q", got)
	}
	if large := named(t, tree, "/AUTH_t/c/large"); large.Size != 3<<20+1 || large.DataTS != "1700000001.00000_000000000000000b" {
		t.Errorf("the large object: %+v", large)
	}
	if empty := named(t, tree, "/AUTH_t/c/empty"); empty.State != peer.StateData || empty.MD5 != emptyMD5 {
		t.Errorf("the empty object: %+v", empty)
	}
	if gone := named(t, tree, "/AUTH_t/c/gone"); gone.State != peer.StateDeleted || gone.TS != "1700000009.00000" ||
		!slices.Equal(gone.Files, []string{"1700000009.00000.ts"}) {
		t.Errorf("the tombstone: %+v", gone)
	}
	if got := slices.Sorted(maps.Keys(tree.Partitions)); !slices.Equal(got, []string{"7", "8"}) {
		t.Errorf("partitions %q", got)
	}
}

// Inspecting twice gives the same; a digest of hashes.pkl is fresh after Hashes
// has written it, and stale once a file is slipped past Swift.
func TestInspectJudgesDigests(t *testing.T) {
	swift, dir, devices := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t)
	swift = peertest.Stay(t, swift, dir)
	fill(t, swift, dir, devices, []peer.Op{{Op: peer.Put, Name: "/a/c/o", Timestamp: "1700000001.00000", Body: []byte("x")}})
	first := inspect(t, swift, dir, devices)
	if p := first.Partitions["0"]; p.Valid || len(p.Fresh) != 1 || len(p.Invalid) != 1 {
		t.Errorf("a partition that was never hashed: %+v", p)
	}
	digests, err := swift.Hashes(t.Context(), dir, devices, "d1", 0, "0", nil)
	if err != nil {
		t.Fatal(err)
	}
	second := inspect(t, swift, dir, devices)
	if d := cmp.Diff(digests, second.Partitions["0"].Fresh); d != "" {
		t.Errorf("Hashes (-) and Inspect (+) disagree:\n%s", d)
	}
	if d := cmp.Diff(digests, second.Partitions["0"].Stored); d != "" || !second.Partitions["0"].Valid {
		t.Errorf("hashes.pkl:\n%s", d)
	}
	if diffs := peer.DiffTrees(first, second); len(diffs) > 0 {
		t.Errorf("inspecting changed the tree:\n%s", strings.Join(diffs, "\n"))
	}
	if stale := second.Stale(); len(stale) > 0 {
		t.Errorf("stale already: %q", stale)
	}

	key, o, _ := second.Named("/a/c/o")
	hash := filepath.Base(key)
	at := filepath.Join(devices, "d1", "objects", "0", hash[len(hash)-3:], hash)
	if err := os.Rename(filepath.Join(at, o.Files[0]), filepath.Join(at, "1700000002.00000.data")); err != nil {
		t.Fatal(err)
	}
	if stale := inspect(t, swift, dir, devices).Stale(); len(stale) != 1 {
		t.Errorf("a file was slipped past Swift, and stale is %q", stale)
	}
}

// Damage is seen by Inspect, which leaves it, and by Audit, which moves it away.
func TestDamageIsSeen(t *testing.T) {
	swift, dir, devices := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t)
	swift = peertest.Stay(t, swift, dir)
	const when = "1700000001.00000"
	fill(t, swift, dir, devices, []peer.Op{
		{Op: peer.Put, Name: "/a/c/good", Timestamp: when, Body: []byte("x")},
		{Op: peer.Put, Name: "/a/c/rotten", Timestamp: when, Body: []byte("x"), Headers: map[string]string{"ETag": emptyMD5}},
		{Op: peer.Put, Name: "/a/c/short", Timestamp: when, Body: []byte("x"), Headers: map[string]string{"Content-Length": "2"}},
		{Op: peer.Raw, Name: "/a/c/bare", File: when + ".data", Body: []byte("x")},
		{Op: peer.Raw, Name: "/a/c/other", File: when + ".data", Body: []byte("x"), Headers: map[string]string{
			"name": "/a/c/somebody", "X-Timestamp": when, "Content-Length": "1", "ETag": "9dd4e461268c8034f5c8564e155c67a6"}},
		{Op: peer.Put, Name: "/a/c/crowded", Timestamp: when, Body: []byte("x")},
		{Op: peer.Raw, Name: "/a/c/crowded", File: "." + when + ".data.Xy095a"},
	})
	before := inspect(t, swift, dir, devices)
	if good := named(t, before, "/a/c/good"); good.State != peer.StateData {
		t.Errorf("the good one: %+v", good)
	}
	states := map[string]int{}
	for _, o := range before.Objects {
		states[o.State]++
	}
	if want := (map[string]int{peer.StateData: 2, peer.StateError: 4}); !maps.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
	if len(before.Leftovers) != 1 || !strings.HasSuffix(before.Leftovers[0], ".Xy095a") {
		t.Errorf("left over: %q", before.Leftovers)
	}
	if diffs := peer.DiffTrees(before, inspect(t, swift, dir, devices)); len(diffs) != 2 { // the leftover, on both sides
		t.Errorf("inspecting changed the tree:\n%s", strings.Join(diffs, "\n"))
	}

	quarantined, errors, err := swift.Audit(t.Context(), dir, devices, "d1")
	if err != nil {
		t.Fatal(err)
	}
	if quarantined != 4 || len(errors) < 4 {
		t.Errorf("the auditor quarantined %d and said %q", quarantined, errors)
	}
	after := inspect(t, swift, dir, devices)
	if len(after.Objects) != 2 || len(after.Quarantined) != 4 {
		t.Errorf("after the audit: %d objects, quarantined %q", len(after.Objects), after.Quarantined)
	}
}

// An operation that cannot be done is named.
func TestFillNamesWhatFailed(t *testing.T) {
	swift, dir, devices := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t)
	err := swift.Fill(t.Context(), dir, devices, "d1", []peer.Op{
		{Op: peer.Put, Name: "/a/c/o", Timestamp: "1700000001.00000"},
		{Op: peer.Put, Name: "/a/c/o", Timestamp: "yesterday"},
	})
	if err == nil || !strings.Contains(err.Error(), "operation 1, put '/a/c/o'") {
		t.Errorf("got %v", err)
	}
}

// A fragment archive is stored under its index, durable or not.
func TestErasureCoding(t *testing.T) {
	swift, dir, devices := peertest.Require(t), peertest.SwiftDir(t, peer.WithErasureCoding()), peertest.Devices(t)
	swift = peertest.Stay(t, swift, dir)
	fill(t, swift, dir, devices, []peer.Op{
		{Op: peer.Put, Policy: 1, Name: "/a/c/kept", Timestamp: "1700000001.00000", Fragment: 2, Size: 2 << 20},
		{Op: peer.Put, Policy: 1, Name: "/a/c/loose", Timestamp: "1700000001.00000", Fragment: 1, Size: 10, NoCommit: true},
	})
	tree, err := swift.Inspect(t.Context(), dir, devices, "d1", 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"/a/c/kept": "1700000001.00000#2#d.data", "/a/c/loose": "1700000001.00000#1.data",
	} {
		if o := named(t, tree, name); o.State != peer.StateData || !slices.Equal(o.Files, []string{file}) {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func fill(t *testing.T, swift *peer.Swift, dir, devices string, ops []peer.Op) {
	t.Helper()
	if err := swift.Fill(t.Context(), dir, devices, "d1", ops); err != nil {
		t.Fatal(err)
	}
}

func inspect(t *testing.T, swift *peer.Swift, dir, devices string) *peer.Tree {
	t.Helper()
	tree, err := swift.Inspect(t.Context(), dir, devices, "d1", 0)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func named(t *testing.T, tree *peer.Tree, name string) peer.Object {
	t.Helper()
	_, o, ok := tree.Named(name)
	if !ok {
		t.Errorf("no object %q", name)
	}
	return o
}
