package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// A new name that makes an old one obsolete may not be durable: its writer's fsync
// of the directory failed, or is still to come. A reader who removes the old one
// makes sure first, so that no power cut leaves neither.
func TestTidyingIsSafe(t *testing.T) {
	journal, refused := storetest.NewJournal(), false
	dir := ""
	s := storetest.New(t, keepTombstones, watched(storetest.Hooks{
		OnBefore: func(op *store.Op) error {
			if op.Call == store.CallSync && op.Path == dir && !refused {
				refused = true
				return unix.EIO
			}
			return journal.Before(op)
		},
		OnAfter: journal.After,
	}))
	p := storetest.Partition(t, s)
	must(t, storetest.Put(p, first, storetest.Time(1), body('o', 100)))
	must(t, journal.Start(filepath.Join(s.Devices(), "d1")))
	h := storetest.Hash(first)
	dir = "objects/0/" + h.Suffix().String() + "/" + h.String()
	if err := storetest.Put(p, first, storetest.Time(2), body('n', 100)); err == nil || !refused {
		t.Fatalf("%v, where the directory's fsync was to fail", err)
	}
	storetest.MustState(t, p, first)
	if names := ls(t, hashDir(p, first)); len(names) != 1 {
		t.Fatalf("the reader has left %v", names)
	}
	journal.Pause()

	device := filepath.Join(storetest.Devices(t), "d1")
	for n := range journal.Len() + 1 {
		for lost := range n + 1 {
			must(t, os.RemoveAll(device))
			must(t, os.Mkdir(device, 0o755))
			wreck := journal.Crash(n, func(event int) storetest.Fate {
				if event == lost {
					return storetest.Lost
				}
				return storetest.Kept
			})
			must(t, wreck.Build(device))
			after := storetest.New(t, keepTombstones, func(c *store.Config) { c.Devices = filepath.Dir(device) })
			if state := storetest.MustState(t, storetest.Partition(t, after), first); state == "nothing" {
				t.Fatalf("power cut after event %d, event %d lost: nothing is left\n%s", n, lost, wreck)
			}
		}
	}
}
