package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// Writers put, post and delete while the partition is reverted again and again, and
// goes and comes again under their hands. Every acknowledged change is with the peer
// or on the disk, and digests tell the truth.
func TestWritersBesideReverts(t *testing.T) {
	p := newPartition(t)
	var clock atomic.Int64
	var g sync.WaitGroup
	acked := make([]map[string]proto.Timestamp, 4)
	const rounds = 150
	for i := range acked {
		acked[i] = map[string]proto.Timestamp{}
		g.Go(func() {
			for round := range rounds {
				name := fmt.Sprintf("/a/c/writer-%d-%d", i, round%5)
				at := storetest.Time(float64(clock.Add(1)) / 1000)
				change := func() error { return storetest.Put(p, name, at, body('w', 100)) }
				if round%4 == 3 {
					change = func() error { return storetest.Delete(p, name, at) }
				}
				err := change()
				if err != nil && strings.Contains(err.Error(), "changed while it was opened") {
					continue // not acknowledged: a client would be told 503, and try again
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				acked[i][name] = at
			}
		})
	}
	g.Go(func() {
		for range rounds {
			if _, err := p.Digests(t.Context(), nil, true); err != nil {
				t.Errorf("digests: %v", err)
			}
		}
	})
	written := make(chan struct{})
	go func() { g.Wait(); close(written) }()

	peer, gone := map[proto.Hash]store.Times{}, 0
	for done := false; !done; {
		select {
		case <-written:
			done = true // once more
		default:
		}
		if revertTo(t, p, peer) {
			gone++
		}
	}
	for _, names := range acked {
		for name, at := range names {
			if there := peer[storetest.Hash(name)]; there.Data.Before(at) {
				t.Errorf("%s of %v was acknowledged, and the peer has that of %v", name, at, there.Data)
			}
		}
	}
	if err := storetest.CheckDigests(p.Path()); err != nil {
		t.Error(err)
	}
	t.Logf("the partition went %d times", gone)
	if gone == 0 {
		t.Error("the partition never went")
	}
}

// revertTo gives all that there is to a peer, and removes it here.
func revertTo(t *testing.T, p *store.Partition, peer map[proto.Hash]store.Times) (gone bool) {
	t.Helper()
	lock, err := p.LockRevert(t.Context(), 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	must(t, err)
	defer lock.Release()
	suffixes, err := p.Suffixes()
	must(t, err)
	var list []store.Proven
	must(t, p.Offers(context.Background(), suffixes, func(o proto.Offer) error {
		at := store.Times{Data: o.Data, Meta: o.Meta, CType: o.CType}
		peer[o.Hash] = at
		list = append(list, store.Proven{Hash: o.Hash, Times: at})
		return nil
	}))
	r, err := p.Remove(t.Context(), lock, list)
	must(t, err)
	return r.Partition
}
