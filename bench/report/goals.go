package report

import (
	"fmt"
	"strings"
)

// at is where a goal finds a row. What is empty, or zero, is the usual: xfs, warm,
// one session, one partition.
type at struct {
	workload, medium, cache string
	sessions, partitions    int
	objects                 int // 0: as many as most took part in
	contestant              string
}

// figure is what of two rows is held against each other.
type figure int

const (
	speed figure = iota // times as fast: the seconds of the other by ours
	cost                // our CPU by the other's, of both sides and the kernel
)

// goal is one figure to reach: a least ratio of speed, or a largest one of cost.
type goal struct {
	work, whom string // in words
	row, other at
	figure     figure
	reach      float64
	note       string // what the figure rests on, where the words don't say
}

// goals are the figures to reach; all of them durable, each body checked against its
// MD5, unless the words say otherwise.
var goals = []goal{
	{work: "L warm, MD5 at the receiver", whom: "one core's MD5", row: at{workload: "L", contestant: "ringsync"}, other: at{workload: "L", contestant: "floor-md5"}, reach: 0.85},
	{work: "L warm, MD5 at the receiver", whom: "Swift's Sender", row: at{workload: "L", contestant: "ringsync"}, other: at{workload: "L", contestant: "swift"}, reach: 1.8},
	{work: "L warm, MD5 at the receiver", whom: "Swift's Sender", row: at{workload: "L", contestant: "ringsync"}, other: at{workload: "L", contestant: "swift"}, figure: cost, reach: 0.5},

	{work: "L warm, stored digest", whom: "Swift's Sender", row: at{workload: "L", contestant: "ringsync+stored"}, other: at{workload: "L", contestant: "swift"}, reach: 4},
	{work: "L warm, stored digest", whom: "Swift's Sender", row: at{workload: "L", contestant: "ringsync+stored"}, other: at{workload: "L", contestant: "swift"}, figure: cost, reach: 0.2},
	{work: "L warm, stored digest", whom: "sendfile → recv, pwritev", row: at{workload: "L", contestant: "ringsync+stored"}, other: at{workload: "L", contestant: "floor-sendfile"}, reach: 1.2, note: floorNote},
	{work: "L warm, stored digest", whom: "sendfile → recv, pwritev", row: at{workload: "L", contestant: "ringsync+stored"}, other: at{workload: "L", contestant: "floor-sendfile"}, figure: cost, reach: 1.1, note: floorNote},

	{work: "L warm, nothing verified", whom: "sendfile → recv, pwritev", row: at{workload: "L", contestant: "ringsync+none"}, other: at{workload: "L", contestant: "floor-sendfile"}, reach: 1.5, note: floorNote},
	{work: "L warm, nothing verified", whom: "sendfile → recv, pwritev", row: at{workload: "L", contestant: "ringsync+none"}, other: at{workload: "L", contestant: "floor-sendfile"}, figure: cost, reach: 0.75, note: floorNote},
	{work: "L warm, nothing verified", whom: "the disk's own limit", row: at{workload: "L", contestant: "ringsync+none"}, other: at{workload: "L", contestant: "floor-write"}, reach: 0.9},

	{work: "L cold, direct reads", whom: "the disk's own read limit", row: at{workload: "L", cache: "cold", contestant: "ringsync"}, other: at{workload: "L", cache: "cold", contestant: "floor-read"}, reach: 0.9,
		note: "both sides' disks are one, which is written meanwhile, and MD5 is checked"},
	{work: "L cold, direct reads, sender alone to a sink", whom: "the disk's own read limit", row: at{workload: "L", cache: "cold", contestant: "ringsync-to-sink"}, other: at{workload: "L", cache: "cold", contestant: "floor-read"}, reach: 0.9, note: sinkNote},

	{work: "M, MD5", whom: "Swift's Sender", row: at{workload: "M", contestant: "ringsync"}, other: at{workload: "M", contestant: "swift"}, reach: 4},
	{work: "M, MD5", whom: "rsync without fsync", row: at{workload: "M", contestant: "ringsync"}, other: at{workload: "M", contestant: "rsync"}, reach: 1},

	{work: "S", whom: "Swift's Sender", row: at{workload: "S", contestant: "ringsync"}, other: at{workload: "S", contestant: "swift"}, reach: 10},
	{work: "S", whom: "Swift's Sender", row: at{workload: "S", contestant: "ringsync"}, other: at{workload: "S", contestant: "swift"}, figure: cost, reach: 0.125},
	{work: "S", whom: "rsync --fsync", row: at{workload: "S", contestant: "ringsync"}, other: at{workload: "S", contestant: "rsync-fsync"}, reach: 3},
	{work: "S cold, sender against a sink", whom: "one object at a time", row: at{workload: "S", cache: "cold", contestant: "ringsync-to-sink"}, other: at{workload: "S", cache: "cold", contestant: "floor-one"}, reach: 3, note: sinkNote},

	{work: "N, 20,000 objects", whom: "Swift's Sender", row: at{workload: "N", objects: 20_000, contestant: "ringsync"}, other: at{workload: "N", objects: 20_000, contestant: "swift"}, reach: 12},

	{work: "a pass that finds nothing, 20,000 objects in 64 partitions", whom: "Swift's replicator", row: at{workload: "I", partitions: 64, objects: 20_000, contestant: "ringsync"},
		other: at{workload: "I", partitions: 64, objects: 20_000, contestant: "swift"}, reach: 10, note: "without the start of the processes"},

	{work: "memory to memory, no disks", whom: "one stream's limit", row: at{workload: "L", medium: "tmpfs", contestant: "engine"}, other: at{workload: "L", medium: "tmpfs", contestant: "floor-tcp"}, reach: 0.85,
		note: "the engine alone, with its framing: no dialogue, nothing verified"},

	{work: "L, four sessions at once, MD5", whom: "one session", row: at{workload: "L", sessions: 4, partitions: 64, contestant: "ringsync"}, other: at{workload: "L", partitions: 64, contestant: "ringsync"}, reach: 1.8},
}

