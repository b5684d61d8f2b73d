package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// reads lets every read of a .data meet errno that is the first of its open file.
func reads(errno error) store.Witness {
	seen := map[uint64]bool{}
	return storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call != store.CallRead || seen[op.File] {
			return nil
		}
		seen[op.File] = true
		return errno
	}}
}

// A body that is not in the page cache is waited for, and read all the same; a disk
// that fails says so; and where nobody can tell, nothing was waited for.
func TestReadWhole(t *testing.T) {
	for _, row := range []struct {
		name   string
		first  error
		waited bool
		err    error
	}{
		{"warm", nil, false, nil},
		{"cold", unix.EAGAIN, true, nil},
		{"damaged", unix.EIO, false, unix.EIO},
		{"can't tell", unix.EOPNOTSUPP, false, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newPartition(t, watched(reads(row.first)))
			must(t, storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("body")))
			o, err := p.Open(storetest.Hash("/a/c/o"))
			must(t, err)
			defer o.Close()
			if cold := o.Cold(); cold != row.waited {
				t.Errorf("cold: %v", cold)
			}
			again, err := p.Open(storetest.Hash("/a/c/o"))
			must(t, err)
			defer again.Close()
			o = again // whose first read is still to come
			body := make([]byte, o.Size)
			waited, err := o.ReadWhole(body)
			if waited != row.waited || !errors.Is(err, row.err) || err == nil && string(body) != "body" {
				t.Errorf("waited %v, %q, %v", waited, body, err)
			}
		})
	}
}

// What is fetched ahead is the .data that was offered, and nothing is done with it
// but opening and reading; only a small body is read. Whatever fails there is told
// to nobody.
func TestAhead(t *testing.T) {
	const stat, read = string(store.CallStat), string(store.CallRead)
	for _, row := range []struct {
		name  string
		first error // of the reads
		most  int64
		cold  bool
		calls []string
	}{
		{"warm", nil, 4, false, []string{"open", stat, read, "getxattr"}},
		{"cold", unix.EAGAIN, 4, true, []string{"open", stat, read, read, "getxattr"}},
		{"large", unix.EAGAIN, 3, false, []string{"open", stat, "getxattr"}},
		{"damaged", unix.EIO, 4, false, []string{"open", stat, read, "getxattr"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var mu sync.Mutex
			var asked []store.Op
			reads := reads(row.first)
			p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, *op)
				return reads.Before(op)
			}}))
			must(t, storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("body")))
			h := storetest.Hash("/a/c/o")
			asked = nil
			if p.Ahead(h, storetest.Time(1), row.most).Fetch() != row.cold {
				t.Errorf("cold: %v", !row.cold)
			}
			var calls []string
			for _, op := range asked {
				calls = append(calls, string(op.Call))
				if !strings.HasSuffix(op.Path, h.String()+"/"+storetest.Time(1).Internal()+".data") {
					t.Errorf("%s %s", op.Call, op.Path)
				}
			}
			if !slices.Equal(calls, row.calls) {
				t.Errorf("calls %q, want %q", calls, row.calls)
			}
			if p.Ahead(h, storetest.Time(2), row.most).Fetch() {
				t.Error("what is not there is cold")
			}
		})
	}
}

// Whoever makes the calls himself asks for each of them at the seam and tells it there,
// of one open file; what may be read is what Fetch would, and nothing is left open.
func TestAheadBySteps(t *testing.T) {
	for _, row := range []struct {
		name string
		most int64
		at   float64 // the object's time
		body int
		err  error
	}{
		{"small", 4, 1, 4, nil},
		{"large", 3, 1, 0, nil},
		{"missing", 4, 2, 0, unix.ENOENT},
	} {
		t.Run(row.name, func(t *testing.T) {
			var mu sync.Mutex // the commit has goroutines
			var seen []string
			id, ahead := uint64(0), false
			note := func(when string, op *store.Op, err error) {
				mu.Lock()
				defer mu.Unlock()
				if len(seen) == 0 {
					id = op.File
				}
				if op.File != id && ahead {
					t.Errorf("%s is of file %d, and not %d", op.Call, op.File, id)
				}
				seen = append(seen, fmt.Sprint(when, " ", op.Call, " ", err))
			}
			p := newPartition(t, watched(storetest.Hooks{
				OnBefore: func(op *store.Op) error { note("ask", op, nil); return nil },
				OnAfter:  func(op *store.Op, err error) { note("tell", op, err) },
			}))
			must(t, storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("body")))
			a := p.Ahead(storetest.Hash("/a/c/o"), storetest.Time(row.at), row.most)
			seen, ahead = nil, true
			dir, path, flags, resolve, err := a.StartOpen()
			must(t, err)
			fd, err := unix.Openat2(dir, path, &unix.OpenHow{Flags: flags, Resolve: resolve})
			body, err := a.EndOpen(fd, err)
			if body != row.body || !errors.Is(err, row.err) {
				t.Fatalf("%d bytes are worth reading, want %d: %v", body, row.body, err)
			}
			if err != nil {
				return
			}
			must(t, a.StartRead())
			name, err := a.StartAttribute()
			must(t, err)
			_, err = unix.Fgetxattr(fd, name, nil)
			a.EndAttribute(err)
			a.EndRead(unix.EIO)
			a.Close()
			want := []string{"ask open <nil>", "tell open <nil>", "ask stat <nil>", "tell stat <nil>", "ask read <nil>",
				"ask getxattr <nil>", "tell getxattr <nil>", "tell read input/output error"}
			if !slices.Equal(seen, want) {
				t.Errorf("seen %q, want %q", seen, want)
			}
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
				t.Errorf("the file is open: %v", err)
			}
		})
	}
}
