package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"pgregory.net/rapid"
)

// lockRevert takes the lock of a revert until the test ends.
func lockRevert(tb testing.TB, p *store.Partition) *store.Lock {
	tb.Helper()
	lock, err := p.LockRevert(tb.Context(), 0)
	must(tb, err)
	tb.Cleanup(lock.Release)
	return lock
}

func removed(tb testing.TB, p *store.Partition, list ...store.Proven) store.Removal {
	tb.Helper()
	lock, err := p.LockRevert(tb.Context(), 0)
	must(tb, err)
	defer lock.Release()
	r, err := p.Remove(tb.Context(), lock, list)
	must(tb, err)
	return r
}

// What is removed is what was proven and nothing else; what changed since stays as
// it is.
func TestRemove(t *testing.T) {
	const ext = ".data"
	at := func(seconds float64) string { return storetest.Time(seconds).Internal() }
	for _, test := range []struct {
		name   string
		files  []string // of the hash directory
		proven store.Proven
		want   store.Removal
		left   []string
	}{
		{"as proven", []string{at(1) + ext}, proven(first, 1, 1), store.Removal{Removed: 1}, nil},
		{"with metadata", []string{at(1) + ext, at(2) + ".meta"}, proven(first, 1, 2), store.Removal{Removed: 1}, nil},
		{"leniently named", []string{"1700000001.data"}, proven(first, 1, 1), store.Removal{Removed: 1}, nil},
		{"a tombstone", []string{at(3) + ".ts"}, proven(first, 3, 3), store.Removal{Removed: 1}, nil},
		{"an obsolete file beside", []string{at(1) + ext, at(3) + ".ts"}, proven(first, 3, 3), store.Removal{Removed: 1}, nil},
		{"overwritten", []string{at(5) + ext}, proven(first, 1, 1), store.Removal{Changed: 1}, []string{at(5) + ext}},
		{"overwritten, not yet tidied", []string{at(1) + ext, at(5) + ext}, proven(first, 1, 1), store.Removal{Changed: 1}, []string{at(5) + ext}},
		{"posted to", []string{at(1) + ext, at(5) + ".meta"}, proven(first, 1, 1), store.Removal{Changed: 1}, []string{at(1) + ext, at(5) + ".meta"}},
		{"posted to again", []string{at(1) + ext, at(5) + ".meta"}, proven(first, 1, 3), store.Removal{Changed: 1}, []string{at(1) + ext, at(5) + ".meta"}},
		{"another content type", []string{at(1) + ext, at(5) + "-64.meta"}, proven(first, 1, 5), store.Removal{Changed: 1}, []string{at(1) + ext, at(5) + "-64.meta"}},
		{"deleted", []string{at(5) + ".ts"}, proven(first, 1, 1), store.Removal{Changed: 1}, []string{at(5) + ".ts"}},
		{"older than proven", []string{at(1) + ext}, proven(first, 5, 5), store.Removal{Changed: 1}, []string{at(1) + ext}},
		{"an offset", []string{at(1) + "_000000000000000a.data"}, proven(first, 1, 1), store.Removal{Changed: 1}, []string{at(1) + "_000000000000000a.data"}},
		{"nothing there", nil, proven(first, 1, 1), store.Removal{Gone: 1}, nil},
		{"what is left of a removal", []string{at(2) + ".meta"}, proven(first, 1, 2), store.Removal{Removed: 1}, nil},
		{"another's metadata alone", []string{at(3) + ".meta"}, proven(first, 1, 2), store.Removal{Gone: 1, Strange: 1}, []string{at(3) + ".meta"}},
		{"rsync's temporary file", []string{at(1) + ext, "." + at(1) + ".data.AbC123"}, proven(first, 1, 1), store.Removal{Removed: 1, Strange: 1}, []string{"." + at(1) + ".data.AbC123"}},
		{"a fragment", []string{at(1) + ext, at(1) + "#1#d.data"}, proven(first, 1, 1), store.Removal{Removed: 1, Strange: 1}, []string{at(1) + "#1#d.data"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			must(t, storetest.Put(p, second, storetest.Time(1), nil))
			for _, file := range test.files {
				plantBare(t, p, first, file, "")
			}
			r := removed(t, p, test.proven)
			r.Left = nil
			if diff := cmp.Diff(test.want, r); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.left, ls(t, hashDir(p, first))); diff != "" {
				t.Error(diff)
			}
			if state := storetest.MustState(t, p, second); state == "nothing" {
				t.Error("an object that nobody spoke of is gone")
			}
			_, err := os.Stat(filepath.Dir(hashDir(p, first)))
			if len(test.left) == 0 && len(test.files) > 0 && !os.IsNotExist(err) {
				t.Errorf("the suffix is still there: %v", err)
			}
		})
	}
}

