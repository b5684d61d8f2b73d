package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

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

	eachLoss(t, journal, func(device, what string) {
		after := storetest.New(t, keepTombstones, func(c *store.Config) { c.Devices = filepath.Dir(device) })
		if state := storetest.MustState(t, storetest.Partition(t, after), first); state == "nothing" {
			t.Fatalf("%s: nothing is left", what)
		}
	})
}

// eachLoss cuts the power after each event, and lets in turn each of those before
// it be lost, and all others be kept.
func eachLoss(t *testing.T, journal *storetest.Journal, look func(device, what string)) {
	t.Helper()
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
			look(device, fmt.Sprintf("power cut after event %d, event %d lost", n, lost))
		}
	}
}

// A digest that is taken while names are being made durable counts only once they
// are: after a power cut none is called valid that tells of a name that has gone.
func TestDigestsBesideACommit(t *testing.T) {
	journal := storetest.NewJournal()
	var p *store.Partition
	var once sync.Once
	taken := make(chan error, 1)
	armed, dir := false, ""
	s := storetest.New(t, keepTombstones, watched(storetest.Hooks{
		OnBefore: func(op *store.Op) error {
			if armed && op.Call == store.CallSync && op.Path == dir {
				once.Do(func() { // the name is there, and not durable
					go func() {
						_, err := p.Digests(context.Background(), nil, false)
						taken <- err
					}()
					time.Sleep(50 * time.Millisecond)
				})
			}
			return journal.Before(op)
		},
		OnAfter: journal.After,
	}))
	p = storetest.Partition(t, s)
	filled(t, p)
	must(t, journal.Start(filepath.Join(s.Devices(), "d1")))
	kin := sibling(first)
	h := storetest.Hash(kin)
	dir, armed = "objects/0/"+h.Suffix().String()+"/"+h.String(), true
	must(t, storetest.Put(p, kin, storetest.Time(3), body('k', 100)))
	must(t, <-taken)
	journal.Pause()

	eachLoss(t, journal, func(device, what string) {
		if err := storetest.CheckDigests(filepath.Join(device, "objects/0")); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	})
}

// What a power cut left at the end of hashes.invalid, zeros or a part of a line,
// does not swallow the next suffix.
func TestInvalidateBehindATornLine(t *testing.T) {
	for _, torn := range []string{"\x00\x00\x00\x00", "07", "abc\n\x00", "abc"} {
		p := newPartition(t)
		filled(t, p)
		must(t, os.WriteFile(filepath.Join(p.Path(), "hashes.invalid"), []byte(torn), 0o644))
		must(t, p.Invalidate(context.Background(), storetest.Hash(first).Suffix()))
		if got := invalid(t, p); !slices.Contains(got, storetest.Hash(first).Suffix()) {
			t.Errorf("behind %q: %v", torn, got)
		}
	}
}
