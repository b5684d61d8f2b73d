package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/measure"
	"github.com/ringsync/ringsync/bench/medium"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/report"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

const device = "d1"

// settleTime lets what a receiver holds become old enough that no receiver of ours
// fsyncs it again before it says that it has it; it is the store's own two minutes.
const settleTime = 2*time.Minute + 5*time.Second

// harness holds what all runs share.
type harness struct {
	cfg     Config
	kit     *contestant.Kit
	who     map[string]contestant.Contestant
	report  *report.Report
	cluster *hashes.Cluster
	conf    string // the directory of swift.conf
	scratch string // of configurations and states, not on a medium
	state   string // what replicators of ours remember from run to run
	volume  *medium.Volume
	disks   map[string]*disks // of the sets that a receiver holds beforehand
	calls   bool
	clock   progress

	failures []error // of cells, whose rows are missing; the rest went on
}

// Run measures what is picked, and removes what it made. With an error there may
// still be a report, of what was measured until then; it says that it failed.
func Run(ctx context.Context, cfg Config) (*report.Report, error) {
	begun := time.Now()
	h, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sets, err := plan(cfg.Picks, proto.TimestampOf(begun.Add(-24*time.Hour)))
	if err != nil {
		return nil, err
	}
	err = errors.Join(h.run(ctx, sets), errors.Join(h.failures...))
	for _, row := range h.report.Rows {
		row.Sum()
	}
	h.report.Machine.LoadAfter = report.Load()
	h.report.Machine.Seconds = time.Since(begun).Seconds()
	if err == nil && len(h.report.Rows) == 0 {
		err = errors.New("nothing could be measured")
	}
	if err != nil {
		h.report.Failure = err.Error()
		h.missing(sets)
	}
	return h.report, err
}

// missing names the comparisons that a run which failed has no rows of.
func (h *harness) missing(sets []*set) {
	for _, s := range sets {
		for _, c := range s.cells {
			head := h.head(s, c)
			same := func(other report.Cell) bool { other.CacheHow = ""; return other == head }
			if !slices.ContainsFunc(h.report.Failed, same) && !slices.ContainsFunc(h.report.Rows, func(r *report.Row) bool { return same(r.Cell) }) {
				h.report.Failed = append(h.report.Failed, head)
			}
		}
	}
}

func (h *harness) run(ctx context.Context, sets []*set) (err error) {
	if h.scratch, err = os.MkdirTemp("", "ringsync-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(h.scratch)) }()
	h.conf, h.state = filepath.Join(h.scratch, "swift"), filepath.Join(h.scratch, "state")
	if err := errors.Join(os.Mkdir(h.conf, 0o755), os.Mkdir(h.state, 0o755), peer.WriteSwiftConf(h.conf), h.readCluster()); err != nil {
		return err
	}
	if h.cfg.Calls {
		why := measure.CanCount(ctx, h.scratch)
		if h.calls = why == nil; why != nil {
			h.leaveOut("system calls and fsyncs", why)
		}
	}
	if err := h.enlist(ctx, sets); err != nil {
		return err
	}
	h.clock = h.newProgress(sets)
	for len(sets) > 0 {
		n := 1
		for n < len(sets) && sets[n].volume() == sets[0].volume() {
			n++
		}
		if err := h.onMedium(ctx, sets[:n]); err != nil {
			return err
		}
		sets = sets[n:]
	}
	return nil
}

func (h *harness) readCluster() error {
	text, err := os.ReadFile(filepath.Join(h.conf, "swift.conf"))
	if err != nil {
		return err
	}
	h.cluster, err = hashes.ParseSwiftConf(text)
	return err
}

// onMedium measures the sets of one medium. Those whose data has to grow old are
// filled first and measured last; of these, those that change it come last of all.
func (h *harness) onMedium(ctx context.Context, sets []*set) (err error) {
	m := sets[0].medium
	h.volume, err = m.Open(ctx, volumeBytes(sets))
	if unavailable, ok := errors.AsType[*medium.UnavailableError](err); ok {
		h.leaveOut(unavailable.What, unavailable.Why)
		h.clock.runs -= h.countRuns(sets)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.volume.Close()) }()
	h.report.Machine.Media[m.String()] = h.volume.About
	h.disks = map[string]*disks{}

	order := slices.Clone(sets)
	slices.SortStableFunc(order, func(a, b *set) int { return int(a.Target) - int(b.Target) })
	for _, s := range order {
		if s.Target != workload.Empty {
			if err := h.fillBoth(ctx, s); err != nil {
				return fmt.Errorf("workload %s: %w", s.Name, err)
			}
		}
	}
	for _, s := range order {
		if err := h.measureSet(ctx, s); err != nil {
			return fmt.Errorf("workload %s on %s: %w", s.Name, m, err)
		}
	}
	return nil
}

