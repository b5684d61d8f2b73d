package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/bench/contestant"
)

// Pick is a product: each of its workloads on each of its media, with each cache,
// each layout and as many sessions, for all its contestants.
type Pick struct {
	Workloads   []string
	Scale       float64 // of the workloads' usual numbers of objects
	Media       []string
	Caches      []string
	Layouts     []string // of partitions: "one" or "64"
	Sessions    []int
	Contestants []string
	Runs        int
	Young       bool   // do not wait until what receivers hold is two minutes old
	Counted     bool   // calls too, if they are at all
	Part        string // of a suite, by which it can be measured alone
}

// Suites are the names of what can be measured by name.
var suites = []string{"ci", "short", "full"}

// Suites names them.
func Suites() []string { return slices.Clone(suites) }

// pair, core and all are how many take part.
func pair() []string { return []string{"ringsync", "swift"} }

func core() []string {
	return []string{"ringsync", "swift-to-ringsync", "ringsync-to-swift", "swift", "rsync-fsync"}
}

func all() []string { return contestant.Names() }

// passing are those who have a replicator.
func passing() []string {
	return []string{"ringsync", "swift-to-ringsync", "ringsync-to-swift", "swift", "swift-rsync"}
}

func list(words ...string) []string { return words }

func with(names []string, more ...string) []string { return append(names, more...) }

// Suite returns a suite's picks: all of them, or those of the parts that are named.
func Suite(name string, parts ...string) ([]Pick, error) {
	var picks []Pick
	switch name {
	case "ci":
		picks = ci()
	case "short":
		picks = short()
	case "full":
		picks = full()
	default:
		return nil, fmt.Errorf("suite %.20q is none of %v", name, suites)
	}
	for i := range picks {
		picks[i].fill(ByHand())
		picks[i].Counted = picks[i].Counted || name != "full"
	}
	return only(picks, parts)
}

// only keeps the picks of some parts; none named: all.
func only(picks []Pick, parts []string) ([]Pick, error) {
	if len(parts) == 0 {
		return picks, nil
	}
	var kept []Pick
	for _, part := range parts {
		before := len(kept)
		for _, p := range picks {
			if p.Part == part {
				kept = append(kept, p)
			}
		}
		if len(kept) == before {
			return nil, fmt.Errorf("part %.20q is none of this suite's: %s", part, strings.Join(partsOf(picks), ", "))
		}
	}
	return kept, nil
}

// Parts names those of the full suite.
func Parts() []string { return partsOf(full()) }

func partsOf(picks []Pick) (parts []string) {
	for _, p := range picks {
		if !slices.Contains(parts, p.Part) {
			parts = append(parts, p.Part)
		}
	}
	return parts
}

// ByHand is the pick of somebody who names none of its parts.
func ByHand() Pick {
	return Pick{Workloads: list("S"), Scale: 0.05, Media: list("xfs"), Caches: list("warm"), Layouts: list("one"),
		Sessions: []int{1}, Contestants: core(), Runs: 5, Counted: true}
}

// fill takes from usual what the pick leaves open.
func (p *Pick) fill(usual Pick) {
	take(&p.Workloads, usual.Workloads)
	take(&p.Media, usual.Media)
	take(&p.Caches, usual.Caches)
	take(&p.Layouts, usual.Layouts)
	take(&p.Sessions, usual.Sessions)
	take(&p.Contestants, usual.Contestants)
	if p.Scale == 0 {
		p.Scale = usual.Scale
	}
	if p.Runs == 0 {
		p.Runs = usual.Runs
	}
}

func take[T any](field *[]T, usual []T) {
	if len(*field) == 0 {
		*field = usual
	}
}

// ci is small: it shows that everything works and every result is right, in under
// two minutes, and its figures mean nothing.
func ci() []Pick {
	tiny := Pick{Media: list("tmpfs"), Runs: 1, Young: true}
	pick := func(workload string, scale float64, who []string) Pick {
		p := tiny
		p.Workloads, p.Scale, p.Contestants = list(workload), scale, who
		return p
	}
	disk := pick("S", 0.01, list("ringsync", "rsync-fsync", "floor-write", "floor-read"))
	disk.Media, disk.Caches = list("xfs"), list("cold")
	sessions := pick("S", 0.01, list("ringsync", "swift", "rsync"))
	sessions.Layouts, sessions.Sessions = list("64"), []int{4}
	idle := pick("I", 0.01, pair())
	idle.Layouts = list("64")
	return []Pick{
		pick("S", 0.01, all()), pick("M", 0.005, append(pair(), "rsync-fsync")), pick("L", 1./64, append(all(), "ringsync-to-sink", "engine", "floor-one")),
		pick("X", 0.02, list("ringsync", "swift-to-ringsync")), pick("N", 0.01, append(pair(), "rsync")), pick("U", 0.05, all()), disk, sessions,
		pick("P", 0.01, append(pair(), "swift-rsync")), pick("H", 0.01, list("ringsync")), idle,
	}
}

