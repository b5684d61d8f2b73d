package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// index is where the only call of this kind stands whose path, old or new, has
// this end.
func index(t *testing.T, ops []store.Op, call store.Call, end string) int {
	t.Helper()
	found := -1
	for i, op := range ops {
		if op.Call == call && (strings.HasSuffix(op.Path, end) || op.To != "" && strings.HasSuffix(op.To, end)) {
			found = i
		}
	}
	if found < 0 {
		t.Fatalf("no %s of %s", call, end)
	}
	return found
}

var effects = []store.Call{store.CallCreate, store.CallTemp, store.CallWrite, store.CallTruncate, store.CallSetxattr,
	store.CallSync, store.CallMkdir, store.CallLink, store.CallRename, store.CallUnlink, store.CallRmdir}

// A group is published in the order that a power cut asks for.
func TestCommitOrder(t *testing.T) {
	var trace storetest.Trace
	p := newPartition(t, watched(&trace))
	must(t, storetest.Put(p, first, storetest.Time(1), []byte("old")))
	kin := sibling(first)
	var group []*store.Writer
	for _, name := range []string{first, kin} {
		w, err := storetest.Body(p, name, storetest.Time(2), []byte("new"))
		must(t, err)
		group = append(group, w)
	}
	trace.Reset()
	must(t, errors.Join(p.Commit(context.Background(), group)...))

	ops := trace.Calls(effects...)
	h, s := storetest.Hash(first), storetest.Hash(first).Suffix().String()
	files := 0
	for i, op := range ops {
		if op.Call == store.CallSync && op.Path == "objects/0" && i < index(t, ops, store.CallWrite, "hashes.invalid") {
			files++ // an O_TMPFILE goes by the name of its directory
		}
	}
	if files != 2 {
		t.Errorf("%d files were fsynced before the invalidation, want 2", files)
	}
	order := []int{
		index(t, ops, store.CallWrite, "hashes.invalid"),
		index(t, ops, store.CallSync, "hashes.invalid"),
		index(t, ops, store.CallLink, h.String()+"/"+storetest.Time(2).Internal()+".data"),
		index(t, ops, store.CallSync, h.String()),
		index(t, ops, store.CallUnlink, storetest.Time(1).Internal()+".data"),
	}
	if !slices.IsSorted(order) {
		t.Errorf("out of order: %v in %v", order, ops)
	}
	linked := index(t, ops, store.CallLink, ".data")
	for _, dir := range []string{".", "objects", "objects/0", "objects/0/" + s, "objects/0/" + s + "/" + h.String()} {
		count := 0
		for _, op := range ops[linked:] {
			if op.Call == store.CallSync && op.Path == dir {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%s was fsynced %d times after the links, want once", dir, count)
		}
	}
}

// rivalWriters are two bodies for one name and time.
func rivalWriters(t *testing.T, p *store.Partition, a, b string) (*store.Writer, *store.Writer) {
	t.Helper()
	early, err := storetest.Body(p, first, storetest.Time(1), []byte(a))
	must(t, err)
	late, err := storetest.Body(p, first, storetest.Time(1), []byte(b))
	must(t, err)
	return early, late
}

// A name that exists is never unlinked to make room: the same body is a success
// at once, another one is renamed over it.
func TestCommitOnAnExistingName(t *testing.T) {
	name := storetest.Time(1).Internal() + ".data"
	for _, test := range []struct {
		name, late string
		renames    int
	}{{"the same body", "body", 0}, {"another body", "else", 1}} {
		t.Run(test.name, func(t *testing.T) {
			var trace storetest.Trace
			p := newPartition(t, watched(&trace))
			early, late := rivalWriters(t, p, "body", test.late)
			must(t, p.Commit(context.Background(), []*store.Writer{early})[0])
			trace.Reset()
			must(t, p.Commit(context.Background(), []*store.Writer{late})[0])

			if unlinked := trace.Calls(store.CallUnlink, store.CallRmdir); len(unlinked) > 0 {
				t.Errorf("unlinked: %v", unlinked)
			}
			if renamed := trace.Calls(store.CallRename); len(renamed) != test.renames {
				t.Errorf("renamed: %v", renamed)
			}
			body, err := os.ReadFile(filepath.Join(hashDir(p, first), name))
			if err != nil || string(body) != test.late {
				t.Errorf("%q, %v", body, err)
			}
			if files := ls(t, hashDir(p, first)); len(files) != 1 {
				t.Errorf("files: %q", files)
			}
		})
	}
}

// A .data that stands under the name but is damaged is not what was asked for.
func TestCommitOverADamagedFile(t *testing.T) {
	p := newPartition(t)
	w, err := storetest.Body(p, first, storetest.Time(1), []byte("body"))
	must(t, err)
	plantBare(t, p, first, storetest.Time(1).Internal()+".data", "bo")
	must(t, p.Commit(context.Background(), []*store.Writer{w})[0])
	if state := storetest.MustState(t, p, first); !strings.Contains(state, "4 bytes") {
		t.Error(state)
	}
}

// Where O_TMPFILE is not to be had, files are named in the tmp directory until
// they are published; nothing is left there.
func TestCommitWithoutTmpfile(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EOPNOTSUPP, unix.EISDIR, unix.EINVAL} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			var trace storetest.Trace
			p := newPartition(t, watched(storetest.Hooks{OnAfter: trace.After, OnBefore: func(op *store.Op) error {
				if op.Call == store.CallTemp {
					return errno
				}
				return nil
			}}))
			early, late := rivalWriters(t, p, "body", "else")
			aborted, err := storetest.Body(p, second, storetest.Time(1), nil)
			must(t, err)
			aborted.Abort()
			for _, w := range []*store.Writer{early, late} {
				must(t, p.Commit(context.Background(), []*store.Writer{w})[0])
			}
			must(t, storetest.Post(p, first, storetest.Time(2)))
			if litter := storetest.Litter(t, filepath.Dir(filepath.Dir(p.Path()))); len(litter) > 0 {
				t.Errorf("left behind: %q", litter)
			}
			if state := storetest.MustState(t, p, first); !strings.HasPrefix(state, "data 1700000001.00000 meta 1700000002.00000") {
				t.Error(state)
			}
			for _, op := range trace.Calls(store.CallUnlink) {
				if !strings.HasPrefix(op.Path, "tmp/") {
					t.Errorf("unlinked %s", op.Path)
				}
			}
		})
	}
}

