package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// The disk has all bytes of a group before the first of its files is fsynced; each of
// them still is. An error there is as final as one of the fsync: that object is
// refused, alone, and what is lost makes the device suspect. Who lacks the call does
// without.
func TestGroupStarts(t *testing.T) {
	for _, row := range []struct {
		name    string
		errno   error
		refused bool
		suspect bool
	}{
		{"well", nil, false, false},
		{"lost", unix.EIO, true, true},
		{"full", unix.ENOSPC, true, false},
		{"unknown", unix.ENOSYS, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var mu sync.Mutex
			var calls []store.Call
			synced := map[uint64]bool{}
			started := 0
			s := storetest.New(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
				mu.Lock()
				defer mu.Unlock()
				switch op.Call {
				case store.CallStart:
					calls = append(calls, op.Call)
					if started++; started == 2 {
						return row.errno
					}
				case store.CallSync:
					calls = append(calls, op.Call)
					synced[op.File] = true
				case store.CallLink:
					if !synced[op.File] {
						t.Errorf("%s has a name before it was fsynced", op.To)
					}
				}
				return nil
			}}))
			p := storetest.Partition(t, s)
			var group []*store.Writer
			for i := range 5 {
				w, err := storetest.Body(p, fmt.Sprintf("/a/c/%d", i), storetest.Time(1), []byte("body"))
				must(t, err)
				group = append(group, w)
			}
			for i, err := range p.Commit(context.Background(), group) {
				if refused := row.refused && i == 1; refused != (err != nil) || refused && !errors.Is(err, row.errno) {
					t.Errorf("object %d: %v", i, err)
				}
			}
			if last := slices.Index(calls, store.CallSync); started != 5 || last != 5 {
				t.Errorf("%d were started, %d before the first fsync", started, last)
			}
			d, err := s.Device("d1")
			if err == nil {
				d.Close()
			}
			if errors.Is(err, store.ErrSuspect) != row.suspect {
				t.Errorf("the device: %v", err)
			}
		})
	}
}
