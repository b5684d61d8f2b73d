package replicator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
)

// job is one partition on one of our devices.
type job struct {
	device    string
	policy    hashes.Policy
	partition uint32

	ring    *ring.Ring
	local   *ring.Device   // our device in the ring
	nodes   []*ring.Device // the primaries, without this device, in the ring's order
	handoff bool           // this device is none of them

	// What came of the last try in a pass.
	progress *ssync.Progress
	tried    bool
	again    bool // a peer was busy: it may be tried once more
	left     bool // a handoff that is still there
	failed   []targetName
	good     int         // peers that did not fail
	trouble  *Trouble    // why it failed; nil: it did not
	behind   atomic.Bool // it was given up, and has not ended
}

// key names a job over several passes.
type key struct {
	device    string
	policy    int
	partition uint32
}

func (j *job) key() key { return key{j.device, j.policy.Index, j.partition} }

// kind is the job's word for log lines and metrics.
func (j *job) kind() string {
	if j.handoff {
		return "revert"
	}
	return "update"
}

// ours is a device of this node and the policies whose rings have it.
type ours struct {
	name   string
	places []place
}

type place struct {
	policy hashes.Policy
	ring   *ring.Ring
	local  *ring.Device
}

// readRings looks at each policy's ring, and finds our devices there. Source:
// replicator.py, collect_jobs.
func (p *pass) readRings(ctx context.Context) (devices []*ours) {
	for _, policy := range p.cfg.Store.Cluster().Policies {
		if policy.Kind != hashes.Replication || !in(p.cfg.Only.Policies, policy.Index) {
			continue
		}
		log := p.cfg.Log.With("policy", policy.Index, "name", policy.Name)
		state, _ := p.cfg.Rings.State(policy.Index)
		from := state.Ring
		var splitting *rings.PartPowerError
		switch err := state.Refusal(); {
		case errors.As(err, &splitting): // in Swift's words, for who looks for them
			log.Warn(fmt.Sprintf("next_part_power set in policy '%s'. Skipping", policy.Name), "reason", "ring", "error", err)
			p.holdsUp(policy, err)
			continue
		case err != nil:
			log.Error("this policy waits", "reason", "ring", "error", err)
			p.holdsUp(policy, err)
			continue
		}
		p.rings[policy.Index] = from
		local := p.localDevices(ctx, from)
		if len(local) == 0 {
			log.Error("Can't find itself in the ring, not replicating", "reason", "ring", "ips", fmt.Sprint(p.cfg.IPs), "port", p.cfg.Port)
			p.holdsUp(policy, errNotInRing)
		}
		for _, d := range local {
			if in(p.cfg.Only.Devices, d.Name) {
				devices = addPlace(devices, d.Name, place{policy, from, d})
			}
		}
	}
	return devices
}

func addPlace(devices []*ours, name string, at place) []*ours {
	for _, d := range devices {
		if d.name == name {
			d.places = append(d.places, at)
			return devices
		}
	}
	return append(devices, &ours{name, []place{at}})
}

// collect lists the jobs of all devices, which are read side by side: a disk that
// does not answer keeps nobody waiting for longer than collectGrace. Source:
// replicator.py, build_replication_jobs.
func (p *pass) collect(ctx context.Context) (jobs []*job) {
	devices := p.readRings(ctx)
	type found struct {
		device *ours
		jobs   []*job
		err    error
	}
	results := make(chan found, len(devices)) // who comes late finds room and ends
	waiting := map[string]bool{}
	for _, d := range devices {
		if p.behind.has(d.name) {
			p.lost(d, errHangs)
			continue
		}
		waiting[d.name] = true
		f := found{device: d}
		p.behind.spawn(d.name, func() { f.jobs, f.err = p.jobsOf(d) }, func() { results <- f })
	}
	patience := p.after(collectGrace)
	for len(waiting) > 0 {
		select {
		case f := <-results:
			delete(waiting, f.device.name)
			if f.err != nil {
				p.lost(f.device, f.err)
				continue
			}
			p.devices = append(p.devices, f.device.name)
			jobs = append(jobs, f.jobs...)
		case <-patience:
			for _, d := range devices {
				if waiting[d.name] {
					p.lost(d, errHangs)
				}
			}
			return jobs
		case <-ctx.Done():
			return nil
		}
	}
	return jobs
}

var (
	errHangs = errors.New("the disk does not answer")
	errStale = errors.New("away for longer than reclaim_age")
)

