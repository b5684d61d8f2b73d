package bench

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/measure"
	"github.com/ringsync/ringsync/bench/report"
)

// uncountedError says why the calls of a run could not be counted. Nothing is wrong
// with the run, of which nothing else is told.
type uncountedError struct{ why error }

func (e *uncountedError) Error() string { return "counting calls: " + e.why.Error() }

func (e *uncountedError) Unwrap() error { return e.why }

func uncounted(err error) error {
	if err == nil {
		return nil
	}
	return &uncountedError{err}
}

// counters are those of a run whose calls are counted.
type counters struct {
	senders  []*measure.Calls
	receiver *measure.Calls
	sent     measure.Counts
	received measure.Counts
}

// begin counts the receiver, and a sender that is there already.
func (c *counters) begin(ctx context.Context, dir string, sender int, receivers []int) (err error) {
	if len(receivers) > 0 {
		if c.receiver, err = measure.CountProcesses(ctx, filepath.Join(dir, "perf.receiver"), receivers...); err != nil {
			return err
		}
	}
	if sender == 0 {
		return nil
	}
	calls, err := measure.CountProcesses(ctx, filepath.Join(dir, "perf.sender"), sender)
	if err == nil {
		c.senders = append(c.senders, calls)
	}
	return err
}

// command counts a sender that has not started.
func (c *counters) command(cmd *contestant.Command, dir string) error {
	calls, err := measure.CountCommand(cmd.Cmd, filepath.Join(dir, "perf.sender-"+string(rune('a'+len(c.senders)))))
	if err == nil {
		c.senders = append(c.senders, calls)
	}
	return err
}

// end reads all counts.
func (c *counters) end() error {
	var errs []error
	for _, calls := range c.senders {
		n, err := calls.Counts()
		errs = append(errs, err)
		c.sent = measure.Counts{Calls: c.sent.Calls + n.Calls, Fsyncs: c.sent.Fsyncs + n.Fsyncs, Rings: c.sent.Rings + n.Rings}
	}
	if c.receiver != nil {
		var err error
		c.received, err = c.receiver.Counts()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *counters) note(row *report.Row) {
	row.Note(report.SenderCalls, float64(c.sent.Calls))
	row.Note(report.SenderFsyncs, float64(c.sent.Fsyncs))
	if c.sent.Rings >= 0 {
		row.Note(report.SenderRings, float64(c.sent.Rings))
	}
	if c.receiver != nil && c.received.Rings >= 0 {
		row.Note(report.ReceiverRings, float64(c.received.Rings))
	}
	if c.receiver != nil {
		row.Note(report.ReceiverCalls, float64(c.received.Calls))
		row.Note(report.ReceiverFsyncs, float64(c.received.Fsyncs))
	}
}
