package hashes

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/proto"
	"pgregory.net/rapid"
)

// TestDigestsModel compares with a map, whatever is put in.
func TestDigestsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var digests Digests
		model := map[proto.Suffix]Digest{}
		for range rapid.IntRange(0, 40).Draw(t, "changes") {
			d := Digest{Suffix: proto.Suffix(rapid.IntRange(0, 20).Draw(t, "suffix"))}
			if d.Known = rapid.Bool().Draw(t, "known"); d.Known {
				d.Sum[0] = rapid.Byte().Draw(t, "sum")
				digests.Set(d)
			} else {
				digests.Doubt(d.Suffix)
			}
			model[d.Suffix] = d
		}
		var want Digests
		for _, s := range slices.Sorted(maps.Keys(model)) {
			want = append(want, model[s])
		}
		if diff := cmp.Diff(want, digests); diff != "" {
			t.Fatalf("(-model +got):\n%s", diff)
		}
		complete := true
		for s := range proto.Suffix(22) {
			got, found := digests.Find(s)
			if want, there := model[s]; got != want || found != there {
				t.Fatalf("suffix %s: %v, %v, want %v, %v", s, got, found, want, there)
			}
			complete = complete && (got.Known || !found)
		}
		if digests.Complete() != complete {
			t.Fatalf("complete: %v, want %v: %v", !complete, complete, digests)
		}
	})
}

// TestDiffering: what differs is what the peer lacks or has otherwise, and what
// somebody could not hash; what only he has is his to push.
func TestDiffering(t *testing.T) {
	list := func(digests ...byte) (d Digests) {
		for i, b := range digests {
			switch b {
			case '-':
			case '?':
				d.Doubt(proto.Suffix(i))
			default:
				d.Set(Digest{Suffix: proto.Suffix(i), Known: true, Sum: proto.Hash{b}})
			}
		}
		return d
	}
	for _, test := range []struct{ here, there, want string }{
		{"", "", "[]"},
		{"ab?de-", "-x??-f", "[0 1 2 3 4]"},
		{"-ab?de", "-ax??-f", "[2 3 4 5]"},
		{"-a", "", "[1]"},
		{"--a", "bbb", "[2]"},
		{"--a", "bba", "[]"},
		{"", "abc", "[]"},
	} {
		got := fmt.Sprintf("%d", list([]byte(test.here)...).Differing(list([]byte(test.there)...)))
		if got != test.want {
			t.Errorf("%q and %q: %s, want %s", test.here, test.there, got, test.want)
		}
	}
}
