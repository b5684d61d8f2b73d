//go:build linux

package uring

import "testing"

// The sum is what a ring has mapped, to the page.
func TestMappedBytes(t *testing.T) {
	for _, entries := range []int{8, 64, 256} {
		r := newRing(t, Config{Entries: entries})
		if got, want := r.mapped(), MappedBytes(entries); got > want || want-got > 2*4096 {
			t.Errorf("%d entries: %d bytes are mapped, the sum says %d", entries, got, want)
		}
	}
}
