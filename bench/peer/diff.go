package peer

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"
)

// DiffTrees tells how two trees differ as replicas of each other: objects with
// all their files, metadata and bytes, suffix digests computed afresh, and
// anything left over on either side. Each line reads for itself; none means
// identical. What hashes.pkl says is a device's own business, and so is its
// quarantine.
func DiffTrees(a, b *Tree) []string {
	diffs := diffKeys("object", a.Objects, b.Objects)
	diffs = append(diffs, diffKeys("digests of partition", digests(a), digests(b))...)
	for side, tree := range map[string]*Tree{"a": a, "b": b} {
		for _, path := range tree.Leftovers {
			diffs = append(diffs, fmt.Sprintf("left over in %s: %s", side, path))
		}
	}
	slices.Sort(diffs)
	return diffs
}

// digests leaves out partitions without a suffix: taking a lock makes one.
func digests(t *Tree) map[string]map[string]string {
	fresh := map[string]map[string]string{}
	for number, p := range t.Partitions {
		if len(p.Fresh) > 0 {
			fresh[number] = p.Fresh
		}
	}
	return fresh
}

func diffKeys[V any](what string, a, b map[string]V) []string {
	var diffs []string
	both := maps.Clone(a)
	if both == nil {
		both = map[string]V{}
	}
	maps.Copy(both, b)
	for key := range both {
		va, inA := a[key]
		vb, inB := b[key]
		switch {
		case !inA:
			diffs = append(diffs, fmt.Sprintf("%s %s: only in b", what, key))
		case !inB:
			diffs = append(diffs, fmt.Sprintf("%s %s: only in a", what, key))
		default:
			if d := cmp.Diff(va, vb); d != "" {
				diffs = append(diffs, fmt.Sprintf("%s %s (-a +b):\n%s", what, key, d))
			}
		}
	}
	return diffs
}