// lost counts a device that can't be gone over: in Swift's figures each device of
// the ring has failed with it.
func (p *pass) lost(d *ours, err error) {
	reason := reasonOf(err)
	p.board.lost(d.name, err)
	p.cfg.Log.Warn("device left out of this pass", "device", d.name, "reason", reason, "error", err)
	for _, at := range d.places {
		p.cfg.Stats.LeftOut(d.name, at.policy.Index, reason)
		for _, other := range at.ring.Devices() {
			p.counts.fail(target(other))
		}
	}
}

// jobsOf lists a device's jobs, if it is mounted, sound and not stale.
func (p *pass) jobsOf(d *ours) (jobs []*job, err error) {
	device, err := p.cfg.Store.Device(d.name)
	if err != nil {
		return nil, err
	}
	defer device.Close()
	if err := p.state.fresh(d.name); err != nil {
		return nil, err
	}
	for _, at := range d.places {
		p.tidy(device, at)
		numbers, err := p.partitions(device, at)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			if j := p.jobFor(at, n); j != nil {
				jobs = append(jobs, j)
			}
		}
	}
	return jobs, nil
}

// jobFor makes the job of a partition; nil where there is nothing to do. One that
// no primary has must not be taken for "all primaries have it": Swift removes such
// a partition, we leave it alone and say so.
func (p *pass) jobFor(at place, partition uint32) *job {
	if !in(p.cfg.Only.Partitions, partition) {
		return nil
	}
	j := &job{device: at.local.Name, policy: at.policy, partition: partition, ring: at.ring, local: at.local, progress: new(ssync.Progress)}
	primaries := at.ring.Primaries(partition)
	if len(primaries) == 0 {
		p.leaveAlone(j)
		return nil
	}
	j.handoff = true
	for _, n := range primaries {
		switch {
		case sameDevice(n, at.local):
			j.handoff = false
		case !slices.ContainsFunc(j.nodes, func(o *ring.Device) bool { return sameDevice(n, o) }):
			j.nodes = append(j.nodes, n)
		}
	}
	if !j.handoff && p.cfg.HandoffsOnly {
		return nil
	}
	return j
}

// sameDevice tells one device, also where a ring lists it twice: it must never be
// taken for another node's, nor for two copies.
func sameDevice(a, b *ring.Device) bool {
	return a.ID == b.ID || a.Name == b.Name && a.ReplicationAddress() == b.ReplicationAddress()
}

// leaveAlone says that a partition is in no ring.
func (p *pass) leaveAlone(j *job) {
	p.cfg.Stats.LeftAlone(j.device, j.policy.Index)
	if p.once(fmt.Sprintf("alone %v", j.key())) {
		p.cfg.Log.Error("a partition that the ring does not have is left alone: is it another cluster's ring?",
			"device", j.device, "policy", j.policy.Index, "partition", j.partition, "partitions", j.ring.Partitions(), "reason", "ring")
	}
}

// maxWarned bounds the warnings of a pass.
const maxWarned = 1000

// once tells whether something is said for the first time in this pass.
func (r *Replicator) once(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.warned[what] || len(r.warned) >= maxWarned {
		return false
	}
	r.warned[what] = true
	return true
}

func (r *Replicator) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warned = map[string]bool{}
}

// order shuffles jobs, so that the nodes of a cluster do not all ask the same one
// at once. What a pass that was cut short had done comes last, and handoffs first
// where that is asked for.
func (p *pass) order(jobs []*job) {
	p.cfg.shuffle(len(jobs), func(i, k int) { jobs[i], jobs[k] = jobs[k], jobs[i] })
	rank := func(j *job) (n int) {
		if _, done := p.before[j.key()]; done {
			n++
		}
		if p.cfg.HandoffsFirst && !j.handoff {
			n += 2
		}
		return n
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return rank(a) - rank(b) })
}

// reasonOf is the word for an error, for log lines and metrics.
func reasonOf(err error) string {
	var held *heldError
	var status *statusError
	switch {
	case err == nil:
		return string(ssync.ReasonOK)
	case errors.As(err, &held):
		return held.Reason
	case errors.Is(err, errHangs):
		return "hangs"
	case errors.Is(err, errStale):
		return "stale"
	case errors.Is(err, store.ErrUnmounted), errors.As(err, &status) && status.Status == 507:
		return string(ssync.ReasonUnmounted)
	}
	if how := classify(err); how.reason != "" {
		return how.reason
	}
	return string(ssync.ReasonOf(err, ssync.ReasonOther))
}
