package ring

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ids(devices iter.Seq[*Device]) []int {
	out := []int{}
	for d := range devices {
		out = append(out, d.ID)
	}
	return out
}

// numbers reads "5 1 12".
func numbers(text string) []int {
	var out []int
	for word := range strings.FieldsSeq(text) {
		var n int
		if _, err := fmt.Sscan(word, &n); err != nil {
			panic(err)
		}
		out = append(out, n)
	}
	return out
}

// twoRegions is a ring that Swift 2.30.1 built: 2 regions of 2 zones of 2
// addresses of 2 devices, part power 6, 3 replicas.
func twoRegions() *draft {
	d := newDraft(6)
	d.devices, d.rows = nil, nil
	for id := range 16 {
		region, zone, host := id/8+1, id/4%2+1, id/2%2+1
		d.devices = append(d.devices, map[string]any{
			"id": id, "region": region, "zone": zone, "ip": fmt.Sprintf("10.%d.%d.%d", region, zone, host), "port": 6200,
			"device": fmt.Sprintf("d%d", id), "weight": 1,
		})
	}
	for _, row := range []string{
		"5 1 12 8 14 2 0 5 4 13 12 15 0 7 11 3 7 14 11 10 6 8 8 10 11 6 6 5 2 4 5 2 3 4 15 13 14 10 11 15 9 3 12 9 1 15 2 7 4 0 1 1 8 9 0 12 3 6 7 14 9 10 13 13",
		"14 11 3 4 0 8 10 14 15 2 3 1 10 13 6 9 13 0 6 7 12 4 4 7 6 12 12 14 8 15 14 8 9 15 1 2 0 7 6 1 5 9 3 5 11 1 8 13 15 10 11 11 4 5 10 3 9 12 13 0 5 7 2 2",
		"0 6 9 15 10 4 7 0 1 8 9 11 7 2 12 5 2 10 12 13 3 15 15 13 12 3 3 0 4 1 0 4 5 1 11 8 10 13 12 11 14 5 9 14 6 11 4 2 1 7 6 6 15 14 7 9 5 3 2 10 14 13 8 8",
	} {
		var slots []uint32
		for _, id := range numbers(row) {
			slots = append(slots, uint32(id))
		}
		d.rows = append(d.rows, slots)
	}
	return d
}

// Primaries and handoffs come as Swift gave them for this ring.
func TestHandoffs(t *testing.T) {
	for format, file := range twoRegions().files() {
		r := mustRead(t, file)
		for _, test := range []struct {
			part                uint32
			primaries, handoffs string
		}{
			{0, "5 14 0", "11 6 8 12 3 1 4 15 9 10 7 13 2"},
			{1, "1 11 6", "15 8 4 12 3 0 10 7 9 5 14 13 2"},
			{33, "4 15 1", "10 7 13 2 8 0 5 14 12 3 9 11 6"},
			{63, "13 2 8", "5 14 0 11 6 1 12 3 9 4 15 10 7"},
		} {
			if diff := cmp.Diff(numbers(test.primaries), ids(slices.Values(r.Primaries(test.part)))); diff != "" {
				t.Errorf("%s, partition %d, primaries: %s", format, test.part, diff)
			}
			if diff := cmp.Diff(numbers(test.handoffs), ids(r.Handoffs(test.part))); diff != "" {
				t.Errorf("%s, partition %d, handoffs: %s", format, test.part, diff)
			}
		}
	}
}
