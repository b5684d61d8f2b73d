package report

import (
	"fmt"
	"slices"
	"strings"
)

// baseline is whom everybody is held against.
const baseline = "swift"

// Markdown is the report as tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	r.glance(&b)
	if b.Len() > 0 {
		fmt.Fprintln(&b)
	}
	r.tables(&b)
	return b.String()
}

// tables is all but what is told at a glance.
func (r *Report) tables(b *strings.Builder) {
	r.header(b)
	r.promises(b)
	for _, g := range r.groups() {
		fmt.Fprintf(b, "\n### %s\n\n", strings.ReplaceAll(g.title(), "**", ""))
		g.table(b)
		g.details(b)
		fmt.Fprintf(b, "\n    %s\n", g.command())
	}
	r.leftOut(b)
}

// parts are the runs that a report is of.
func (r *Report) parts() []Part {
	if len(r.Parts) > 0 {
		return r.Parts
	}
	return []Part{{r.Suite, r.Command, r.Machine}}
}

func (r *Report) header(b *strings.Builder) {
	if r.Failure != "" {
		fmt.Fprintf(b, "**This run failed, and proves nothing:** %s\n\n", r.Failure)
	}
	parts := r.parts()
	if len(parts) > 1 {
		fmt.Fprintf(b, "Of %d runs; what is compared in one table is of one of them.\n\n", len(parts))
	}
	for i, p := range parts {
		if len(parts) > 1 {
			fmt.Fprintf(b, "**Run %d**, of %s: ", i+1, strings.Join(r.workloadsOf(i), ", "))
		}
		p.header(b)
	}
}

// workloadsOf names what rows a part has left, in the order they came.
func (r *Report) workloadsOf(part int) (names []string) {
	for _, g := range r.groups() {
		name := g.Cell.short()
		if g.rows[0].Part == part {
			names = append(names, name)
		}
	}
	return names
}

func (p Part) header(b *strings.Builder) {
	m := p.Machine
	fmt.Fprintf(b, "%s · %s, %d cores, %s · kernel %s · load before %s, after %s · all of it took %.0f minutes\n\n",
		m.Date, m.Processor, m.Cores, bytesText(m.MemoryBytes), m.Kernel, m.LoadBefore, m.LoadAfter, m.Seconds/60)
	fmt.Fprintf(b, "* congestion control: %s\n* network: %s\n* versions: %s\n* engine that ringsync chooses: %s; build %s\n", pairs(m.Congestion), m.Network, pairs(m.Versions), or(m.Engine, "unknown"), or(m.Build, "unknown"))
	for _, name := range sortedKeys(m.Media) {
		fmt.Fprintf(b, "* %s: %s\n", name, m.Media[name])
	}
	fmt.Fprintf(b, "\nAll of it again:\n\n    %s\n", p.Command)
}

