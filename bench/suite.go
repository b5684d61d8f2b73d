package bench

import (
	"fmt"
	"slices"

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
	Young       bool // do not wait until what receivers hold is two minutes old
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

func list(words ...string) []string { return words }

// Suite returns a suite's picks. A million objects with nothing to do take as
// long as all the rest, and have to be asked for.
func Suite(name string, million bool) ([]Pick, error) {
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
	if million {
		picks = append(picks, Pick{Workloads: list("N"), Scale: 50, Contestants: pair(), Runs: 1})
	}
	for i := range picks {
		picks[i].fill(ByHand())
	}
	return picks, nil
}

// ByHand is the pick of somebody who names none of its parts.
func ByHand() Pick {
	return Pick{Workloads: list("S"), Scale: 0.05, Media: list("xfs"), Caches: list("warm"), Layouts: list("one"),
		Sessions: []int{1}, Contestants: core(), Runs: 5}
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
	return []Pick{
		pick("S", 0.01, all()), pick("M", 0.005, append(pair(), "rsync-fsync")), pick("L", 1./64, all()),
		pick("X", 0.02, list("ringsync", "swift-to-ringsync")), pick("N", 0.01, append(pair(), "rsync")), pick("U", 0.05, all()), disk, sessions,
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

// full is the table of BENCHMARKS.md, within an hour on two cores. Everybody does
// the same work; it is Swift that it has been cut to.
func full() []Pick {
	return []Pick{
		{Workloads: list("S"), Scale: 0.2, Contestants: all(), Runs: 5},
		{Workloads: list("M", "L"), Scale: 0.25, Contestants: all(), Runs: 5},
		{Workloads: list("X"), Scale: 0.5, Contestants: append(core(), "swift-rsync", "rsync"), Runs: 5},
		{Workloads: list("N", "U"), Scale: 1, Contestants: append(core(), "swift-rsync", "rsync"), Runs: 5},
		// Cold.
		{Workloads: list("S"), Scale: 0.2, Caches: list("cold"), Contestants: append(core(), "floor-read"), Runs: 5},
		{Workloads: list("L"), Scale: 0.25, Caches: list("cold"), Contestants: append(core(), "floor-read"), Runs: 5},
		// Several sessions.
		{Workloads: list("S"), Scale: 0.2, Layouts: list("64"), Sessions: []int{1, 4, 16}, Contestants: append(pair(), "rsync-fsync"), Runs: 5},
		{Workloads: list("L"), Scale: 0.25, Layouts: list("64"), Sessions: []int{1, 4, 16}, Contestants: append(pair(), "rsync-fsync"), Runs: 5},
		// In memory: nobody waits for a disk.
		{Workloads: list("S"), Scale: 0.2, Media: list("tmpfs"), Contestants: append(core(), "rsync"), Runs: 5},
		{Workloads: list("L"), Scale: 0.25, Media: list("tmpfs"), Contestants: append(core(), "rsync", "floor-sendfile", "floor-tcp"), Runs: 5},
		// Cost by number of objects.
		{Workloads: list("S"), Scale: 0.02, Contestants: core(), Runs: 5},
		{Workloads: list("S"), Scale: 0.5, Contestants: pair(), Runs: 5},
		{Workloads: list("N"), Scale: 0.1, Contestants: core(), Runs: 5},
	}
}
