package replicator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/proto"
)

// visit is a job being done: its device is open for as long.
type visit struct {
	*pass
	job       *job
	partition *store.Partition
	log       *slog.Logger
	steps     *atomic.Int64 // counts up as the visit gets on

	asked  map[targetName]struct{}
	failed map[targetName]struct{}
	unread error // what could not be read here, and so was not offered
}

// do does a job, and tells in a word how it ended.
func (p *pass) do(ctx context.Context, j *job, steps *atomic.Int64) (reason string) {
	began := time.Now()
	p.counts.begins(j.progress)
	defer p.board.takes(j)()
	defer func() {
		took := time.Since(began)
		p.counts.ended(j, took)
		p.cfg.Stats.Did(j.kind(), j.device, j.policy.Index, reason, took)
	}()
	log := p.cfg.Log.With("device", j.device, "policy", j.policy.Index, "partition", j.partition)
	device, err := p.cfg.Store.Device(j.device)
	if err != nil {
		for _, n := range j.nodes {
			p.counts.fail(target(n))
			j.failed = append(j.failed, target(n))
		}
		j.trouble = troubleOf(err, "", p.cfg.Now())
		if p.once("device " + j.device) {
			log.Warn("device can't be used any more in this pass", "reason", reasonOf(err), "error", err)
		}
		return reasonOf(err)
	}
	defer device.Close()
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	defer p.cfg.Watch.Hold(device, gone)()

	v := &visit{pass: p, job: j, partition: device.Partition(j.policy, j.partition), log: log, steps: steps,
		asked: map[targetName]struct{}{}, failed: map[targetName]struct{}{}}
	if j.handoff {
		err = v.revert(ctx)
	} else {
		err = v.update(ctx)
	}
	return v.close(ctx, err)
}

// close counts what came of a visit. An error is one of our own; those of peers have
// been counted.
func (v *visit) close(ctx context.Context, err error) (reason string) {
	if err == nil {
		err = v.unread
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		for t := range v.asked {
			v.failed[t] = struct{}{}
		}
		v.troubled(nil, err)
		level := slog.LevelError
		if reason := reasonOf(err); reason == string(ssync.ReasonStopping) || reason == string(ssync.ReasonLockTimeout) {
			level = slog.LevelInfo
		}
		v.log.Log(ctx, level, "partition not replicated", "kind", v.job.kind(), "reason", reasonOf(err), "error", err)
	}
	for t := range v.failed {
		v.counts.fail(t)
		v.job.failed = append(v.job.failed, t)
	}
	v.job.good = len(v.asked) - len(v.failed)
	v.counts.edit(func(c *Counts) { c.Success += v.job.good })
	switch {
	case err != nil:
		return reasonOf(err)
	case len(v.failed) > 0:
		return "peers"
	}
	return string(ssync.ReasonOK)
}

// blame logs and counts what a peer failed at. One that is on hold has been logged
// when it was put there.
func (v *visit) blame(node *ring.Device, err error) {
	v.failed[target(node)] = struct{}{}
	v.troubled(node, err)
	reason := reasonOf(err)
	v.cfg.Stats.Failed(v.job.device, v.job.policy.Index, node.ReplicationAddress(), reason)
	level := slog.LevelWarn
	var held *heldError
	if errors.As(err, &held) {
		level = slog.LevelDebug
		v.job.again = v.job.again || held.busy
	} else {
		v.job.again = v.job.again || classify(err).busy
	}
	v.log.Log(context.Background(), level, "peer failed", "kind", v.job.kind(), "peer", peerName(node), "reason", reason, "error", err)
}

// step tells that the visit gets on.
func (v *visit) step() { v.steps.Add(1) }

// push sends some suffixes to a peer, in as many sessions as it takes; each is
// called with the result of every one.
func (v *visit) push(ctx context.Context, node *ring.Device, suffixes []proto.Suffix, each func(*ssync.Result)) error {
	job := v.session(node)
	job.Suffixes = suffixes
	for len(job.Suffixes) > 0 {
		v.left(len(job.Suffixes))
		n, err := v.pushSession(ctx, node, &job, each)
		if err != nil {
			return err
		}
		job.Suffixes = job.Suffixes[n:]
	}
	return nil
}

func (v *visit) session(node *ring.Device) ssync.Job {
	return ssync.Job{To: node.ReplicationAddress(), Device: node.Name, Partition: v.partition, Progress: v.job.progress}
}

// pushSession has one session with a peer, and tells how many suffixes it got to.
// That something could not be read here is no error of the peer's: the session went
// well, and what was not offered is not proven.
func (v *visit) pushSession(ctx context.Context, node *ring.Device, job *ssync.Job, each func(*ssync.Result)) (suffixes int, err error) {
	end := v.talks(node)
	result, suffixes := v.sender.PushSession(ctx, job)
	end()
	v.step()
	v.cfg.Stats.Session(v.job.device, v.job.policy.Index, node.ReplicationAddress(), reasonOf(result.Err), result)
	if each != nil {
		each(result)
	}
	var unread *store.UnreadableError
	switch {
	case errors.As(result.Err, &unread):
		v.unread = unread
	case result.Err != nil:
		return suffixes, result.Err
	}
	if result.Failed+result.NotSent > 0 {
		v.log.Info("some objects had changed or gone when their turn came", "peer", peerName(node), "not sent", result.NotSent, "failed", result.Failed)
	}
	if suffixes == 0 && len(job.Suffixes) > 0 {
		return 0, fmt.Errorf("%s: a session that got to no suffix", peerName(node))
	}
	return suffixes, nil
}
