package store_test

import (
	"errors"
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
