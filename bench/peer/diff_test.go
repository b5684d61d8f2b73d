package peer

import (
	"strings"
	"testing"
)

// Every kind of difference between two replicas is told, and nothing else is.
func TestDiffTrees(t *testing.T) {
	one := func(change func(*Tree)) *Tree {
		tree := &Tree{
			Objects: map[string]Object{"0/abc": {State: StateData, MD5: "d41d", Files: []string{"1.data"}}},
			Partitions: map[string]Partition{
				"0": {Fresh: map[string]string{"abc": "11"}, Stored: map[string]string{"abc": "11"}, Valid: true},
			},
		}
		change(tree)
		return tree
	}
	for _, row := range []struct {
		name   string
		change func(*Tree)
		want   string // in the only difference; "" = none
	}{
		{"nothing", func(*Tree) {}, ""},
		{"another body", func(b *Tree) { b.Objects["0/abc"] = Object{State: StateData, MD5: "ffff", Files: []string{"1.data"}} }, "object 0/abc (-a +b)"},
		{"one object more", func(b *Tree) { b.Objects["0/def"] = Object{} }, "object 0/def: only in b"},
		{"one object less", func(b *Tree) { b.Objects = nil }, "object 0/abc: only in a"},
		{"another digest", func(b *Tree) { b.Partitions["0"].Fresh["abc"] = "22" }, "digests of partition 0 (-a +b)"},
		{"a partition more", func(b *Tree) { b.Partitions["1"] = Partition{Fresh: map[string]string{"def": "3"}} }, "digests of partition 1: only in b"},
		{"an empty partition more", func(b *Tree) { b.Partitions["1"] = Partition{} }, ""},
		{"no hashes.pkl", func(b *Tree) { b.Partitions["0"] = Partition{Fresh: map[string]string{"abc": "11"}} }, ""},
		{"a temporary file", func(b *Tree) { b.Leftovers = []string{"tmp/xyz"} }, "left over in b: tmp/xyz"},
		{"a quarantined object", func(b *Tree) { b.Quarantined = []string{"xyz"} }, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			diffs := DiffTrees(one(func(*Tree) {}), one(row.change))
			if row.want == "" && len(diffs) > 0 {
				t.Errorf("differences where there are none:\n%s", strings.Join(diffs, "\n"))
			}
			if row.want != "" && (len(diffs) != 1 || !strings.HasPrefix(diffs[0], row.want)) {
				t.Errorf("got %q, want one that begins %q", diffs, row.want)
			}
		})
	}
}

// A digest is stale only if a replicator would trust it and be wrong.
func TestStale(t *testing.T) {
	tree := &Tree{Partitions: map[string]Partition{
		"3": {Valid: true, Invalid: []string{"ccc"},
			Fresh:  map[string]string{"aaa": "1", "bbb": "2", "ccc": "3", "ddd": "4"},
			Stored: map[string]string{"aaa": "1", "bbb": "9", "ccc": "9", "ddd": "", "eee": "5"}},
		"4": {Valid: false, Stored: map[string]string{"aaa": "1"}},
	}}
	got := strings.Join(tree.Stale(), "; ")
	if want := "3/bbb: 9 is not 2; 3/eee: 5 is not "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
