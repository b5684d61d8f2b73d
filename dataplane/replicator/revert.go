package replicator

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/proto"
)

// revert brings a handoff's partition to its primaries, and removes of it what
// enough of them have. The partition's lock is held throughout, so that nobody
// reverts to us what we revert to him.
//
// It goes some suffixes at a time, as many as one session takes: those are offered
// to every primary, counted, and removed before the next ones come. So memory is
// that of a session, and a partition of any size gets smaller from the start.
// Source: replicator.py, update_deleted.
func (v *visit) revert(ctx context.Context) (err error) {
	v.cfg.Stats.Begins("delete", v.job.device)
	gone := false
	defer func() {
		if v.job.left = !gone; v.job.left {
			v.counts.edit(func(c *Counts) { c.Handoffs++ })
		}
	}()
	if v.cfg.DryRun {
		return v.wouldRevert()
	}
	v.waits(WaitLock, nil)
	lock, err := v.partition.LockRevert(ctx, 0)
	var busy *store.LockTimeoutError
	switch {
	case errors.As(err, &busy):
		v.cfg.Stats.LockFailure()
		v.job.again = true
		v.log.Info(fmt.Sprintf("Unable to lock handoff partition %d for replication on device %s policy %d", v.job.partition, v.job.device, v.job.policy.Index))
		return err
	case errors.Is(err, fs.ErrNotExist): // somebody else has reverted it
		gone = true
		return nil
	case err != nil:
		return err
	}
	defer lock.Release()
	suffixes, err := v.partition.Suffixes()
	if err != nil {
		return err
	}
	for _, n := range v.job.nodes {
		v.asked[target(n)] = struct{}{}
	}
	if len(suffixes) > 0 {
		v.counts.edit(func(c *Counts) { c.Sync += len(v.job.nodes) })
	}
	for len(suffixes) > 0 && !gone {
		r := &slice{visit: v, lock: lock, suffixes: suffixes, confirmed: map[int]map[proto.Hash]struct{}{}, proofs: map[store.Proven]int{}}
		if gone, err = r.revert(ctx); err != nil || r.size == 0 { // 0: nobody was reached
			return err
		}
		suffixes = suffixes[r.size:]
	}
	if !gone {
		gone, _, err = v.partition.Purge(ctx, lock)
	}
	if gone {
		v.counts.edit(func(c *Counts) { c.Remove++ })
		v.log.Info("Removing partition: "+v.partition.Path(), "reason", "all of it is with its primaries")
	}
	return err
}

// needed is how many primaries must have an object before it goes from here.
// Source: replicator.py, update_deleted.
func (v *visit) needed() int {
	n := len(v.job.nodes)
	if v.cfg.HandoffDelete > 0 {
		n = min(n, v.cfg.HandoffDelete)
	}
	if control.Enabled && control.Is(control.ProofsTooFew) {
		n--
	}
	return n
}

// slice is some suffixes of a partition on their way to all primaries.
type slice struct {
	*visit
	lock     *store.Lock
	suffixes []proto.Suffix // all that are left
	size     int            // of them in this slice: as many as the first session got to

	confirmed map[int]map[proto.Hash]struct{} // by remote region: what a primary there has
	proofs    map[store.Proven]int            // how many primaries have it
}

// revert pushes the slice to each primary in the ring's order, and removes what
// enough of them have; true if the partition has gone with it.
func (s *slice) revert(ctx context.Context) (gone bool, err error) {
	for _, node := range s.job.nodes {
		err := s.revertTo(ctx, node)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		if err != nil {
			s.blame(node, err)
		}
	}
	return s.remove(ctx)
}

// revertTo pushes the slice to one primary. Where another one of his region has it
// already, over there, he is only asked: the two tell each other.
func (s *slice) revertTo(ctx context.Context, node *ring.Device) (err error) {
	leave, err := s.enter(ctx, node)
	if err != nil {
		return err
	}
	defer func() { leave(err) }()
	if there := s.confirmed[node.Region]; there != nil {
		return s.ask(ctx, node, there)
	}
	var proven []store.Proven
	note := func(r *ssync.Result) { proven = r.AppendProven(proven) }
	if s.size == 0 {
		job := s.session(node)
		job.Suffixes = s.suffixes
		s.left(len(s.suffixes))
		s.size, err = s.pushSession(ctx, node, &job, note)
	} else {
		err = s.push(ctx, node, s.suffixes[:s.size], note)
	}
	s.count(proven)
	if err == nil && node.Region != s.job.local.Region {
		s.confirmed[node.Region] = hashesOf(proven)
	}
	return err
}

// ask makes a check-only session about what another primary of a remote region has.
// Source: ssync_sender.py, remote_check_objs.
func (s *slice) ask(ctx context.Context, node *ring.Device, about map[proto.Hash]struct{}) error {
	job := s.session(node)
	for h := range about {
		job.Only = append(job.Only, h)
	}
	slices.SortFunc(job.Only, func(a, b proto.Hash) int {
		return cmp.Or(cmp.Compare(a.Suffix(), b.Suffix()), bytes.Compare(a[:], b[:]))
	})
	if len(job.Only) == 0 {
		return nil
	}
	var proven []store.Proven
	_, err := s.pushSession(ctx, node, &job, func(r *ssync.Result) { proven = r.AppendProven(proven) })
	s.count(proven)
	return err
}

// count notes what one primary has.
func (s *slice) count(proven []store.Proven) {
	seen := make(map[store.Proven]struct{}, len(proven))
	for _, p := range proven {
		if _, twice := seen[p]; !twice {
			seen[p] = struct{}{}
			s.proofs[p]++
		}
	}
}

func hashesOf(proven []store.Proven) map[proto.Hash]struct{} {
	list := make(map[proto.Hash]struct{}, len(proven))
	for _, p := range proven {
		list[p.Hash] = struct{}{}
	}
	return list
}

// remove removes what enough primaries have. Without any there is nothing to do,
// for no number of primaries is few enough.
func (s *slice) remove(ctx context.Context) (gone bool, err error) {
	var enough []store.Proven
	needed := s.needed()
	for p, on := range s.proofs {
		if on >= needed {
			enough = append(enough, p)
		}
	}
	if len(enough) == 0 || len(s.job.nodes) == 0 {
		return false, nil
	}
	s.at(PhaseRemoving, nil)
	s.meanwhile(s.job)
	r, err := s.partition.Remove(ctx, s.lock, enough)
	s.step()
	s.counts.edit(func(c *Counts) { c.Removed += r.Removed })
	s.cfg.Stats.Removed(s.job.device, s.job.policy.Index, r.Removed)
	s.log.Info("handoff objects removed", "objects", r.Removed, "proven", len(enough), "changed since", r.Changed, "primaries", needed)
	if len(r.Left) > 0 {
		s.log.Warn("files that are not ours to remove stay in a handoff", "files", r.Strange, "first", r.Left[0])
	}
	return r.Partition, err
}

// wouldRevert tells what a revert would begin with.
func (v *visit) wouldRevert() error {
	suffixes, err := v.partition.Suffixes()
	if err != nil {
		return err
	}
	var names []string
	for _, n := range v.job.nodes {
		names = append(names, peerName(n))
	}
	v.log.Info("would push this handoff, and remove what the primaries have", "suffixes", len(suffixes), "peers", names, "needed", v.needed())
	return nil
}