// Whatever lies in a hash directory and whatever is said to be proven of it: of the
// files that count none goes unless all of them are of the proven times; what can't
// be parsed, or is newer, always stays.
func TestRemoveProperty(t *testing.T) {
	p := newPartition(t)
	rapid.Check(t, func(t *rapid.T) {
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		second := rapid.IntRange(1, 5)
		names := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			ext := rapid.SampledFrom([]string{".data", ".data", ".meta", "+0.meta", "-186a0.meta", ".ts", ".durable", "#1.data", ".other", ""}).Draw(t, "ext")
			return storetest.Time(float64(second.Draw(t, "at"))).Internal() + ext
		}), 0, 5, rapid.ID).Draw(t, "names")
		times := store.Proven{Hash: storetest.Hash(first), Times: store.Times{
			Data:  storetest.Time(float64(second.Draw(t, "data"))),
			Meta:  storetest.Time(float64(second.Draw(t, "meta"))),
			CType: storetest.Time(float64(second.Draw(t, "ctype"))),
		}}
		dir := hashDir(p, first)
		must(os.MkdirAll(dir, 0o755))
		for _, name := range names {
			must(os.WriteFile(filepath.Join(dir, name), nil, 0o644))
		}
		lock, err := p.LockRevert(context.Background(), 0)
		must(err)
		defer lock.Release()
		r, err := p.Remove(context.Background(), lock, []store.Proven{times})
		must(err)

		c := hashes.Choose(names, hashes.Policy{})
		is := store.Times{Data: c.DataTime(), Meta: c.MetaTime(), CType: c.CTypeTime()}
		left, _ := os.ReadDir(dir)
		for _, name := range names {
			stays := slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == name })
			obsolete := slices.ContainsFunc(c.Obsolete, func(f hashes.File) bool { return f.Name == name })
			counts := c.Data != nil && c.Data.Name == name || c.Meta != nil && c.Meta.Name == name || c.CType != nil && c.CType.Name == name || c.Tombstone != nil && c.Tombstone.Name == name
			alone := !c.Exists() && name == times.Times.Meta.Internal()+filepath.Ext(name) || !c.Exists() && filepath.Ext(name) == ".meta"
			switch {
			case obsolete:
			case counts && is == times.Times:
				if stays || r.Removed != 1 {
					t.Errorf("%s was proven, and stays (%+v)", name, r)
				}
			case !stays && !alone:
				t.Errorf("%s of %q was not proven by %v, and is gone", name, names, times.Times)
			}
		}
		must(os.RemoveAll(p.Path()))
	})
}

// The name that makes another one obsolete may be a Python writer's who has not come
// to his fsync: it is made durable before the other goes.
func TestObsoleteGoesLast(t *testing.T) {
	var trace storetest.Trace
	p := newPartition(t, watched(&trace))
	old := plantBare(t, p, first, storetest.Time(1).Internal()+".data", "")
	plantBare(t, p, first, storetest.Time(5).Internal()+".data", "")
	trace.Reset()
	if r := removed(t, p, proven(first, 1, 1)); r.Changed != 1 {
		t.Errorf("%+v", r)
	}
	calls := trace.Calls(store.CallSync, store.CallUnlink)
	if len(calls) < 2 || calls[0].Call != store.CallSync || filepath.Base(calls[0].Path) != filepath.Base(filepath.Dir(old)) || filepath.Base(calls[1].Path) != filepath.Base(old) {
		t.Errorf("calls were %+v", calls)
	}
}

