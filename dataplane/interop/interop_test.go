package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
)

// objects are what a disk is filled with: sizes on every border, names and
// metadata that must be quoted, and what POST and DELETE leave behind.
func objects() []peer.Op {
	put := func(name, ts string, size int64, headers map[string]string) peer.Op {
		return peer.Op{Op: peer.Put, Name: name, Timestamp: ts, Size: size, Seed: size + int64(len(name)), Headers: headers}
	}
	ops := []peer.Op{}
	for _, size := range []int64{0, 1, 65_535, 65_536, 65_537, 1 << 20, 64 << 20} {
		ops = append(ops, put(fmt.Sprintf("/AUTH_a/c/size %d", size), "1700000001.00000", size, nil))
	}
	for i, name := range []string{"100%", "%41", `quo"te'`, "semi;colon", "que?stion", "ha#sh", "plus+plus", "a/b//c/../d/", "sp ace ", "\xc3\xa9t\xc3\xa9/\xe6\x97\xa5", "<&>"} {
		ops = append(ops, put("/AUTH_a/c/"+name, fmt.Sprintf("17000000%02d.12345", 10+i), 100, nil))
	}
	long := map[string]string{} // over 4 KiB in all, of which Swift lets user metadata be 4,096 bytes
	for i := range 14 {
		long[fmt.Sprintf("X-Object-Meta-Long-%d", i)] = strings.Repeat("x", 250)
		long[fmt.Sprintf("X-Object-Sysmeta-Long-%d", i)] = strings.Repeat("y", 250)
	}
	rich := map[string]string{
		"X-Object-Meta-Mixed-Case1B": "Value with  blanks", "X-Object-Meta-Percent": "100%41", "X-Object-Sysmeta-Some": "thing",
		"Content-Encoding": "gzip", "Content-Disposition": `attachment; filename="x.txt"`, "X-Delete-At": "4000000000",
	}
	ops = append(ops,
		put("/AUTH_a/c/long", "1700000030.00000", 10, long),
		put("/AUTH_a/c/rich", "1700000031.00000", 10, rich),
		put("/AUTH_a/c/expired", "1700000032.00000", 10, map[string]string{"X-Delete-At": "1700000100"}),
		put("/AUTH_a/c/offset", "1700000033.00000_000000000000000a", 10, nil),
		put("/AUTH_a/c/posted", "1700000034.00000", 10, map[string]string{"X-Object-Meta-Old": "gone"}),
		peer.Op{Op: peer.Post, Name: "/AUTH_a/c/posted", Timestamp: "1700000040.00000", Headers: map[string]string{"X-Object-Meta-New": "here"}},
		put("/AUTH_a/c/typed", "1700000035.00000", 10, nil),
		peer.Op{Op: peer.Post, Name: "/AUTH_a/c/typed", Timestamp: "1700000041.00000", ContentTypeTimestamp: "1700000041.00000",
			Headers: map[string]string{"Content-Type": "text/html", "X-Object-Meta-New": "type"}},
		put("/AUTH_a/c/typed earlier", "1700000035.00000", 10, nil),
		peer.Op{Op: peer.Post, Name: "/AUTH_a/c/typed earlier", Timestamp: "1700000041.00000", ContentTypeTimestamp: "1700000040.00000_000000000000000c",
			Headers: map[string]string{"Content-Type": "text/html"}},
		put("/AUTH_a/c/deleted", "1700000036.00000", 10, nil),
		peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/deleted", Timestamp: "1700000042.00000"},
		peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/never-was", Timestamp: "1700000043.00000_000000000000000b"},
	)
	return ops
}

// Everything a disk can hold goes over, between us and Swift in each seat, and
// Swift's own code finds the same on both sides; a second pass sends nothing.
func TestReplicate(t *testing.T) {
	t.Parallel()
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects()); err != nil {
				t.Fatal(err)
			}
			address := p.receive(r, to)
			first := p.push(r, from, address)
			if first.err != nil || first.wanted != first.offered || first.offered < 25 {
				t.Fatalf("first pass: %+v", first)
			}
			r.alike(from, to)
			second := p.push(r, from, address)
			if second.err != nil || second.wanted != 0 || second.offered != first.offered {
				t.Errorf("second pass: %+v", second)
			}
			r.sound(to)
		})
	}
}

