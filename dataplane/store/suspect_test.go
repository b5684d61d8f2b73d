package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// lossy is a store whose device fails an fsync, and what it noticed.
func lossy(t *testing.T, errno unix.Errno, call store.Call, edit ...func(*store.Config)) (*store.Store, *[]string) {
	t.Helper()
	var notices []string
	failed := false
	s := storetest.New(t, append(edit, keepTombstones, noticed(&notices), watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == call && !failed {
			failed = true
			return errno
		}
		return nil
	}}))...)
	p := storetest.Partition(t, s)
	if err := storetest.Put(p, first, storetest.Time(1), nil); !errors.Is(err, errno) {
		t.Fatalf("%v", err)
	}
	return s, &notices
}

// After a failed fsync a device is refused; a full disk or quota, or a failure of
// anything else, only refuses the object.
func TestSuspect(t *testing.T) {
	for _, test := range []struct {
		name    string
		call    store.Call
		errno   unix.Errno
		suspect bool
	}{
		{"a lost write", store.CallSync, unix.EIO, true},
		{"a damaged file system", store.CallSync, unix.EUCLEAN, true},
		{"a read-only one", store.CallSync, unix.EROFS, true},
		{"a full disk", store.CallSync, unix.ENOSPC, false},
		{"a full quota", store.CallSync, unix.EDQUOT, false},
		{"a link that fails", store.CallLink, unix.EIO, false},
		{"a full disk at the link", store.CallLink, unix.ENOSPC, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, notices := lossy(t, test.errno, test.call)
			d, err := s.Device("d1")
			if err == nil {
				d.Close()
			}
			if errors.Is(err, store.ErrSuspect) != test.suspect {
				t.Fatalf("%v", err)
			}
			if !test.suspect {
				if len(*notices) > 0 {
					t.Errorf("notices %q", *notices)
				}
				return
			}
			if len(*notices) != 1 || !strings.Contains((*notices)[0], "suspect") || !strings.Contains((*notices)[0], test.errno.Error()) {
				t.Errorf("notices %q", *notices)
			}
			must(t, s.Clear("d1"))
			d, err = s.Device("d1")
			must(t, err)
			d.Close()
		})
	}
}

// The mark outlives the process, and an operator clears it by removing its file.
func TestSuspectMarkIsKept(t *testing.T) {
	state := func(c *store.Config) { c.StateDir = filepath.Join(c.Devices, "..", filepath.Base(c.Devices)+"-state") }
	s, _ := lossy(t, unix.EIO, store.CallSync, state)
	dir := s.Devices() + "-state"
	t.Cleanup(func() { os.RemoveAll(dir) })
	restarted := storetest.New(t, func(c *store.Config) { c.Devices, c.StateDir = s.Devices(), dir })
	for name, s := range map[string]*store.Store{"the same process": s, "the next process": restarted} {
		_, err := s.Device("d1")
		if !errors.Is(err, store.ErrSuspect) || !strings.Contains(err.Error(), "input/output error") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	marks := ls(t, dir)
	if len(marks) != 1 || !strings.HasSuffix(marks[0], "-d1") {
		t.Fatalf("marks: %q", marks)
	}
	must(t, os.Remove(filepath.Join(dir, marks[0])))
	for name, s := range map[string]*store.Store{"the same process": s, "the next process": restarted} {
		d, err := s.Device("d1")
		if err != nil {
			t.Errorf("cleared, %s: %v", name, err)
			continue
		}
		d.Close()
	}
}

// A mark of another mount says nothing about this one.
func TestSuspectMarkOfAnotherMount(t *testing.T) {
	state := func(c *store.Config) { c.StateDir = c.Devices + "-state" }
	s, _ := lossy(t, unix.EIO, store.CallSync, state)
	dir := s.Devices() + "-state"
	t.Cleanup(func() { os.RemoveAll(dir) })
	mark := filepath.Join(dir, ls(t, dir)[0])
	must(t, os.WriteFile(mark, []byte("1 input/output error\n"), 0o644))
	restarted := storetest.New(t, func(c *store.Config) { c.Devices, c.StateDir = s.Devices(), dir })
	d, err := restarted.Device("d1")
	must(t, err)
	d.Close()
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("the mark stays: %v", err)
	}
}
