package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
)

// passed holds what a replicator says of its pass against what there was to do: a
// job a partition, none failed, and each was pushed, found to be the same, or gone.
func (s *set) passed(p *contestant.Pass) error {
	if p == nil {
		return errors.New("nothing is told of the pass")
	}
	n := len(s.partitions)
	want := contestant.Pass{Minutes: p.Minutes}
	want.Stats.Attempted = n
	switch {
	case s.Target == workload.Same:
		want.Stats.HashMatch = n
	case s.Leaves:
		want.Stats.Sync, want.Stats.Remove = n, n
	default:
		want.Stats.Sync = n
	}
	if *p != want {
		return fmt.Errorf("the pass came to %+v, not %+v", p.Stats, want.Stats)
	}
	return nil
}

// passLeft looks at what a pass has left beside objects: the receiver's digests are
// those of what lies there, and a sender who was to leave has no partition any more.
func (h *harness) passLeft(ctx context.Context, s *set) error {
	if s.Leaves {
		objects := filepath.Join(s.leaving, device, h.cluster.Policies[0].DataDir())
		left, err := os.ReadDir(objects)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(left) > 0 {
			return fmt.Errorf("%d partitions are still at the sender, %s among them", len(left), left[0].Name())
		}
	}
	return h.onDisk(s, s.target, func(_ *workload.Filler, d workload.Disk) error {
		for _, n := range s.partitions {
			if err := trueDigests(ctx, d.Device.Partition(d.Policy, n)); err != nil {
				return err
			}
		}
		return nil
	})
}

// trueDigests compares a partition's digests as they are kept with those that are
// computed anew.
func trueDigests(ctx context.Context, p *store.Partition) error {
	kept, err := p.Digests(ctx, nil, false)
	if err != nil {
		return err
	}
	all := make([]proto.Suffix, len(kept))
	for i, d := range kept {
		all[i] = d.Suffix
	}
	computed, err := p.Digests(ctx, all, true)
	if err != nil {
		return err
	}
	if !slices.Equal(kept, computed) {
		return fmt.Errorf("%s: the digests of its %d suffixes are not those of what lies there, which has %d", p.Path(), len(kept), len(computed))
	}
	return nil
}