// A suffix in which something was removed is told: its digest is not believed any
// more, and is forgotten when it is asked for.
func TestRemovalIsTold(t *testing.T) {
	p := newPartition(t)
	filled(t, p)
	removed(t, p, proven(first, 1, 1))
	s := storetest.Hash(first).Suffix()
	if told := invalid(t, p); !slices.Contains(told, s) {
		t.Errorf("suffixes told of are %v, and not %v", told, s)
	}
	must(t, storetest.CheckDigests(p.Path()))
	digests, hashed, err := p.Rehash(t.Context(), nil, false)
	must(t, err)
	if _, known := digests.Find(s); known || len(digests) != 1 || hashed != 1 {
		t.Errorf("digests are %v, of which %d were taken anew", digests, hashed)
	}
	if _, hashed, err = p.Rehash(t.Context(), nil, false); err != nil || hashed != 0 {
		t.Errorf("%d hashed where nothing has changed, %v", hashed, err)
	}
}

// A suffix that vanished and nobody told of it, as Swift's replicator does with a
// handoff's, is noticed with listdir.
func TestVanishedSuffix(t *testing.T) {
	p := newPartition(t)
	filled(t, p)
	s := storetest.Hash(first).Suffix()
	must(t, os.RemoveAll(filepath.Join(p.Path(), s.String())))
	for _, listdir := range []bool{false, true} {
		digests, err := p.Digests(t.Context(), nil, listdir)
		must(t, err)
		if _, known := digests.Find(s); known == listdir {
			t.Errorf("with listdir %v the suffix is known: %v", listdir, known)
		}
	}
}

// With the last suffix the partition goes, lock files and all. It is made again by
// whoever needs it.
func TestPartitionGoes(t *testing.T) {
	p := newPartition(t)
	filled(t, p)
	must(t, os.WriteFile(filepath.Join(p.Path(), "tmpab_12xyz.tmp"), nil, 0o600))
	if r := removed(t, p, proven(first, 1, 1)); r.Partition {
		t.Fatalf("%+v, and an object is still there", r)
	}
	r := removed(t, p, proven(second, 1, 1))
	if there, err := p.Exists(); there || err != nil || !r.Partition {
		t.Errorf("%+v, %v; there: %v, %q", r, err, there, ls(t, p.Path()))
	}
	if _, err := p.LockRevert(t.Context(), 0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock of a partition that has gone: %v", err)
	}
	filled(t, p)
	must(t, storetest.CheckDigests(p.Path()))
}

// What is nobody's keeps the partition, untouched, and is told.
func TestPartitionStays(t *testing.T) {
	for _, name := range []string{".000.AbC123", "hashes.pkl.bak", "my.tmp", "abcd"} {
		p := newPartition(t)
		filled(t, p)
		must(t, os.WriteFile(filepath.Join(p.Path(), name), nil, 0o600))
		r := removed(t, p, proven(first, 1, 1), proven(second, 1, 1))
		if want := []string{filepath.Join(p.Path(), name)}; r.Partition || r.Removed != 2 || !cmp.Equal(r.Left, want) {
			t.Errorf("%s: %+v", name, r)
		}
		must(t, storetest.CheckDigests(p.Path()))
	}
}

// A handoff partition without a suffix goes as it is; one with a suffix does not.
func TestPurge(t *testing.T) {
	p := newPartition(t)
	filled(t, p)
	lock := lockRevert(t, p)
	if gone, _, err := p.Purge(t.Context(), lock); gone || err != nil {
		t.Fatalf("a partition with objects: gone %v, %v", gone, err)
	}
	if state := storetest.MustState(t, p, first); state == "nothing" {
		t.Fatal("an object has gone with it")
	}
	for _, name := range []string{first, second} {
		must(t, os.RemoveAll(filepath.Dir(hashDir(p, name))))
	}
	for range 2 { // and again, when it has gone
		if gone, left, err := p.Purge(t.Context(), lock); !gone || err != nil {
			t.Errorf("gone %v, left %q, %v", gone, left, err)
		}
	}
}