func (h *harness) measureSet(ctx context.Context, s *set) error {
	if s.Target == workload.Empty {
		if err := h.fillSource(ctx, s); err != nil {
			return err
		}
		defer os.RemoveAll(s.source)
		defer os.RemoveAll(s.stored)
		defer os.RemoveAll(s.leaving)
		defer os.RemoveAll(s.target)
	}
	if settles(s.Set) {
		if s.cells[0].cache == medium.Warm {
			if err := h.heat(s); err != nil { // while it grows old
				return err
			}
		}
		if err := h.settle(ctx, s); err != nil {
			return err
		}
	}
	for _, c := range s.cells {
		err := h.measureCell(ctx, s, c)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			h.failed(s, c, err)
		}
	}
	return nil
}

// heat reads the senders' disks, unless that has been done.
func (h *harness) heat(s *set) error {
	if s.heated {
		return nil
	}
	err := medium.Heat(s.source)
	if err == nil && s.stored != "" {
		err = medium.Heat(s.stored)
	}
	s.heated = err == nil
	return err
}

// failed leaves a cell out: the run as a whole has failed, but the other cells need
// not be measured again.
func (h *harness) failed(s *set, c *cell, err error) {
	err = fmt.Errorf("workload %s on %s: %w", s.Name, s.medium, err)
	h.say("FAILED: %v", err)
	h.failures = append(h.failures, err)
	h.report.Failed = append(h.report.Failed, h.head(s, c))
}

// measureCell lets the contestants take turns.
func (h *harness) measureCell(ctx context.Context, s *set, c *cell) error {
	if c.cache == medium.Warm {
		if err := h.heat(s); err != nil {
			return err
		}
	} else {
		s.heated = false
	}
	rows := h.rows(s, c)
	for n := range c.runs {
		for _, row := range rows {
			f, err := h.once(ctx, s, c, row, false)
			if err != nil {
				return fmt.Errorf("%s, run %d: %w", row.Contestant, n+1, err)
			}
			f.note(row)
			h.clock.done(s, c, row, f.sent.Seconds)
		}
		if err := h.verifyRound(ctx, s); err != nil {
			return fmt.Errorf("round %d: %w", n+1, err)
		}
	}
	if h.calls && c.counted {
		for _, row := range rows {
			f, err := h.once(ctx, s, c, row, true)
			if why, ok := errors.AsType[*uncountedError](err); ok && ctx.Err() == nil {
				h.leaveOut(fmt.Sprintf("calls of %s, workload %s", row.Contestant, s.Name), why)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s, counted: %w", row.Contestant, err)
			}
			f.calls.note(row)
			h.clock.done(s, c, row, 0)
		}
	}
	h.report.Rows = append(h.report.Rows, rows...)
	return nil
}

// head is what a cell's rows have in common.
func (h *harness) head(s *set, c *cell) report.Cell {
	head := report.Cell{
		Workload: s.Name, About: s.About, Scale: s.scale, Objects: s.Spec.Objects, Bytes: s.Spec.Bytes(), Largest: int64(s.Spec.Largest()),
		Unit: s.Unit, Medium: s.medium.String(), Cache: string(c.cache), Sessions: c.sessions, Partitions: 1 << s.partPower, Young: s.young,
	}
	head.Moved, head.MovedBytes = s.Moved()
	return head
}

// rows makes a row for each contestant that is here and can do this.
func (h *harness) rows(s *set, c *cell) []*report.Row {
	head := h.head(s, c)
	var rows []*report.Row
	for _, name := range c.contestants {
		who, here := h.who[name]
		if !here || s.Pass && !who.Passes() || who.Floor && (s.Target != workload.Empty || c.sessions > 1) || who.Stored && !s.canStore() {
			continue
		}
		rows = append(rows, &report.Row{Cell: head, Contestant: name, Floor: who.Floor, Stored: who.Stored,
			Digest: who.Promise.Digest, Durable: who.Promise.Durable, Command: h.command(s, c, name)})
	}
	return rows
}