// A reader who finds the new directory empty may remove it before the link; then
// it is made again, but not for ever.
func TestCommitIntoATidiedDirectory(t *testing.T) {
	for _, test := range []struct {
		name  string
		times int
		ok    bool
	}{{"once", 1, true}, {"twice", 2, true}, {"always", 100, false}} {
		t.Run(test.name, func(t *testing.T) {
			var dir string
			tidied := 0
			p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallLink && tidied < test.times {
					tidied++
					return os.Remove(dir)
				}
				return nil
			}}))
			dir = hashDir(p, first)
			err := storetest.Put(p, first, storetest.Time(1), nil)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, unix.ENOENT) {
				t.Errorf("after %d times: %v", tidied, err)
			}
			if state := storetest.MustState(t, p, first); (state != "nothing") != test.ok {
				t.Error(state)
			}
		})
	}
}

// One of a group that fails does not take the others with it.
func TestCommitOfAGroupWithAFailure(t *testing.T) {
	h := storetest.Hash(second).String()
	p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallLink && strings.Contains(op.To, h) {
			return unix.ENOSPC
		}
		return nil
	}}))
	failed := run(p, group(first, second, "/a/c/third"))
	if len(failed) != 1 || !errors.Is(failed[second], unix.ENOSPC) {
		t.Errorf("failed: %v", failed)
	}
	for _, name := range []string{first, second, "/a/c/third"} {
		if state := storetest.MustState(t, p, name); (state == "nothing") != (name == second) {
			t.Errorf("%s: %s", name, state)
		}
	}
}

// A commit whose context has ended fails while it waits for .lock, and publishes
// nothing.
func TestCommitCancelled(t *testing.T) {
	p := newPartition(t)
	w, err := storetest.Body(p, first, storetest.Time(1), nil)
	must(t, err)
	lock, err := storetest.Flock(filepath.Join(p.Path(), ".lock"))
	must(t, err)
	defer lock.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("stop")
	cancel(stop)
	if err := p.Commit(ctx, []*store.Writer{w})[0]; !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	if state := storetest.MustState(t, p, first); state != "nothing" {
		t.Error(state)
	}
}
