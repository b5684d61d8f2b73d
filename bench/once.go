package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/measure"
	"github.com/ringsync/ringsync/bench/medium"
	"github.com/ringsync/ringsync/bench/report"
)

// figures are what one run took.
type figures struct {
	sent     contestant.Sent
	usage    measure.Usage
	flush    float64
	receives bool      // there is a receiver
	calls    *counters // of a run that is counted, else nil
}

// once lets a contestant do a cell's work, and verifies what came of it. Counted
// runs have their calls counted, and are not for their times.
func (h *harness) once(ctx context.Context, s *set, c *cell, row *report.Row, counted bool) (f *figures, err error) {
	if err := h.ready(ctx, s); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(h.scratch, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	who := h.who[row.Contestant]
	source := s.source
	switch {
	case who.Stored:
		source = s.stored
	case s.Leaves:
		source = s.leaving
	}
	job := &contestant.Job{Dir: dir, SwiftDir: h.conf, Cluster: h.cluster, Source: source, Target: s.target, Device: device,
		PartPower: s.partPower, Partitions: s.partitions, Sessions: c.sessions, Bytes: row.MovedBytes,
		Pass: s.Pass, Handoff: s.Leaves, StateDir: h.state}
	receiver, err := who.Receive(ctx, job)
	if err != nil {
		return nil, err
	}
	f = &figures{receives: len(receiver.PIDs) > 0}
	if counted {
		f.calls = &counters{}
	}
	err = h.work(ctx, s, c, row, &who, job, receiver, f)
	if err = errors.Join(err, receiver.Stop()); err != nil {
		return nil, err
	}
	if h.cfg.after != nil {
		if err := h.cfg.after(filepath.Join(s.target, device)); err != nil {
			return nil, err
		}
	}
	return f, h.verify(ctx, s, &who, f)
}

// work is the part of a run that is measured.
func (h *harness) work(ctx context.Context, s *set, c *cell, row *report.Row, who *contestant.Contestant, job *contestant.Job, receiver *contestant.Receiver, f *figures) (err error) {
	var meter *measure.Meter
	job.Begin = func(pid int) (err error) {
		if c.cache == medium.Cold {
			if row.CacheHow, err = h.volume.Cool(job.Source); err != nil {
				return err
			}
		}
		if f.calls != nil {
			if err := f.calls.begin(ctx, job.Dir, pid, receiver.PIDs); err != nil {
				return uncounted(err)
			}
		}
		meter, err = measure.NewMeter(receiver.PIDs...)
		return err
	}
	if f.calls != nil {
		job.Count = func(cmd *contestant.Command) error { return uncounted(f.calls.command(cmd, job.Dir)) }
	}
	f.sent, err = who.Send(ctx, job, receiver)
	if err == nil && meter == nil {
		err = errors.New("it never began")
	}
	if err == nil {
		f.usage, err = meter.Read()
	}
	if f.calls != nil {
		err = errors.Join(err, uncounted(f.calls.end()))
	}
	if err != nil {
		return err
	}
	start := time.Now()
	if err := h.volume.Sync(); err != nil {
		return fmt.Errorf("syncfs: %w", err)
	}
	f.flush = time.Since(start).Seconds()
	return nil
}

// note adds a run's figures to its row.
func (f *figures) note(row *report.Row) {
	row.Note(report.Seconds, f.sent.Seconds)
	row.Note(report.FlushSeconds, f.flush)
	if f.sent.Process > 0 {
		row.Note(report.ProcessSeconds, f.sent.Process)
	}
	row.Note(report.SenderUser, f.sent.CPU.User)
	row.Note(report.SenderSystem, f.sent.CPU.System)
	row.Note(report.SenderPeak, float64(f.sent.PeakBytes))
	row.Note(report.SenderSwitches, float64(f.sent.Switches))
	row.Note(report.MachineSeconds, f.usage.Machine.Total())
	if f.usage.KernelVisible {
		row.Note(report.KernelSeconds, f.usage.Kernel.Total())
	}
	if f.receives {
		row.Note(report.ReceiverUser, f.usage.Receiver.User)
		row.Note(report.ReceiverSystem, f.usage.Receiver.System)
		row.Note(report.ReceiverPeak, float64(f.usage.ReceiverPeak))
		row.Note(report.ReceiverSwitches, float64(f.usage.ReceiverSwitches))
		row.Note(report.WireBytes, float64(f.usage.WireBytes))
	}
}
