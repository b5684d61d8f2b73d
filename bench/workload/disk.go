package workload

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Disk is a device that takes a data set in the partitions of a ring: objects go
// where their hashes say.
type Disk struct {
	Device    *store.Device
	Policy    hashes.Policy
	PartPower int // the ring has 2^PartPower partitions; 0 to 32
}

// FillDisk writes the data set's objects, without POSTs and DELETEs, and brings
// the suffix digests up to date, as on a node that has been replicated before.
// All of it is durable on return.
func (f *Filler) FillDisk(ctx context.Context, d Disk) error {
	return f.onDisk(ctx, d, span(0, f.spec.Objects), 0)
}

// Touch puts every every-th object anew, with another body, after a time in raw
// timestamp units. The digests of their suffixes stay invalidated, as after any
// PUT.
func (f *Filler) Touch(ctx context.Context, d Disk, every int, after int64) error {
	return f.onDisk(ctx, d, func(yield func(int) bool) {
		for i := 0; i < f.spec.Objects && yield(i); i += every {
		}
	}, after)
}

// Touched is how many objects Touch puts anew.
func (s Spec) Touched(every int) int { return (s.Objects + every - 1) / every }

func (f *Filler) onDisk(ctx context.Context, d Disk, numbers iter.Seq[int], after int64) error {
	shares := f.shares(d.PartPower, numbers)
	for _, number := range slices.Sorted(maps.Keys(shares)) {
		p := d.Device.Partition(d.Policy, number)
		err := f.groups(ctx, p, slices.Values(shares[number]), func(i int) (*store.Writer, error) {
			return f.put(p, i, proto.Timestamp{Raw: f.Time(i).Raw + after})
		})
		if err == nil && after == 0 {
			_, err = p.Digests(ctx, nil, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shares tells which objects go to which partition.
func (f *Filler) shares(partPower int, numbers iter.Seq[int]) map[uint32][]int {
	shares := map[uint32][]int{}
	for i := range numbers {
		number := f.secret.Hash(f.Name(i)).Partition(partPower)
		shares[number] = append(shares[number], i)
	}
	return shares
}