// Many small objects in one partition.
func TestManySmall(t *testing.T) {
	t.Parallel()
	n := 200
	if os.Getenv("RINGSYNC_FULL") != "" {
		n = 20_000
	}
	ops := make([]peer.Op, n)
	for i := range ops {
		ops[i] = peer.Op{Op: peer.Put, Name: fmt.Sprintf("/AUTH_a/c/small-%05d", i), Timestamp: fmt.Sprintf("17000%05d.00000", i), Size: 4096, Seed: int64(i)}
	}
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, ops); err != nil {
				t.Fatal(err)
			}
			if result := p.push(r, from, p.receive(r, to)); result.err != nil || result.wanted != n {
				t.Fatalf("%+v", result)
			}
			r.alike(from, to)
			r.sound(to)
		})
	}
}

// Our sender and Swift's at one partition at once: the locks let one after the
// other in, and both end well.
func TestBothSendersAtOnce(t *testing.T) {
	t.Parallel()
	fill := func(r *rig, prefix string) string {
		ops := make([]peer.Op, 300)
		for i := range ops {
			ops[i] = peer.Op{Op: peer.Put, Name: fmt.Sprintf("/AUTH_a/c/%s-%d", prefix, i), Timestamp: "1700000001.00000", Size: 4096, Seed: int64(i)}
		}
		dir := disk(t)
		if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, p := range pairings[:2] { // Swift receives, then we do
		t.Run("into "+strings.Fields(p.name)[2], func(t *testing.T) {
			r := newRig(t)
			ours, swifts, to := fill(r, "ours"), fill(r, "swifts"), disk(t)
			address := p.receive(r, to)
			theirs := make(chan pushed, 1)
			go func() { theirs <- swiftPush(r, swifts, address) }()
			for range 3 { // again and again, so that the sessions do meet
				if result := ourPush(r, ours, address); result.err != nil {
					t.Error(result.err)
				}
			}
			if result := <-theirs; result.err != nil {
				t.Error(result.err)
			}
			if tree := r.inspect(to); len(tree.Objects) != 600 {
				t.Errorf("%d objects, want 600", len(tree.Objects))
			}
			r.sound(to)
		})
	}
}

// hashes.pkl written by us is believed by Swift, and Swift's by us.
func TestDigestsAreShared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	dir := disk(t)
	if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, objects()); err != nil {
		t.Fatal(err)
	}
	d, err := r.store(dir).Device(device)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := d.Partition(r.cluster.Policies[0], 0)
	ours, err := p.Digests(t.Context(), nil, true)
	if err != nil || len(ours) == 0 {
		t.Fatal(len(ours), err)
	}
	state := r.inspect(dir).Partitions["0"]
	if !state.Valid {
		t.Error("Swift does not believe the hashes.pkl that we wrote")
	}
	text := map[string]string{}
	for _, d := range ours {
		text[d.Suffix.String()] = d.String()
	}
	if diff := cmp.Diff(state.Fresh, text); diff != "" {
		t.Errorf("Swift computes other digests (-Swift +ours):\n%s", diff)
	}
	if diff := cmp.Diff(state.Stored, text); diff != "" {
		t.Errorf("Swift reads other digests (-Swift +ours):\n%s", diff)
	}
	theirs, err := r.swift.Hashes(t.Context(), r.swiftDir, dir, device, 0, "0", suffixesOf(text))
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Digests(t.Context(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range again {
		if theirs[d.Suffix.String()] != d.String() {
			t.Errorf("suffix %s: Swift wrote %q, we read %q", d.Suffix, theirs[d.Suffix.String()], d)
		}
	}
}

func suffixesOf(digests map[string]string) []string {
	var list []string
	for s := range digests {
		list = append(list, s)
	}
	return list
}

// A wrong hash prefix at one of the nodes ends the session before anything is
// written, whoever sends.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	from, to := disk(t), disk(t)
	if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects()[:3]); err != nil {
		t.Fatal(err)
	}
	cluster := *r.cluster
	cluster.Secret.Prefix = "other"
	other := *r
	other.cluster = &cluster
	result := swiftPush(r, from, ourNode(&other, to))
	if result.err == nil {
		t.Error("the session went well")
	}
	files, _ := filepath.Glob(filepath.Join(to, device, "objects", "*", "*", "*", "*"))
	if len(files) > 0 {
		t.Errorf("files were written: %v", files)
	}
}
