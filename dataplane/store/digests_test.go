package store_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// The digests of what lies in a suffix are those that Swift computes.
func TestDigestVectors(t *testing.T) {
	for _, test := range []struct {
		name  string
		files []string
		want  string // empty: no digest
	}{
		{"a body and a POST with its content type", []string{"1700000001.00000.data", "1700000005.00000+0.meta"}, "238771cc0a56bbe2c76322a2ab296086"},
		{"a body and a POST", []string{"1700000011.00000.data", "1700000012.00000.meta"}, "3f1d1f83409322f858fdccade6e054f5"},
		{"a tombstone", []string{"1795000009.00000.ts"}, "76b4181e7244cf9f7b365b8299824c8a"},
		{"metadata alone", []string{"1700000001.00000.meta"}, "d41d8cd98f00b204e9800998ecf8427e"},
		{"a strange name", []string{"x"}, "d41d8cd98f00b204e9800998ecf8427e"},
		{"a tombstone to be reclaimed", []string{"1600000000.00000.ts"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			for _, file := range test.files {
				plantAny(t, p, first, file)
			}
			want := map[proto.Suffix]string{}
			if test.want != "" {
				want[storetest.Hash(first).Suffix()] = test.want
			}
			if diff := cmp.Diff(want, digestsNow(t, p, false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			_, err := os.Stat(filepath.Dir(hashDir(p, first)))
			if (err == nil) != (test.want != "") {
				t.Errorf("suffix directory: %v", err)
			}
		})
	}
}

// A partition that is not there has no digests and is not made.
func TestDigestsOfNothing(t *testing.T) {
	p := newPartition(t)
	if d := digestsNow(t, p, true); len(d) > 0 {
		t.Errorf("%v", d)
	}
	if there, _ := p.Exists(); there {
		t.Error("the partition was made")
	}
}

// What changed through us is hashed again, what did not is believed; and
// hashes.invalid is emptied.
func TestDigestsFollowChanges(t *testing.T) {
	var trace storetest.Trace
	p := newPartition(t, watched(&trace))
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	must(t, storetest.Put(p, second, storetest.Time(1), nil))
	before := digestsNow(t, p, false)
	if len(before) != 2 || len(invalid(t, p)) != 0 {
		t.Fatalf("digests %v, invalid %v", before, invalid(t, p))
	}

	must(t, storetest.Put(p, second, storetest.Time(2), nil))
	trace.Reset()
	after := digestsNow(t, p, false)
	a, b := storetest.Hash(first).Suffix(), storetest.Hash(second).Suffix()
	if before[a] != after[a] || before[b] == after[b] {
		t.Errorf("before %v, after %v", before, after)
	}
	for _, op := range trace.Calls(store.CallReadDir) {
		if filepath.Base(op.Path) == a.String() {
			t.Error("an unchanged suffix was read")
		}
	}

	trace.Reset()
	digestsNow(t, p, false)
	if written := trace.Calls(store.CallRename, store.CallReadDir); len(written) > 0 {
		t.Errorf("nothing had changed: %v", written)
	}
}

// What came behind our back is found by listing, or when it is asked for.
func TestDigestsBehindOurBack(t *testing.T) {
	p := newPartition(t)
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	before := digestsNow(t, p, false)
	kin := sibling(first)
	plantAny(t, p, second, storetest.Time(1).Internal()+".data")
	plantAny(t, p, kin, storetest.Time(1).Internal()+".data")
	if diff := cmp.Diff(before, digestsNow(t, p, false)); diff != "" {
		t.Errorf("without listing:\n%s", diff)
	}
	listed := digestsNow(t, p, true)
	a, b := storetest.Hash(first).Suffix(), storetest.Hash(second).Suffix()
	if listed[a] != before[a] || listed[b] == "" {
		t.Errorf("with listing: %v, before %v", listed, before)
	}
	asked, err := p.Digests(context.Background(), []proto.Suffix{a}, false)
	must(t, err)
	anew, _ := asked.Find(a)
	kept, _ := asked.Find(b)
	if anew.String() == before[a] || kept.String() != listed[b] {
		t.Errorf("asked for: %v", asked)
	}
}

// hashes.pkl is what Python writes and reads: a suffix that Python calls stale
// (None) is hashed again, a file that is no pickle means that all is to be hashed.
func TestDigestsOfOthers(t *testing.T) {
	s := storetest.Hash(first).Suffix()
	right := hashes.Checksum([]byte(storetest.Time(1).Internal() + ".data"))
	for _, test := range []struct {
		name, pkl, invalid string
		want               string
	}{
		{"no file", "", "", right},
		{"junk", "junk", "", right},
		{"believed", string(hashes.AppendHashesPkl(nil, pkl(s, "00000000000000000000000000000000", true))), "", "00000000000000000000000000000000"},
		{"stale", string(hashes.AppendHashesPkl(nil, pkl(s, "", true))), "", right},
		{"not valid", string(hashes.AppendHashesPkl(nil, pkl(s, "00000000000000000000000000000000", false))), "", right},
		{"invalidated", string(hashes.AppendHashesPkl(nil, pkl(s, "00000000000000000000000000000000", true))), s.String() + "\n", right},
		{"another invalidated", string(hashes.AppendHashesPkl(nil, pkl(s, "00000000000000000000000000000000", true))), "123\n", "00000000000000000000000000000000"},
		{"nonsense invalidated", string(hashes.AppendHashesPkl(nil, pkl(s, "00000000000000000000000000000000", true))), "xyz\n\n" + s.String() + "0\n", "00000000000000000000000000000000"},
		{"Python 2's", "(dp1\nS'" + s.String() + "'\np2\nS'11111111111111111111111111111111'\np3\ns.", "", "11111111111111111111111111111111"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			plantAny(t, p, first, storetest.Time(1).Internal()+".data")
			if test.pkl != "" {
				must(t, os.WriteFile(filepath.Join(p.Path(), "hashes.pkl"), []byte(test.pkl), 0o600))
			}
			must(t, os.WriteFile(filepath.Join(p.Path(), "hashes.invalid"), []byte(test.invalid), 0o644))
			if diff := cmp.Diff(map[proto.Suffix]string{s: test.want}, digestsNow(t, p, false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func pkl(s proto.Suffix, digest string, valid bool) hashes.PartitionHashes {
	sum, err := proto.ParseHash(digest)
	known := hashes.Digest{Suffix: s, Known: err == nil, Sum: sum}
	return hashes.PartitionHashes{Valid: valid, Updated: 1, Digests: hashes.Digests{known}}
}

// Who changes a suffix while it is hashed is not forgotten: what is stored is
// right, or stale.
func TestDigestsDuringAChange(t *testing.T) {
	var p *store.Partition
	changing := false
	p = newPartition(t, watched(storetest.Hooks{OnAfter: func(op *store.Op, _ error) {
		if op.Call == store.CallReadDir && filepath.Base(op.Path) == storetest.Hash(first).String() && changing {
			changing = false
			must(t, storetest.Put(p, first, storetest.Time(2), nil))
		}
	}}))
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	changing = true
	digestsNow(t, p, false)
	if changing {
		t.Fatal("nothing was hashed")
	}
	must(t, storetest.CheckDigests(p.Path()))
	s := storetest.Hash(first).Suffix()
	if want, got := hashes.Checksum([]byte(storetest.Time(2).Internal()+".data")), digestsNow(t, p, false)[s]; got != want {
		t.Errorf("afterwards %s, want %s", got, want)
	}
}

// When somebody else writes hashes.pkl meanwhile, his is not overwritten unread.
func TestDigestsWrittenByTwo(t *testing.T) {
	var p, other *store.Partition
	meanwhile := false
	p = newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallReadDir && meanwhile {
			meanwhile = false
			digestsNow(t, other, true)
		}
		return nil
	}}))
	other = storetest.Partition(t, storetest.New(t, keepTombstones, func(c *store.Config) { c.Devices = filepath.Dir(filepath.Dir(filepath.Dir(p.Path()))) }))
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	must(t, storetest.Put(p, second, storetest.Time(1), nil))
	meanwhile = true
	got := digestsNow(t, p, false)
	if diff := cmp.Diff(digestsNow(t, other, true), got); diff != "" || len(got) != 2 {
		t.Errorf("digests:\n%s", diff)
	}
	must(t, storetest.CheckDigests(p.Path()))
}

// A suffix that can't be read has no digest, and the others have theirs.
func TestDigestsOfAnUnreadableSuffix(t *testing.T) {
	var fault storetest.Fault
	var notices []string
	unreadable := storetest.Hash(first).Suffix()
	p := newPartition(t, noticed(&notices), watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallReadDir && filepath.Base(op.Path) == unreadable.String() {
			fault.Arm(1, storetest.Errnos[0])
			return fault.Before(op)
		}
		return nil
	}}))
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	must(t, storetest.Put(p, second, storetest.Time(1), nil))
	got := digestsNow(t, p, true)
	if got[unreadable] != "" || got[storetest.Hash(second).Suffix()] == "" || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if len(notices) != 1 {
		t.Errorf("notices: %q", notices)
	}
}

// An invalidation is on the disk when it returns, and makes the partition.
func TestInvalidate(t *testing.T) {
	p := newPartition(t)
	must(t, p.Invalidate(context.Background(), 0x123, 0xabc))
	must(t, p.Invalidate(context.Background(), 0x123))
	text, err := os.ReadFile(filepath.Join(p.Path(), "hashes.invalid"))
	if err != nil || string(text) != "123\nabc\n123\n" {
		t.Errorf("%q, %v", text, err)
	}
	if got := invalid(t, p); !slices.Equal(got, []proto.Suffix{0x123, 0xabc}) {
		t.Errorf("%v", got)
	}
}

// digestsNow brings a partition's digests up to date; "" is one that is not known.
func digestsNow(tb testing.TB, p *store.Partition, listdir bool) map[proto.Suffix]string {
	tb.Helper()
	list, err := p.Digests(context.Background(), nil, listdir)
	must(tb, err)
	digests := map[proto.Suffix]string{}
	for _, d := range list {
		digests[d.Suffix] = d.String()
	}
	return digests
}