// pairs writes a map as "name value, name value".
func pairs(m map[string]string) string {
	words := make([]string, 0, len(m))
	for _, k := range sortedKeys(m) {
		words = append(words, k+" "+m[k])
	}
	return strings.Join(words, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// promises tells once what each contestant has done when it says that it is done.
func (r *Report) promises(b *strings.Builder) {
	fmt.Fprint(b, "\n| contestant | digest of each body checked | fsynced before the answer |\n|---|---|---|\n")
	seen := map[string]bool{}
	for _, row := range r.Rows {
		if !seen[row.Contestant] {
			seen[row.Contestant] = true
			fmt.Fprintf(b, "| %s | %s | %s |\n", row.Contestant, row.Digest, row.Durable)
		}
	}
}

// table tells speed and cost.
func (g *group) table(b *strings.Builder) {
	per := "CPU s per 1,000 objects"
	if g.Unit == "MB/s" {
		per = "CPU s per GiB"
	}
	process, rule := "", ""
	if g.passes() {
		process, rule = " whole process |", "---:|"
	}
	fmt.Fprintf(b, "| contestant | %s | against %s | seconds: median (min–max) of %d |%s CPU s sender | receiver | kernel | %s |\n", g.Unit, baseline, g.runs(), process, per)
	fmt.Fprintf(b, "|---|---:|---:|---:|%s---:|---:|---:|---:|\n", rule)
	base := g.of(baseline)
	for _, row := range g.rows {
		cost := row.Rates.CPUPer1000Objects
		if g.Unit == "MB/s" {
			cost = row.Rates.CPUPerGiB
		}
		if process != "" {
			process = " " + row.spread(ProcessSeconds) + " |"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |%s %.2f | %s | %s | %.2f |\n", name(row), number(row.Rate()), ratio(row, base),
			row.spread(Seconds), process, row.median(SenderUser, SenderSystem),
			row.figure("%.2f", 1, ReceiverUser, ReceiverSystem), row.figure("%.2f", 1, KernelSeconds), cost)
	}
}

// passes tells whether the work was a replicator's pass, whose process is told too.
func (g *group) passes() bool {
	return slices.ContainsFunc(g.rows, func(r *Row) bool { return r.Has(ProcessSeconds) })
}

// spread writes a measure of seconds; a dash where it could not be had.
func (r *Row) spread(measure string) string {
	if !r.Has(measure) {
		return nothing
	}
	s := r.Summary[measure]
	return fmt.Sprintf("%s (%s–%s)", seconds(s.Median), seconds(s.Min), seconds(s.Max))
}

func (g *group) runs() int {
	runs := 0
	for _, row := range g.rows {
		runs = max(runs, row.Runs())
	}
	return runs
}

func name(row *Row) string {
	if row.Floor {
		return "*" + row.Contestant + "*"
	}
	return row.Contestant
}

// ratio is how many times as fast a row is, and between which bounds: the best
// run of the one against the worst of the other.
func ratio(row, base *Row) string {
	if base == nil || row.Floor || base.Summary[Seconds].Min == 0 || row.Summary[Seconds].Min == 0 {
		return "–"
	}
	if row == base {
		return "1"
	}
	a, s := base.Summary[Seconds], row.Summary[Seconds]
	return fmt.Sprintf("%.2f × (%.2f–%.2f)", a.Median/s.Median, a.Min/s.Max, a.Max/s.Min)
}

// figure adds up medians of measures, in units of unit; a dash where one could
// not be had.
func (r *Row) figure(format string, unit float64, measures ...string) string {
	for _, m := range measures {
		if !r.Has(m) {
			return "–"
		}
	}
	return fmt.Sprintf(format, r.median(measures...)/unit)
}

// details tells what else was measured.
func (g *group) details(b *strings.Builder) {
	fmt.Fprint(b, "\n<details><summary>memory, switches, calls, bytes on the wire</summary>\n\n")
	fmt.Fprint(b, "| contestant | sender CPU s user / system | receiver user / system | machine CPU s | peak MiB sender / receiver | context switches s / r | system calls s / r | io_uring operations s / r | fsyncs s / r | wire MB | write-back s |\n")
	fmt.Fprint(b, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, row := range g.rows {
		cells := []string{name(row),
			row.both("%.2f", 1, SenderUser, SenderSystem),
			row.both("%.2f", 1, ReceiverUser, ReceiverSystem),
			row.figure("%.2f", 1, MachineSeconds),
			row.both("%.0f", 1<<20, SenderPeak, ReceiverPeak),
			row.both("%.0f", 1, SenderSwitches, ReceiverSwitches),
			row.both("%.0f", 1, SenderCalls, ReceiverCalls),
			row.both("%.0f", 1, SenderRings, ReceiverRings),
			row.both("%.0f", 1, SenderFsyncs, ReceiverFsyncs),
			row.figure("%.1f", 1e6, WireBytes),
			row.figure("%.2f", 1, FlushSeconds)}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Fprint(b, "\n</details>\n")
}

func (r *Row) both(format string, unit float64, first, second string) string {
	if !r.Has(first) && !r.Has(second) {
		return "–"
	}
	return r.figure(format, unit, first) + " / " + r.figure(format, unit, second)
}

// command makes all rows of a group again: that of its first, with everybody.
func (g *group) command() string {
	names := make([]string, len(g.rows))
	for i, row := range g.rows {
		names[i] = row.Contestant
	}
	first := g.rows[0]
	return strings.Replace(first.Command, "--contestant "+first.Contestant, "--contestant "+strings.Join(names, ","), 1)
}

func (r *Report) leftOut(b *strings.Builder) {
	if len(r.LeftOut) == 0 {
		return
	}
	fmt.Fprint(b, "\n### Left out\n\n")
	for _, l := range r.LeftOut {
		fmt.Fprintf(b, "* %s: %s\n", l.What, l.Why)
	}
}

// number writes a rate with three digits that mean something.
func number(v float64) string {
	switch {
	case v >= 1000:
		return thousands(int(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// seconds writes a time so that short ones can still be told apart.
func seconds(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
