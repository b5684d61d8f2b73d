package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchmath"
)

// compareAlpha is how often two equal sets may be called different. There are
// hundreds of comparisons in a report, so that the usual 0.05 would cry wolf in
// each; five runs on both sides can tell at this level, four can't.
const compareAlpha = 0.01

const compareRuns = 5

// compared are the measures that are held against each other, as sums.
var compared = []struct {
	name     string
	measures []string
}{
	{"seconds", []string{Seconds}},
	{"CPU", []string{SenderUser, SenderSystem, ReceiverUser, ReceiverSystem}},
	{"CPU sender", []string{SenderUser, SenderSystem}},
	{"CPU receiver", []string{ReceiverUser, ReceiverSystem}},
	{"machine CPU", []string{MachineSeconds}},
	{"peak memory", []string{SenderPeak, ReceiverPeak}},
}

// Delta is one measure of one row in two reports.
type Delta struct {
	Cell       string
	Contestant string
	Measure    string
	Old, New   Spread
	N          [2]int  // runs
	P          float64 // of the Mann–Whitney U test
	Verdict    Verdict
	Why        string // where no verdict is possible: what is missing for one
}

// Verdict is what may be said of a difference. All measures are costs: less is
// better.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota // too few runs to tell
	Same                   // no difference that the spread would not explain
	Better
	Worse
)

func (v Verdict) String() string { return [...]string{"?", "~", "better", "WORSE"}[v] }

// Change is the new median against the old, as a share: -0.1 is a tenth less.
func (d Delta) Change() float64 {
	if d.Old.Median == 0 {
		return math.NaN()
	}
	return d.New.Median/d.Old.Median - 1
}

// Compare holds the rows of two reports against each other that have the same
// cell and contestant. Those that only one has are named.
func Compare(before, after *Report) (deltas []Delta, alone []string) {
	old := map[string]*Row{}
	for _, row := range before.Rows {
		old[row.key()] = row
	}
	for _, row := range after.Rows {
		was := old[row.key()]
		delete(old, row.key())
		if was == nil {
			alone = append(alone, "only new: "+row.label())
			continue
		}
		for _, c := range compared {
			if d, ok := compare(was, row, c.measures); ok {
				d.Cell, d.Contestant, d.Measure = row.Cell.short(), row.Contestant, c.name
				deltas = append(deltas, d)
			}
		}
	}
	for _, row := range before.Rows {
		if old[row.key()] != nil {
			alone = append(alone, "only old: "+row.label())
		}
	}
	return deltas, alone
}

func (r *Row) key() string   { return r.Cell.key() + " " + r.Contestant }
func (r *Row) label() string { return r.Cell.short() + " " + r.Contestant }

// short is a cell in few words.
func (c Cell) short() string {
	return fmt.Sprintf("%s×%d %s %s %ds %dp", c.Workload, c.Objects, c.medium(), c.Cache, c.Sessions, c.Partitions)
}

func compare(was, is *Row, measures []string) (d Delta, ok bool) {
	a, okA := was.sums(measures)
	b, okB := is.sums(measures)
	if !okA || !okB {
		return d, false
	}
	d = Delta{Old: spreadOf(a), New: spreadOf(b), N: [2]int{len(a), len(b)}}
	thresholds := benchmath.DefaultThresholds
	thresholds.CompareAlpha = compareAlpha
	c := benchmath.AssumeNothing.Compare(benchmath.NewSample(a, &thresholds), benchmath.NewSample(b, &thresholds))
	d.P = c.P
	switch {
	case d.Old == d.New && d.Old.Min == d.Old.Max && min(len(a), len(b)) >= compareRuns:
		d.Verdict = Same // all of them equal, which no test of ranks can say
	case len(c.Warnings) > 0:
		d.Why = c.Warnings[0].Error()
	case c.P > c.Alpha:
		d.Verdict = Same
	case d.New.Median < d.Old.Median:
		d.Verdict = Better
	default:
		d.Verdict = Worse
	}
	return d, true
}

// sums adds up measures, run by run. False: one of them could not be had.
func (r *Row) sums(measures []string) ([]float64, bool) {
	total := make([]float64, r.Runs())
	for _, m := range measures {
		values := r.Samples[m]
		if m == ReceiverUser || m == ReceiverSystem || m == ReceiverPeak {
			if len(values) == 0 && r.Floor {
				continue // there is no receiver
			}
		}
		if len(values) != len(total) {
			return nil, false
		}
		for i, v := range values {
			total[i] += v
		}
	}
	return total, len(total) > 0
}

// PrintDeltas writes a comparison as a table.
func PrintDeltas(w io.Writer, deltas []Delta, alone []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	cell := ""
	for _, d := range deltas {
		if head := d.Cell + "  " + d.Contestant; head != cell {
			cell = head
			fmt.Fprintf(t, "%s\told\tnew\tchange\tp\t\n", head)
		}
		note := d.Verdict.String()
		if d.Why != "" {
			note += " " + d.Why
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%+.1f %%\t%.3f n=%d+%d\t%s\n", d.Measure, withSpread(d.Measure, d.Old), withSpread(d.Measure, d.New), 100*d.Change(), d.P, d.N[0], d.N[1], note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, summary(deltas, alone))
	return err
}

func withSpread(measure string, s Spread) string {
	if strings.HasSuffix(measure, "memory") {
		return fmt.Sprintf("%.1f MiB (%.1f–%.1f)", s.Median/(1<<20), s.Min/(1<<20), s.Max/(1<<20))
	}
	return fmt.Sprintf("%s s (%s–%s)", seconds(s.Median), seconds(s.Min), seconds(s.Max))
}

func summary(deltas []Delta, alone []string) string {
	var b strings.Builder
	count := map[Verdict]int{}
	for _, d := range deltas {
		count[d.Verdict]++
	}
	fmt.Fprintf(&b, "\n%d compared: %d worse, %d better, %d the same within their spread, %d that can't be told (alpha %v)\n",
		len(deltas), count[Worse], count[Better], count[Same], count[Unknown], compareAlpha)
	for _, line := range alone {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}