const (
	floorNote = "the floor checks and fsyncs nothing"
	sinkNote  = "the sink drops bodies: nothing is verified, nothing durable"
)

// The portable engine is held against the one of io_uring wherever both ran.
const (
	fallBack      = "ringsync-portable"
	fallBackReach = 0.5
)

// reached is a goal with what came of it.
type reached struct {
	goal
	value Spread // least: our worst run against the other's best
	runs  [2]int
	why   string // where there is no figure
}

func (g goal) judge(r *Report) reached {
	out := reached{goal: g}
	row, other := r.find(g.row), r.find(g.other)
	switch {
	case row == nil:
		out.why = "not measured: " + g.row.contestant
	case other == nil:
		out.why = "not measured: " + g.other.contestant
	case row.Part != other.Part:
		out.why = "the two rows are not of one run"
	default:
		out.runs = [2]int{row.Runs(), other.Runs()}
		if g.figure == cost {
			out.value = by(row.costs(), other.costs())
		} else {
			out.value = by(other.Summary[Seconds], row.Summary[Seconds])
		}
	}
	return out
}

// by divides two spreads.
func by(a, b Spread) Spread {
	if b.Min <= 0 || b.Median <= 0 || b.Max <= 0 {
		return Spread{}
	}
	return Spread{Min: a.Min / b.Max, Median: a.Median / b.Median, Max: a.Max / b.Min}
}

// costs are a row's CPU seconds, run by run those of both sides and the kernel.
func (r *Row) costs() Spread {
	measures := []string{SenderUser, SenderSystem, ReceiverUser, ReceiverSystem}
	if r.Has(KernelSeconds) {
		measures = append(measures, KernelSeconds)
	}
	values, ok := r.sums(measures)
	if !ok {
		return Spread{}
	}
	return spreadOf(values)
}

// holds tells whether the medians reach the goal.
func (r reached) holds() bool {
	if r.figure == cost {
		return r.value.Median <= r.reach
	}
	return r.value.Median >= r.reach
}

// find is the row of a contestant at a place; nil: there is none. Of several numbers
// of objects it is the one that most took part in.
func (r *Report) find(a at) (found *Row) {
	most := 0
	for _, g := range r.groups() {
		if row := g.of(a.contestant); row != nil && a.has(g.Cell) && len(g.rows) > most {
			found, most = row, len(g.rows)
		}
	}
	return found
}

func (a at) has(c Cell) bool {
	return c.Workload == a.workload && c.medium() == or(a.medium, "xfs") && c.Cache == or(a.cache, "warm") &&
		c.Sessions == max(1, a.sessions) && c.Partitions == max(1, a.partitions) && (a.objects == 0 || c.Objects == a.objects)
}

func or(text, usual string) string {
	if text == "" {
		return usual
	}
	return text
}

// portable finds the comparison in which the portable engine lags most behind.
func (r *Report) portable() reached {
	worst := reached{goal: goal{work: "portable engine, the worst of all comparisons", whom: "the io_uring engine", reach: fallBackReach}}
	rows := 0
	for _, g := range r.groups() {
		ring, slow := g.of("ringsync"), g.of(fallBack)
		if r.Machine.Engine != "uring" || ring == nil || slow == nil || ring.Part != slow.Part {
			continue
		}
		value := by(ring.Summary[Seconds], slow.Summary[Seconds])
		if rows++; rows == 1 || value.Median < worst.value.Median {
			worst.value, worst.runs = value, [2]int{slow.Runs(), ring.Runs()}
			worst.note = "in " + slow.Cell.short()
		}
	}
	if rows == 0 {
		worst.why = "not measured: one of the two"
		return worst
	}
	worst.note = fmt.Sprintf("%s; %d comparisons", worst.note, rows)
	return worst
}

const goalsHead = "\n| work | against | to reach | reached (worst–best run) | |\n|---|---|---:|---:|---|\n"

// goalsText tells each figure to reach, and what was reached.
func (r *Report) goalsText() string {
	var b strings.Builder
	fmt.Fprint(&b, goalsHead)
	for _, g := range goals {
		g.judge(r).line(&b)
	}
	r.portable().line(&b)
	return b.String()
}

func (r reached) line(b *strings.Builder) {
	sign, unit, answer := "≥", "× the speed", "no"
	if r.figure == cost {
		sign, unit = "≤", "× the CPU"
	}
	if r.holds() {
		answer = "**yes**"
	}
	value := fmt.Sprintf("%.2f × (%.2f–%.2f)", r.value.Median, r.value.Min, r.value.Max)
	if few := min(r.runs[0], r.runs[1]); few < compareRuns {
		value += fmt.Sprintf(", of %d runs", few)
	}
	if r.why != "" {
		value, answer = "–", r.why
	}
	work := r.work
	if r.note != "" {
		work += "; " + r.note
	}
	fmt.Fprintf(b, "| %s | %s | %s %.4g %s | %s | %s |\n", work, r.whom, sign, r.reach, unit, value, answer)
}