// short is for who works on it: what matters most, in about ten minutes.
func short() []Pick {
	return []Pick{
		{Workloads: list("S"), Scale: 0.05, Contestants: append(core(), "floor-write"), Runs: 5},
		{Workloads: list("M"), Scale: 0.1, Contestants: append(core(), "floor-sendfile", "floor-md5"), Runs: 5},
		{Workloads: list("L"), Scale: 0.125, Contestants: append(core(), "floor-sendfile", "floor-md5"), Runs: 5},
		{Workloads: list("L"), Scale: 0.125, Contestants: pair(), Caches: list("cold"), Runs: 5},
		{Workloads: list("S"), Scale: 0.05, Contestants: pair(), Layouts: list("64"), Sessions: []int{4}, Runs: 5},
		{Workloads: list("N", "U"), Scale: 0.25, Contestants: core(), Runs: 5},
	}
}

// full is the table of BENCHMARKS.md, within 40 minutes on two cores. Everybody does
// the same work; it is Swift that it has been cut to. Its parts can be measured
// again alone.
func full() []Pick {
	var picks []Pick
	part := func(name string, list ...Pick) {
		for _, p := range list {
			p.Part = name
			if p.Runs == 0 {
				p.Runs = 5
			}
			picks = append(picks, p)
		}
	}
	part("base",
		Pick{Workloads: list("S", "M"), Scale: 0.1, Contestants: all(), Counted: true},
		Pick{Workloads: list("L"), Scale: 0.125, Contestants: all(), Counted: true})
	part("idle",
		Pick{Workloads: list("N"), Scale: 1, Contestants: with(core(), "ringsync-portable", "rsync", "swift-rsync"), Counted: true},
		Pick{Workloads: list("U"), Scale: 1, Contestants: with(core(), "ringsync-portable", "rsync")})
	part("passes", // a replicator's whole pass
		Pick{Workloads: list("P"), Scale: 0.2, Layouts: list("64"), Contestants: passing(), Counted: true},
		Pick{Workloads: list("H"), Scale: 0.1, Layouts: list("64"), Contestants: passing()},
		Pick{Workloads: list("I"), Scale: 1, Layouts: list("64"), Contestants: passing(), Counted: true})
	part("cold",
		Pick{Workloads: list("S"), Scale: 0.1, Caches: list("cold"), Contestants: with(core(), "ringsync-portable", "ringsync-to-sink", "floor-one", "floor-read")},
		Pick{Workloads: list("L"), Scale: 0.125, Caches: list("cold"), Contestants: with(core(), "ringsync-portable", "ringsync+none", "ringsync-to-sink", "floor-read")})
	part("sessions",
		Pick{Workloads: list("S"), Scale: 0.1, Layouts: list("64"), Sessions: []int{1, 4}, Contestants: with(pair(), "ringsync-portable", "rsync-fsync")},
		Pick{Workloads: list("S"), Scale: 0.1, Layouts: list("64"), Sessions: []int{16}, Contestants: pair(), Runs: 3},
		Pick{Workloads: list("L"), Scale: 0.25, Layouts: list("64"), Sessions: []int{1, 4}, Contestants: with(pair(), "ringsync-portable")},
		Pick{Workloads: list("L"), Scale: 0.25, Layouts: list("64"), Sessions: []int{16}, Contestants: list("ringsync"), Runs: 3})
	part("memory", // nobody waits for a disk
		Pick{Workloads: list("S"), Scale: 0.1, Media: list("tmpfs"), Contestants: with(pair(), "ringsync-portable", "rsync")},
		Pick{Workloads: list("L"), Scale: 0.125, Media: list("tmpfs"), Contestants: with(pair(), "ringsync-portable", "ringsync+none", "rsync", "floor-sendfile", "floor-tcp", "engine")})
	part("mixed", Pick{Workloads: list("X"), Scale: 0.25, Contestants: with(core(), "ringsync-portable"), Runs: 3})
	part("numbers", // what an object costs, by how many there are
		Pick{Workloads: list("S"), Scale: 0.02, Contestants: pair()},
		Pick{Workloads: list("S"), Scale: 0.25, Contestants: pair(), Runs: 3},
		Pick{Workloads: list("N"), Scale: 0.1, Contestants: pair()})
	part("million", Pick{Workloads: list("N"), Scale: 50, Media: list("tmpfs"), Layouts: list("64"), Contestants: pair(), Runs: 1})
	return picks
}