// Nothing is removed without the partition's lock, nor under one whose file has been
// unlinked, nor in an erasure-coded policy.
func TestRemoveWantsTheLock(t *testing.T) {
	p := newPartition(t)
	filled(t, p)
	other := p.Device().Partition(p.Policy(), 1)
	must(t, storetest.Put(other, first, storetest.Time(1), nil))
	stale := lockRevert(t, p)
	must(t, os.Remove(filepath.Join(p.Path(), ".lock-replication")))
	for what, lock := range map[string]*store.Lock{"none": nil, "another partition's": lockRevert(t, other), "one whose file has gone": stale} {
		if _, err := p.Remove(t.Context(), lock, []store.Proven{proven(first, 1, 1)}); !errors.Is(err, store.ErrNotLocked) {
			t.Errorf("under %s: %v", what, err)
		}
		empty := p.Device().Partition(p.Policy(), 2)
		must(t, os.MkdirAll(empty.Path(), 0o755))
		if _, _, err := empty.Purge(t.Context(), lock); !errors.Is(err, store.ErrNotLocked) {
			t.Errorf("an empty partition goes under %s: %v", what, err)
		}
	}
	if state := storetest.MustState(t, p, first); state == "nothing" {
		t.Error("removed without the lock")
	}
	coded := p.Device().Partition(storetest.Cluster(t).Policies[1], 0)
	must(t, os.MkdirAll(coded.Path(), 0o755))
	lock := lockRevert(t, coded)
	if _, err := coded.Remove(t.Context(), lock, nil); !errors.Is(err, store.ErrErasureCoded) {
		t.Errorf("erasure coded: %v", err)
	}
	if _, _, err := coded.Purge(t.Context(), lock); !errors.Is(err, store.ErrErasureCoded) {
		t.Errorf("erasure coded: %v", err)
	}
}

// While a session comes in there is no revert, and while there is one no session.
func TestRevertExcludesSessions(t *testing.T) {
	p := newPartition(t)
	filled(t, p)
	session, err := p.LockReplication(t.Context(), time.Second)
	must(t, err)
	var busy *store.LockTimeoutError
	if _, err := p.LockRevert(t.Context(), 0); !errors.As(err, &busy) {
		t.Errorf("a revert while a session comes in: %v", err)
	}
	session.Release()
	lockRevert(t, p)
	if _, err := p.LockReplication(t.Context(), 20*time.Millisecond); !errors.As(err, &busy) {
		t.Errorf("a session while there is a revert: %v", err)
	}
}

// An object of many that can't be looked at keeps nobody else.
func TestOneIsLeft(t *testing.T) {
	p := newPartition(t)
	var list []store.Proven
	for i := range 600 { // more than one batch
		name := fmt.Sprintf("/a/c/o%d", i)
		plantBare(t, p, name, storetest.Time(1).Internal()+".data", "")
		list = append(list, proven(name, 1, 1))
	}
	bad := filepath.Join(p.Path(), "abc", "00000000000000000000000000000abc")
	must(t, os.MkdirAll(filepath.Dir(bad), 0o755))
	must(t, os.WriteFile(bad, nil, 0o644))
	h, err := proto.ParseHash(filepath.Base(bad))
	must(t, err)
	r, err := p.Remove(t.Context(), lockRevert(t, p), append(list, store.Proven{Hash: h}))
	var failed *store.NotRemovedError
	if !errors.As(err, &failed) || len(failed.Errs) != 1 || r.Removed != 600 || r.Partition {
		t.Errorf("%+v, %v", r, err)
	}
}
