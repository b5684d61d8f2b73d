package workload_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// The same spec makes the same objects, and what is posted and deleted shows.
func TestFillIsRepeatable(t *testing.T) {
	spec := workload.Spec{Prefix: "o", Objects: 40, Size: func(i int) int { return i * 50 }, Seed: 7, Start: storetest.Time(0), Posts: 3, Tombstones: 2}
	offers := func() (list []proto.Offer, etags []string) {
		s := storetest.New(t, func(c *store.Config) { c.ReclaimAge = 100 * 365 * 24 * time.Hour })
		p := storetest.Partition(t, s)
		if err := workload.NewFiller(spec, s.Cluster().Secret).Fill(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		suffixes, err := p.Suffixes()
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Offers(context.Background(), suffixes, func(o proto.Offer) error {
			list = append(list, o)
			object, err := p.Open(o.Hash)
			if err != nil {
				return err
			}
			defer object.Close()
			etags = append(etags, object.ETag())
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return list, etags
	}
	first, firstTags := offers()
	second, secondTags := offers()
	if diff := cmp.Diff(first, second) + cmp.Diff(firstTags, secondTags); diff != "" {
		t.Error(diff)
	}
	posted, distinct := 0, map[string]bool{}
	for i, o := range first {
		if o.Meta != o.Data {
			posted++
		}
		distinct[firstTags[i]] = true
	}
	if len(first) != 40 || posted != 3 || len(distinct) != 39 { // one empty body is one ETag, two tombstones have none
		t.Errorf("%d objects, %d posted, %d different bodies", len(first), posted, len(distinct))
	}
}
