package store_test

import (
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// An update that comes to nothing, since what is there is as new, is a success to
// its sender. So what is there is made durable first: whoever wrote it may have
// failed to, or not come to it yet.
func TestAsNewIsDurable(t *testing.T) {
	for _, test := range []struct {
		name        string
		first, then func(*store.Partition) error
	}{
		{"a PUT", func(p *store.Partition) error { return storetest.Put(p, first, storetest.Time(1), nil) },
			func(p *store.Partition) error { return done(storetest.Put(p, first, storetest.Time(1), nil)) }},
		{"a DELETE", func(p *store.Partition) error { return storetest.Delete(p, first, storetest.Time(1)) },
			func(p *store.Partition) error { return done(storetest.Delete(p, first, storetest.Time(1))) }},
		{"a POST to what is deleted", func(p *store.Partition) error { return storetest.Delete(p, first, storetest.Time(2)) },
			func(p *store.Partition) error { return done(storetest.Post(p, first, storetest.Time(1))) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			journal, refuse := storetest.NewJournal(), true
			h := storetest.Hash(first)
			s := storetest.New(t, keepTombstones, watched(storetest.Hooks{
				OnBefore: func(op *store.Op) error {
					if refuse && op.Call == store.CallSync && op.Path == "objects/0/"+h.Suffix().String() {
						return unix.ENOSPC
					}
					return journal.Before(op)
				},
				OnAfter: journal.After,
			}))
			p := storetest.Partition(t, s)
			must(t, journal.Start(filepath.Join(s.Devices(), "d1")))
			if err := test.first(p); err == nil {
				t.Fatal("the directory's fsync was to fail")
			}
			refuse = false
			must(t, test.then(p))
			journal.Pause()
			device := filepath.Join(storetest.Devices(t), "d1")
			must(t, journal.Crash(journal.Len(), func(int) storetest.Fate { return storetest.Lost }).Build(device))
			after := storetest.New(t, keepTombstones, func(c *store.Config) { c.Devices = filepath.Dir(device) })
			if state := storetest.MustState(t, storetest.Partition(t, after), first); state == "nothing" {
				t.Error("acknowledged, and a power cut takes it away")
			}
		})
	}
}
