package replicator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringsync/ringsync/dataplane/recon"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes/ring"
)

// pass is one round over our partitions.
type pass struct {
	*Replicator
	began   time.Time
	cycle   int
	counts  *counters
	rings   map[int]*ring.Ring // by policy, as they were at the beginning
	before  map[key]struct{}   // what a pass that was cut short had done
	devices []string           // that are gone over

	done       map[key]struct{}
	reached    map[string]reach
	unfinished map[string]bool  // devices of which something was not done
	waiting    map[int]*Trouble // policies that are left out, and why
	changed    bool             // a ring was read anew meanwhile
}

// Report is what came of a pass.
type Report struct {
	Counts
	Seconds     float64  `json:"seconds"`
	RingChanged bool     `json:"ring_changed"` // it ended early for that
	Cut         bool     `json:"cut"`          // it was stopped
	Devices     []string `json:"devices"`      // that were gone over
}

// Progress tells how far the pass in hand is.
func (r *Replicator) Progress() Counts { return r.now.snapshot() }

// Once makes one pass. When a ring changes meanwhile it begins anew with what is
// left, as often as that happens. Source: replicator.py, run_once.
func (r *Replicator) Once(ctx context.Context) (Report, error) {
	r.cfg.Log.Info("Running object replicator in script mode.")
	report := r.whole(ctx)
	r.cfg.Log.Info(fmt.Sprintf("Object replication complete (once). (%.02f minutes)", report.Seconds/60))
	return report, context.Cause(ctx)
}

// Run makes passes until ctx ends. Source: replicator.py, run_forever.
func (r *Replicator) Run(ctx context.Context) error {
	r.cfg.Log.Info("Starting object replicator in daemon mode.")
	for {
		r.cfg.Log.Info("Starting object replication pass.")
		report := r.whole(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.cfg.Log.Info(fmt.Sprintf("Object replication complete. (%.02f minutes)", report.Seconds/60))
		r.board.idles(r.cfg.Interval)
		if !r.cfg.Idle(ctx, r.cfg.Interval) {
			return context.Cause(ctx)
		}
	}
}

// whole makes a pass, and another one as long as rings change.
func (r *Replicator) whole(ctx context.Context) Report {
	for {
		report := r.pass(ctx)
		if !report.RingChanged || ctx.Err() != nil {
			return report
		}
	}
}

func (r *Replicator) pass(ctx context.Context) Report {
	p := r.begin()
	stop := p.heartbeat()
	defer p.board.samples()()
	jobs := p.collect(ctx)
	p.board.plans(jobs)
	p.remember(jobs)
	p.order(jobs)
	p.counts.edit(func(c *Counts) { c.Jobs = len(jobs) })
	p.goOver(ctx, jobs)
	p.asker.hangUp()
	stop()
	return p.end(ctx, jobs)
}

func (r *Replicator) begin() *pass {
	r.cycle = (r.cycle + 1) % cycles
	r.forget()
	p := &pass{
		Replicator: r, began: r.cfg.Now(), cycle: r.cycle, counts: &r.now, rings: map[int]*ring.Ring{},
		before: map[key]struct{}{}, done: map[key]struct{}{}, reached: map[string]reach{}, unfinished: map[string]bool{}, waiting: map[int]*Trouble{},
	}
	r.now.reset(p.began)
	r.board.begins()
	return p
}

// remember finds out what a pass had done that was cut short, by a ring's change or
// by the end of the process: that comes last now.
func (p *pass) remember(jobs []*job) {
	maps.Copy(p.before, p.unstable)
	p.unstable = nil
	seen := map[string]bool{}
	for _, j := range jobs {
		if !seen[j.device] {
			seen[j.device] = true
			for _, k := range p.state.done(j.device) {
				p.before[k] = struct{}{}
			}
		}
	}
}

// busyRounds is how often those jobs are tried again in a pass that met a busy
// peer.
const busyRounds = 2

// goOver does the jobs; with handoffs_first the handoffs before all others, and the
// others only when no handoff is left. Source: replicator.py, replicate.
func (p *pass) goOver(ctx context.Context, jobs []*job) {
	if !p.cfg.HandoffsFirst {
		p.rounds(ctx, jobs)
		return
	}
	first := slices.IndexFunc(jobs, func(j *job) bool { return !j.handoff })
	if first < 0 {
		first = len(jobs)
	}
	p.rounds(ctx, jobs[:first])
	if left := p.counts.snapshot().Handoffs; left > 0 && first < len(jobs) {
		p.cfg.Log.Warn("Handoffs first mode still has handoffs remaining.  Aborting current replication pass.", "handoffs", left)
		p.board.waitsFor(Wait{Reason: WaitHandoffsFirst, Partitions: len(jobs) - first})
		return
	}
	p.rounds(ctx, jobs[first:])
}

// rounds does jobs, and those again that met a busy peer, when he may be free.
func (p *pass) rounds(ctx context.Context, jobs []*job) {
	again := p.work(ctx, jobs)
	for range busyRounds {
		if len(again) == 0 || p.changed || ctx.Err() != nil {
			return
		}
		wait := p.cfg.jitter(max(p.peers.wait(), time.Second))
		p.cfg.Log.Info("peers were busy, asking again", "partitions", len(again), "wait", wait.Round(time.Millisecond).String(), "reason", "busy")
		over := p.board.asksAgain(wait)
		if !p.cfg.Again(ctx, wait) {
			return
		}
		over()
		again = p.work(ctx, p.anew(again))
	}
}

// anew prepares jobs for another try.
func (p *pass) anew(jobs []*job) []*job {
	for _, j := range jobs {
		p.counts.takeBack(j)
		j.progress, j.again, j.left, j.failed, j.good = new(ssync.Progress), false, false, nil, 0
	}
	p.board.anew(jobs)
	return jobs
}

// finished notes a job that has been done, whatever came of it.
func (p *pass) finished(j *job) {
	p.done[j.key()] = struct{}{}
	p.board.finished(j)
	r := p.reached[j.device]
	r.good, r.bad = r.good+j.good, r.bad+len(j.failed)
	p.reached[j.device] = r
}

// reach is how many peers of a device's jobs did not fail, and did.
type reach struct{ good, bad int }

// ringChanged tells whether a policy's ring is another one than at the beginning.
// Where to and whether to remove would be decided by an old one then. Source:
// replicator.py, check_ring.
func (p *pass) ringChanged() bool {
	if p.changed {
		return true
	}
	for policy, from := range p.rings {
		if now, _ := p.cfg.Rings.State(policy); now.Ring != nil && now.Ring != from {
			p.cfg.Log.Info("Ring change detected. Aborting current replication pass.", "policy", policy, "reason", "ring")
			p.changed = true
		}
	}
	return p.changed
}

// heartbeat tells from time to time how far the pass is.
func (p *pass) heartbeat() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for pause(ctx, p.cfg.StatsInterval) {
			p.counts.tell(p.cfg.Log, p.cfg.Now())
		}
	}()
	return func() { cancel(); <-ended; p.counts.tell(p.cfg.Log, p.cfg.Now()) }
}

