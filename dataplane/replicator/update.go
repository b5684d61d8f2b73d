package replicator

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/proto"
)

// cycles is how many passes it takes until every partition has been listed, and not
// only what its digests say. Source: replicator.py, _do_listdir.
const cycles = 10

// update brings a partition that belongs here to its other primaries: what is
// different there by the digests of the suffixes is pushed. Of the primaries in
// another region only one is pushed to in a pass: it tells the others. For a disk
// that is not mounted a handoff is asked in its place. Source: replicator.py,
// update.
func (v *visit) update(ctx context.Context) error {
	v.cfg.Stats.Begins("update", v.job.device)
	listdir := (int(v.job.partition)+v.pass.cycle)%cycles == 0
	nodes := slices.Clone(v.job.nodes)
	v.cfg.shuffle(len(nodes), func(i, k int) { nodes[i], nodes[k] = nodes[k], nodes[i] })
	early := v.askAhead(nodes)
	defer early.giveUp()
	local, hashed, err := v.rehash(ctx, nil, listdir)
	if err != nil {
		return err
	}
	v.counts.edit(func(c *Counts) { c.SuffixHash += hashed }) // what is hashed again below Swift does not count
	defer func() { v.counts.edit(func(c *Counts) { c.SuffixCount += len(local) }) }()

	next, stop := iter.Pull(candidates(nodes, v.job))
	defer stop()
	told := map[int]bool{} // regions
	good := 0
	for left := len(nodes); left > 0; left-- {
		node, ok := next()
		if !ok {
			v.log.Error(fmt.Sprintf("Ran out of handoffs while replicating partition %d of policy %d", v.job.partition, v.job.policy.Index))
			break
		}
		v.asked[target(node)] = struct{}{}
		if told[node.Region] {
			good++
			continue
		}
		pushed, err := v.updateNode(ctx, node, early, &local)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			v.blame(node, err)
			if reasonOf(err) == unmounted && v.wantsHandoff(good, left-1) {
				left++
			}
			continue
		}
		good++
		if pushed && node.Region != v.job.local.Region {
			told[node.Region] = true
		}
	}
	return nil
}

const unmounted = "unmounted"

// candidates are the other primaries, and then the handoffs.
func candidates(nodes []*ring.Device, j *job) iter.Seq[*ring.Device] {
	return func(yield func(*ring.Device) bool) {
		for _, n := range nodes {
			if !yield(n) {
				return
			}
		}
		for n := range j.ring.Handoffs(j.partition) {
			if !sameDevice(n, j.local) && !yield(n) {
				return
			}
		}
	}
}

// wantsHandoff tells whether a handoff stands in for a disk that is not mounted:
// with handoff_delete set only as long as that many copies would not be had
// otherwise. Source: replicator.py of Swift 2.38.1.
func (v *visit) wantsHandoff(good, left int) bool {
	return v.cfg.HandoffDelete == 0 || 1+good+left < v.cfg.HandoffDelete
}

// updateNode compares digests with one peer, twice, and pushes what still differs:
// what changed here since the digests were made is hashed anew before that.
func (v *visit) updateNode(ctx context.Context, node *ring.Device, early questions, local *hashes.Digests) (pushed bool, err error) {
	l, leave, err := v.turnTo(ctx, node, early[node])
	if err != nil {
		return false, err
	}
	defer func() { leave(err) }()
	remote, err := v.asker.digests(ctx, l, node, v.job.policy, v.job.partition)
	v.step()
	if err != nil {
		return false, err
	}
	suffixes := local.Differing(remote)
	if len(suffixes) > 0 {
		early.giveUp() // from here on it takes long
		if *local, _, err = v.rehash(ctx, suffixes, false); err != nil {
			return false, err
		}
		suffixes = local.Differing(remote)
	}
	if len(suffixes) == 0 {
		v.counts.edit(func(c *Counts) { c.HashMatch++ })
		return false, nil
	}
	if v.cfg.DryRun {
		v.log.Info("would push", "peer", peerName(node), "suffixes", len(suffixes))
		return false, nil
	}
	v.counts.edit(func(c *Counts) { c.Sync++ })
	err = v.push(ctx, node, suffixes, nil)
	v.pushed(v.job)
	v.counts.edit(func(c *Counts) { c.SuffixSync += len(suffixes) })
	v.cfg.Stats.Suffixes(0, len(suffixes))
	if err == nil {
		v.log.Info("pushed", "peer", peerName(node), "suffixes", len(suffixes))
	}
	return true, err
}

// rehash brings the digests up to date.
func (v *visit) rehash(ctx context.Context, suffixes []proto.Suffix, listdir bool) (digests hashes.Digests, hashed int, err error) {
	v.at(PhaseHashing, nil)
	digests, hashed, err = v.partition.Rehash(ctx, suffixes, listdir)
	v.step()
	v.cfg.Stats.Suffixes(hashed, 0)
	return digests, hashed, err
}
