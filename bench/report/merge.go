package report

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Merge makes one report of several, all of the same machine and the same build. A
// comparison that more than one of them has is the last one's, as a whole: those who
// took turns stay together. So a part of a suite that was disturbed can be measured
// again alone.
//
// A report that failed may be among them, if others have the comparisons that it
// lacks.
func Merge(reports ...*Report) (*Report, error) {
	if len(reports) == 0 {
		return nil, errors.New("no reports to merge")
	}
	if len(reports) == 1 {
		return reports[0], nil
	}
	first := reports[0]
	m := &Report{Schema: Schema, Suite: first.Suite, Command: first.Command, Machine: first.Machine}
	m.Machine.Seconds, m.Machine.Media = 0, map[string]string{}
	for i, r := range reports {
		if why := unlike(first.Machine, r.Machine); why != "" {
			return nil, fmt.Errorf("report %d is not to be merged with the first: %s", i+1, why)
		}
		if err := m.add(r); err != nil {
			return nil, fmt.Errorf("report %d: %w", i+1, err)
		}
	}
	if len(m.Failed) == 0 {
		m.Failure = ""
	}
	return m, nil
}

// Forgo lets a report count in which comparisons failed: they are named among what is
// left out, and the rest stands. One that ended early is not mended so.
func (r *Report) Forgo() {
	if len(r.Failed) == 0 {
		return
	}
	for _, c := range r.Failed {
		r.LeftOut = append(r.LeftOut, LeftOut{What: c.short(), Why: "it failed: " + strings.Join(strings.Fields(r.Failure), " ")})
	}
	r.Failure, r.Failed = "", nil
}

// add takes in a report, whose comparisons replace those that are there.
func (m *Report) add(r *Report) error {
	if r.Failure != "" && len(r.Failed) == 0 {
		return fmt.Errorf("it ended early: %.200s", r.Failure)
	}
	if m.Failure == "" {
		m.Failure = r.Failure
	}
	base := len(m.Parts)
	if len(r.Parts) > 0 {
		m.Parts = append(m.Parts, r.Parts...)
	} else {
		m.Parts = append(m.Parts, Part{r.Suite, r.Command, r.Machine})
	}
	anew := map[string]bool{}
	for _, row := range r.Rows {
		anew[row.Cell.key()] = true
	}
	m.Rows = slices.DeleteFunc(m.Rows, func(row *Row) bool { return anew[row.Cell.key()] })
	for _, row := range r.Rows {
		moved := *row
		moved.Part += base
		m.Rows = append(m.Rows, &moved)
	}
	m.Failed = slices.DeleteFunc(append(m.Failed, r.Failed...), func(c Cell) bool { return anew[c.key()] })
	m.LeftOut = append(m.LeftOut, r.LeftOut...)
	slices.SortStableFunc(m.LeftOut, func(a, b LeftOut) int { return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why)) })
	m.LeftOut = slices.Compact(m.LeftOut)
	m.Machine.Seconds += r.Machine.Seconds
	maps.Copy(m.Machine.Media, r.Machine.Media)
	m.Machine.LoadAfter = r.Machine.LoadAfter
	return nil
}

// unlike tells what forbids to hold figures of two machines against each other;
// "": nothing.
func unlike(a, b Machine) string {
	for _, f := range []struct{ what, a, b string }{
		{"processor", a.Processor, b.Processor},
		{"cores", fmt.Sprint(a.Cores), fmt.Sprint(b.Cores)},
		{"memory", bytesText(a.MemoryBytes), bytesText(b.MemoryBytes)},
		{"kernel", a.Kernel, b.Kernel},
		{"build", a.Build, b.Build},
		{"engine", a.Engine, b.Engine},
		{"versions", pairs(a.Versions), pairs(b.Versions)},
		{"congestion control", pairs(a.Congestion), pairs(b.Congestion)},
		{"network", a.Network, b.Network},
	} {
		if f.a != f.b {
			return fmt.Sprintf("its %s is %q, and not %q", f.what, f.b, f.a)
		}
	}
	return ""
}
