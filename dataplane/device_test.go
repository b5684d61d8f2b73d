package dataplane_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// A device that is not mounted, or is suspect, is refused to both verbs, and
// nothing is written where it should be.
func TestDeviceRefused(t *testing.T) {
	broken := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallSync {
			return unix.EIO
		}
		return nil
	}}
	for name, edit := range map[string]func(*store.Config){
		"not mounted": func(c *store.Config) { c.MountCheck = true },
		"suspect":     func(c *store.Config) { c.Witness = broken },
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.New(t, edit)
			if name == "suspect" {
				if err := storetest.Put(storetest.Partition(t, s), "/a/c/o", storetest.Time(1), nil); !errors.Is(err, unix.EIO) {
					t.Fatal(err)
				}
			}
			before := tree(t, s.Devices())
			address, _ := startNode(t, func(c *dataplane.Config) { c.Store = s })
			for _, request := range []string{head, "REPLICATE /d1/0 HTTP/1.1\r\n\r\n", "REPLICATE /d1/0/abc HTTP/1.1\r\n\r\n"} {
				if got := ask(t, address, request); !strings.HasPrefix(got, "HTTP/1.1 507 ") || !strings.Contains(got, "Drive: d1") {
					t.Errorf("%.40q: %q", request, got)
				}
			}
			if after := tree(t, s.Devices()); !slices.Equal(before, after) {
				t.Errorf("before %q, after %q", before, after)
			}
		})
	}
}

// tree lists all paths below a directory.
func tree(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// A device whose fsync failed is refused, also by a new process, until its mark
// is taken away.
func TestSuspect(t *testing.T) {
	state := t.TempDir()
	broken := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallSync {
			return os.NewSyscallError("fsync", fmt.Errorf("io"))
		}
		return nil
	}}
	s := storetest.New(t, func(c *store.Config) { c.StateDir, c.Witness = state, broken })
	if err := storetest.Put(storetest.Partition(t, s), "/a/c/o", storetest.Time(1), []byte("x")); err == nil {
		t.Fatal("an object was acknowledged whose fsync failed")
	}
	next := storetest.New(t, func(c *store.Config) { c.StateDir, c.Devices = state, s.Devices() })
	for _, s := range []*store.Store{s, next} {
		if _, err := s.Device("d1"); err == nil || !strings.Contains(err.Error(), "suspect") {
			t.Errorf("device: %v", err)
		}
	}
	marks, _ := filepath.Glob(filepath.Join(state, "*"))
	if len(marks) != 1 {
		t.Fatalf("marks: %v", marks)
	}
	if err := os.Remove(marks[0]); err != nil {
		t.Fatal(err)
	}
	d, err := next.Device("d1")
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

// A young object is fsynced, with the directories above it, before it counts as
// held; an old one is not.
func TestHeld(t *testing.T) {
	for _, test := range []struct {
		name  string
		fresh time.Duration
		want  int
	}{{"young", time.Hour, 6}, {"old", time.Nanosecond, 0}} { // the file and objects/0/abc/<hash> up to the device
		t.Run(test.name, func(t *testing.T) {
			var syncs int
			count := storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallSync {
					syncs++
				}
				return nil
			}}
			s := storetest.New(t, func(c *store.Config) { c.FreshFor, c.Witness, c.CommitWorkers = test.fresh, count, 1 })
			p := storetest.Partition(t, s)
			if err := storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("x"), hashes.Field{Key: "X-Object-Meta-A", Value: "b"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			syncs = 0
			o, err := p.Held(storetest.Hash("/a/c/o"))
			if err != nil {
				t.Fatal(err)
			}
			o.Close()
			if syncs != test.want {
				t.Errorf("%d fsyncs, want %d", syncs, test.want)
			}
		})
	}
}
