package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

func isUnchecked(tb testing.TB, p *store.Partition, name string) bool {
	tb.Helper()
	unchecked, err := storetest.IsUnchecked(p, name)
	must(tb, err)
	return unchecked
}

// inode is that of a name's .data.
func inode(tb testing.TB, p *store.Partition, name string, at float64) uint64 {
	tb.Helper()
	h := storetest.Hash(name)
	var st unix.Stat_t
	must(tb, unix.Stat(filepath.Join(p.Path(), h.Suffix().String(), h.String(), storetest.Time(at).Internal()+".data"), &st))
	return st.Ino
}

// The mark goes with the file that bears it: the same body takes its place once it was
// checked, and whatever else makes the name anew has none.
func TestUnchecked(t *testing.T) {
	p := storetest.Partition(t, storetest.New(t, keepTombstones))
	content := body('u', 700)
	must(t, storetest.PutUnchecked(p, first, storetest.Time(1), content))
	if !isUnchecked(t, p, first) {
		t.Fatal("not marked")
	}
	marked := inode(t, p, first, 1)
	var conflict *store.ConflictError
	if err := storetest.Put(p, first, storetest.Time(1), content); !errors.As(err, &conflict) {
		t.Errorf("unchecked over unchecked: %v", err)
	}
	if err := storetest.PutChecked(p, first, storetest.Time(1), body('o', 700)); !errors.As(err, &conflict) {
		t.Errorf("another body under the same time: %v", err)
	}
	if err := storetest.PutChecked(p, first, storetest.Time(0), content); !errors.As(err, &conflict) {
		t.Errorf("an older one: %v", err)
	}
	must(t, storetest.PutChecked(p, first, storetest.Time(1), content))
	if isUnchecked(t, p, first) || inode(t, p, first, 1) == marked {
		t.Error("the same file, after the same body was checked")
	}
	if err := storetest.PutChecked(p, first, storetest.Time(1), content); !errors.As(err, &conflict) {
		t.Errorf("over a checked one: %v", err)
	}
	must(t, storetest.PutUnchecked(p, first, storetest.Time(2), content))
	must(t, storetest.Put(p, first, storetest.Time(3), content))
	if isUnchecked(t, p, first) {
		t.Error("a newer body has the mark of the older one")
	}
	must(t, storetest.PutUnchecked(p, first, storetest.Time(4), content))
	must(t, storetest.Delete(p, first, storetest.Time(5)))
	if isUnchecked(t, p, first) {
		t.Error("a tombstone has a mark")
	}
	if litter := storetest.Litter(t, filepath.Dir(filepath.Dir(p.Path()))); len(litter) > 0 {
		t.Error(litter)
	}
}

// A body that was checked is not given up for one that was not, when both come at once.
func TestUncheckedReplacesNothing(t *testing.T) {
	p := storetest.Partition(t, storetest.New(t, keepTombstones))
	late, err := storetest.Body(p, first, storetest.Time(1), body('u', 700))
	must(t, err)
	must(t, late.MarkUnchecked())
	must(t, storetest.Put(p, first, storetest.Time(1), body('u', 700)))
	must(t, p.Commit(t.Context(), []*store.Writer{late})[0])
	if isUnchecked(t, p, first) {
		t.Error("replaced by what nobody has checked")
	}
}

// While the checked body takes the other's place there is no moment without one: every
// look at the directory finds the name, and what it leads to is the body.
func TestUncheckedIsReplacedAtOnce(t *testing.T) {
	content := body('u', 700)
	var p *store.Partition
	looks := 0
	s := storetest.New(t, keepTombstones, func(c *store.Config) {
		c.Witness = storetest.Hooks{OnAfter: func(op *store.Op, err error) {
			switch op.Call {
			case store.CallLink, store.CallRename, store.CallUnlink:
				h := storetest.Hash(first)
				dir := filepath.Join(p.Path(), h.Suffix().String(), h.String())
				names, err := os.ReadDir(dir)
				if err != nil || len(names) != 1 {
					t.Errorf("after %s %s: %v, %v", op.Call, op.Path, names, err)
					return
				}
				if got, err := os.ReadFile(filepath.Join(dir, names[0].Name())); string(got) != string(content) {
					t.Errorf("after %s: %d bytes, %v", op.Call, len(got), err)
				}
				looks++
			}
		}}
	})
	p = storetest.Partition(t, s)
	must(t, storetest.PutUnchecked(p, first, storetest.Time(1), content))
	looks = 0
	must(t, storetest.PutChecked(p, first, storetest.Time(1), content))
	if looks < 2 {
		t.Errorf("looked %d times", looks)
	}
}

// Where the mark can't be made there is no object.
func TestUncheckedWithoutRoom(t *testing.T) {
	p := storetest.Partition(t, storetest.New(t, keepTombstones, func(c *store.Config) {
		c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
			if op.Call == store.CallSetxattr && op.To == hashes.UncheckedXattr {
				return unix.ENOSPC
			}
			return nil
		}}
	}))
	if err := storetest.PutUnchecked(p, first, storetest.Time(1), body('u', 700)); !errors.Is(err, unix.ENOSPC) {
		t.Error(err)
	}
	if state := storetest.MustState(t, p, first); state != "nothing" {
		t.Error(state)
	}
}

// A mark of any length is one: others may write more into it one day.
func TestUncheckedByItsName(t *testing.T) {
	p := storetest.Partition(t, storetest.New(t, keepTombstones))
	must(t, storetest.Put(p, first, storetest.Time(1), body('u', 700)))
	h := storetest.Hash(first)
	path := filepath.Join(p.Path(), h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")
	for _, value := range []string{"", "1", "1 since 2026"} {
		setxattr(t, path, hashes.UncheckedXattr, value)
		if !isUnchecked(t, p, first) {
			t.Errorf("%q is no mark", value)
		}
	}
}
