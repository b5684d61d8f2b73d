package interop_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
)

// fileNames are what may lie in a hash directory of a replicated policy: Swift's
// files at a few times, in every spelling it reads, and what others have left
// there: fragments of an erasure-coded policy, old markers, temporary files.
func fileNames() []string {
	names := []string{
		"1700000001.data", "1700000002.00000_a.data", "1700000002.00000_000000000000000b.ts", "1.7e9.ts", // lenient spellings
		"1700000003.00000+0.meta", "1700000003.00000-186a0.meta", "1700000004.00000-30d40.meta", "1700000004.00000_5+0.meta",
		"1700000002.00000#1.data", "1700000002.00000#1#d.data", "1700000003.00000#0#d.data", "1700000002.00000.durable", "1700000009.00000.durable",
		"1700000001.00000.data.tmp", ".1700000001.00000.data.Xy09aZ", "strange", "1700000002.00000", "1700000002.00000.xyz", "1700000009.00000.xyz",
		"x.data", "-1.data", "nan.ts", "1700000001.00000+.meta", "1700000001.00000+zz.meta", "17000000010.00000.data",
	}
	for second := 1; second <= 5; second++ {
		for _, ext := range []string{".data", ".meta", ".ts"} {
			names = append(names, at(second)+ext)
		}
	}
	return names
}

// Whatever lies in a hash directory, hashing its suffix leaves the same files as
// when Swift does it, and gives the same digest: obsolete files go, and what is not
// this policy's stays as it is.
func TestTidiesAsSwift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ours, theirs := disk(t), disk(t)
	draw := rand.New(rand.NewPCG(1, 2))
	names, sets := fileNames(), map[string][]string{}
	var ops []peer.Op
	for i := range 600 {
		name := fmt.Sprintf("/AUTH_a/c/%d", i)
		var set []string
		for range 1 + draw.IntN(5) {
			set = append(set, names[draw.IntN(len(names))])
		}
		if i < len(names) {
			set = append(set[:1], names[i], at(2)+".data") // each at least once beside an object
		}
		sets["0/"+hashOf(name)] = set
		for _, file := range set {
			ops = append(ops, peer.Op{Op: peer.Raw, Name: name, File: file, Headers: map[string]string{"name": name, "X-Timestamp": at(2)}})
		}
	}
	for _, dir := range []string{ours, theirs} {
		if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
			t.Fatal(err)
		}
	}
	want, err := r.swift.Hashes(t.Context(), r.swiftDir, theirs, device, 0, "0", nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.store(ours).Device(device)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	digests, err := d.Partition(r.cluster.Policies[0], 0).Digests(t.Context(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, d := range digests {
		got[d.Suffix.String()] = d.String()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests (-Swift +ours):\n%s", diff)
	}
	us, them := r.inspect(ours), r.inspect(theirs)
	for key, o := range them.Objects {
		if diff := cmp.Diff(o.Files, us.Objects[key].Files); diff != "" {
			t.Errorf("of %q there are left (-Swift +ours):\n%s", sets[key], diff)
		}
	}
	if len(us.Objects) != len(them.Objects) || len(us.Quarantined) != len(them.Quarantined) {
		t.Errorf("Swift left %d and %d in quarantine, we %d and %d", len(them.Objects), len(them.Quarantined), len(us.Objects), len(us.Quarantined))
	}
}
