package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// use does to a partition all that a session and a REPLICATE do, and returns what
// was offered.
func use(t *testing.T, p *store.Partition) []proto.Offer {
	t.Helper()
	var offers []proto.Offer
	suffixes, err := p.Suffixes()
	must(t, err)
	must(t, p.Offers(context.Background(), suffixes, func(o proto.Offer) error { offers = append(offers, o); return nil }))
	if o, err := p.Held(storetest.Hash(first)); err != nil {
		t.Error(err)
	} else if o != nil {
		o.Close()
	}
	digestsNow(t, p, true)
	return offers
}

// Fragments of an erasure-coded policy that lie in a replicated one, which somebody
// has moved there or whose swift.conf is wrong, are neither read nor removed, and
// change nothing about an object beside them.
func TestFragmentsAreLeftAlone(t *testing.T) {
	stamp := storetest.Time(2).Internal()
	fragments := []string{stamp + "#0#d.data", stamp + "#1.data", stamp + "#13#d.data", storetest.Time(1).Internal() + "#2#d.data"}
	for _, test := range []struct {
		name    string
		beside  []string
		offered int
		left    []string // of what lay beside them
	}{
		{"alone", nil, 0, nil},
		{"beside an object", []string{stamp + ".data"}, 1, []string{stamp + ".data"}},
		{"beside a newer tombstone", []string{storetest.Time(5).Internal() + ".ts"}, 1, []string{storetest.Time(5).Internal() + ".ts"}},
		{"beside an old marker", []string{stamp + ".durable"}, 0, []string{stamp + ".durable"}},
		{"beside an object and its old marker", []string{stamp + ".data", stamp + ".durable"}, 1, []string{stamp + ".data"}},
		{"beside an object and a newer marker", []string{stamp + ".data", storetest.Time(3).Internal() + ".durable"}, 1,
			[]string{stamp + ".data", storetest.Time(3).Internal() + ".durable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var notices []string
			p := newPartition(t, noticed(&notices))
			for _, file := range fragments {
				plantBare(t, p, first, file, "fragment")
			}
			for _, file := range test.beside {
				plantAny(t, p, first, file)
			}
			if offers := use(t, p); len(offers) != test.offered {
				t.Errorf("offered: %v", offers)
			}
			want := slices.Concat(fragments, test.left)
			slices.Sort(want)
			if diff := cmp.Diff(want, ls(t, hashDir(p, first))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			must(t, storetest.Put(p, first, storetest.Time(9), []byte("new")))
			want = append(slices.Clone(fragments), storetest.Time(9).Internal()+".data")
			slices.Sort(want)
			if diff := cmp.Diff(want, ls(t, hashDir(p, first))); diff != "" {
				t.Errorf("files after a PUT (-want +got):\n%s", diff)
			}
			if len(notices) > 0 {
				t.Errorf("notices: %q", notices)
			}
		})
	}
}

// In a partition of an erasure-coded policy nothing is offered, held, hashed,
// written, removed or moved, whatever it looks like.
func TestErasureCodedPartition(t *testing.T) {
	s := storetest.New(t, keepTombstones)
	p := storetest.Device(t, s).Partition(s.Cluster().Policies[1], 0)
	files := []string{"1700000001.00000#1#d.data", "1700000002.00000#1#d.data", "1700000002.00000#2.data", "1700000001.00000.durable", "1700000003.00000.meta", "1500000000.00000.ts"}
	for _, file := range files {
		plantBare(t, p, first, file, "fragment")
	}
	suffixes, err := p.Suffixes()
	must(t, err)
	must(t, p.Offers(context.Background(), suffixes, func(o proto.Offer) error { t.Errorf("offered %v", o); return nil }))
	if o, err := p.Held(storetest.Hash(first)); o != nil || err != nil {
		t.Errorf("held: %v, %v", o, err)
	}
	for what, err := range map[string]error{
		"put":    storetest.Put(p, first, storetest.Time(9), nil),
		"post":   storetest.Post(p, first, storetest.Time(9)),
		"delete": storetest.Delete(p, first, storetest.Time(9)),
		"hash":   func() error { _, err := p.Digests(context.Background(), nil, true); return err }(),
	} {
		if !errors.Is(err, store.ErrErasureCoded) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if diff := cmp.Diff([]string{storetest.Hash(first).Suffix().String()}, ls(t, p.Path())); diff != "" {
		t.Errorf("partition (-want +got):\n%s", diff)
	}
	slices.Sort(files)
	if diff := cmp.Diff(files, ls(t, hashDir(p, first))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(p.Path())), "quarantined")); !os.IsNotExist(err) {
		t.Errorf("quarantined: %v", err)
	}
}