// end writes down what came of the pass.
func (p *pass) end(ctx context.Context, jobs []*job) Report {
	took := p.cfg.Now().Sub(p.began)
	report := Report{Counts: p.counts.snapshot(), Seconds: took.Seconds(), RingChanged: p.changed, Cut: ctx.Err() != nil, Devices: p.devices}
	p.settle(jobs, report)
	p.judge(jobs, report)
	if p.changed {
		maps.Copy(p.before, p.done)
		p.unstable = p.before
	}
	if report.RingChanged || report.Cut || p.cfg.DryRun || !p.cfg.Only.empty() || p.cfg.HandoffsOnly {
		return report
	}
	p.cfg.Stats.Passed(took)
	p.tellRecon(ctx, report)
	return report
}

// settle keeps, for each device, what was done of it. It was gone over as a whole if
// each of its jobs was done, whatever came of them, but not if all peers failed:
// then it was away, for them as for us.
func (p *pass) settle(jobs []*job, report Report) {
	if p.cfg.StateDir == "" || p.cfg.DryRun || !p.cfg.Only.empty() || p.cfg.HandoffsOnly {
		return
	}
	left := map[string]bool{}
	done := map[string][]key{}
	for _, j := range jobs {
		_, now := p.done[j.key()]
		_, before := p.before[j.key()]
		if now || before {
			done[j.device] = append(done[j.device], j.key())
		}
		if !now {
			left[j.device] = true
		}
	}
	for _, device := range p.devices {
		alone := p.reached[device].good == 0 && p.reached[device].bad > 0
		whole := !left[device] && !alone && !p.unfinished[device] && !report.RingChanged && !report.Cut
		if err := p.state.keep(device, whole, done[device]); err != nil && p.once("state "+device) {
			p.cfg.Log.Error("a device's last pass can't be remembered: it won't be told when it is stale", "device", device, "error", err)
		}
	}
}

// tellRecon writes the pass into the cache that swift-recon reads. Source:
// replicator.py, update_recon.
func (p *pass) tellRecon(ctx context.Context, report Report) {
	if p.cfg.ReconCache == "" {
		return
	}
	minutes, at := report.Seconds/60, float64(p.cfg.Now().UnixNano())/1e9
	err := recon.Update(ctx, p.cfg.ReconCache, map[string]any{
		"replication_stats": report.recon(), "replication_time": minutes, "replication_last": at,
		"object_replication_time": minutes, "object_replication_last": at,
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		p.cfg.Log.Warn("recon cache not written", "error", err)
	}
}

// after is a channel that is told once d is over.
func (p *pass) after(d time.Duration) <-chan time.Time { return time.After(d) }
