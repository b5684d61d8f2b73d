package ring

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// golden is what Swift knew by a ring: testdata/capture.py.
type golden struct {
	Power      int
	Replicas   float64
	Version    int64
	Next       *int
	Assigned   int
	Devices    []map[string]any
	Partitions []goldenPartition
}

type goldenPartition struct {
	Part                uint32
	Primaries, Handoffs []int
}

// goldenOf says of a ring what Swift was asked.
func goldenOf(r *Ring) golden { return goldenOfFirst(r, r.Partitions()) }

// goldenOfFirst looks at the first partitions alone.
func goldenOfFirst(r *Ring, partitions int) golden {
	g := golden{Power: r.PartPower(), Replicas: r.Replicas(), Version: r.Version(), Assigned: r.tiers.count[byDevice]}
	if next, ok := r.NextPartPower(); ok {
		g.Next = &next
	}
	devices := slices.DeleteFunc(draftOf(r).devices, func(d map[string]any) bool { return d == nil })
	// By way of JSON, so that numbers are of the same type.
	if err := json.Unmarshal(appendJSON(nil, devices), &g.Devices); err != nil {
		panic(err)
	}
	for part := range uint32(partitions) {
		g.Partitions = append(g.Partitions, goldenPartition{part, ids(slices.Values(r.Primaries(part))), ids(r.Handoffs(part))})
	}
	return g
}

// The rings that Swift wrote, in each of its formats, say what they said to Swift:
// devices, holes, a short row and an empty one, a device that is never found.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ring.gz")
	if err != nil || len(files) != 7 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(path, "-")
			text, err := os.ReadFile(name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want golden
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			got := goldenOf(mustRead(t, file))
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
