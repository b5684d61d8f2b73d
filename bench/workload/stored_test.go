package workload_test

import (
	"context"
	"io"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// Bodies above 64 KiB have their digest stored where that is asked for, and the right
// one; smaller ones never, and nobody where it is not.
func TestStoredDigest(t *testing.T) {
	for _, asked := range []bool{false, true} {
		spec := workload.Spec{Prefix: "o", Objects: 4, Size: func(i int) int { return 64<<10 + i - 1 }, Seed: 7, Start: storetest.Time(0), StoredDigest: asked}
		s := storetest.New(t)
		p := storetest.Partition(t, s)
		if err := workload.NewFiller(spec, s.Cluster().Secret).Fill(context.Background(), p); err != nil {
			t.Fatal(err)
		}
		suffixes, err := p.Suffixes()
		if err != nil {
			t.Fatal(err)
		}
		err = p.Offers(context.Background(), suffixes, func(offer proto.Offer) error {
			o, err := p.Open(offer.Hash)
			if err != nil {
				return err
			}
			defer o.Close()
			body, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size))
			sum, ok := o.StoredSum()
			if want := asked && o.Size > workload.StoredAbove; ok != want || ok && sum != xxhash.Sum64(body) {
				t.Errorf("asked %v, %d bytes: stored %v", asked, o.Size, ok)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
