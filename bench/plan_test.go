package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// laid tells a plan in words: each set, with its cells.
func laid(t *testing.T, picks ...Pick) []string {
	t.Helper()
	sets, err := plan(picks, storetest.Time(0))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, s := range sets {
		words = append(words, fmt.Sprintf("%s×%d %s %s", s.Name, s.Spec.Objects, s.medium, layout(s.partPower)))
		for _, c := range s.cells {
			words = append(words, fmt.Sprintf("  %s %d: %s ×%d", c.cache, c.sessions, strings.Join(c.contestants, " "), c.runs))
		}
	}
	return words
}

// Picks that share data share a set, those that share a cell add their
// contestants; media come one after the other; what can't be done is left away.
func TestPlan(t *testing.T) {
	a := Pick{Workloads: list("S", "L"), Scale: 0.1, Media: list("xfs", "tmpfs"), Caches: list("warm", "cold"), Layouts: list("one", "64"),
		Sessions: []int{1, 4}, Contestants: list("ringsync"), Runs: 3}
	b := Pick{Workloads: list("S"), Scale: 0.1, Media: list("xfs"), Contestants: list("ringsync", "swift"), Runs: 5}
	b.fill(ByHand())
	want := []string{
		"S×2000 xfs one", "  warm 1: ringsync swift ×5", "  cold 1: ringsync ×3",
		"S×2000 xfs 64", "  warm 1: ringsync ×3", "  warm 4: ringsync ×3", "  cold 1: ringsync ×3", "  cold 4: ringsync ×3",
		"L×6 xfs one", "  warm 1: ringsync ×3", "  cold 1: ringsync ×3",
		"L×6 xfs 64", "  warm 1: ringsync ×3", "  warm 4: ringsync ×3", "  cold 1: ringsync ×3", "  cold 4: ringsync ×3",
		"S×2000 tmpfs one", "  warm 1: ringsync ×3",
		"S×2000 tmpfs 64", "  warm 1: ringsync ×3", "  warm 4: ringsync ×3",
		"L×6 tmpfs one", "  warm 1: ringsync ×3",
		"L×6 tmpfs 64", "  warm 1: ringsync ×3", "  warm 4: ringsync ×3",
	}
	if diff := cmp.Diff(want, laid(t, a, b)); diff != "" {
		t.Error(diff)
	}
}

// What is no pick is refused in a sentence that names it.
func TestPlanRefuses(t *testing.T) {
	for want, change := range map[string]func(*Pick){
		"medium":   func(p *Pick) { p.Media = list("floppy") },
		"cache":    func(p *Pick) { p.Caches = list("lukewarm") },
		"layout":   func(p *Pick) { p.Layouts = list("63") },
		"workload": func(p *Pick) { p.Workloads = list("Q") },
		"scale":    func(p *Pick) { p.Scale = -1 },
		"runs":     func(p *Pick) { p.Runs = -1 },
		"sessions": func(p *Pick) { p.Sessions = []int{0} },
		"nothing":  func(p *Pick) { p.Sessions = []int{4} },
	} {
		p := ByHand()
		change(&p)
		if _, err := plan([]Pick{p}, storetest.Time(0)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Suite("everything"); err == nil {
		t.Error("a suite of everything")
	}
}

// Each suite can be laid out; the full one has every workload, both caches, every
// number of sessions and every contestant; a part of it is itself only.
func TestSuites(t *testing.T) {
	for _, name := range Suites() {
		picks, err := Suite(name)
		if err != nil {
			t.Fatal(err)
		}
		laid(t, picks...)
	}
	picks, err := Suite("full")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(laid(t, picks...), "\n")
	for _, want := range []string{"S×", "M×", "L×", "X×", "N×20000", "U×20000", "N×1000000", "P×4000", "H×2000", "I×20000", "warm 1:", "cold 1:", "warm 4:", "warm 16:", "xfs", "tmpfs", "64"} {
		if !strings.Contains(all, want) {
			t.Errorf("the full suite has no %s:\n%s", want, all)
		}
	}
	for _, want := range []string{"ringsync-uring", "ringsync+stored", "swift-rsync", "rsync-fsync", "floor-md5"} {
		if !slices.ContainsFunc(picks, func(p Pick) bool { return slices.Contains(p.Contestants, want) }) {
			t.Errorf("the full suite has no %s", want)
		}
	}
}

// A part of a suite is itself only; what is none is refused with those there are.
func TestParts(t *testing.T) {
	whole := 0
	for _, part := range Parts() {
		picks, err := Suite("full", part)
		if err != nil || len(picks) == 0 {
			t.Fatalf("%s: %v", part, err)
		}
		whole += len(picks)
		for _, p := range picks {
			if p.Part != part {
				t.Errorf("part %s has a pick of %s", part, p.Part)
			}
		}
	}
	if picks, err := Suite("full"); err != nil || len(picks) != whole {
		t.Errorf("%v: %d picks in all, and %d in its parts", err, len(picks), whole)
	}
	if _, err := Suite("full", "cold", "nothing"); err == nil || !strings.Contains(err.Error(), "million") {
		t.Errorf("a part that is none: %v", err)
	}
}

// A volume has room for everything that lies on it at once, twice.
func TestVolumeBytes(t *testing.T) {
	p := ByHand()
	p.Workloads, p.Scale = list("S", "L", "N", "U"), 1
	sets, err := plan([]Pick{p}, storetest.Time(0))
	if err != nil {
		t.Fatal(err)
	}
	large, kept := int64(64*64<<20), int64(20_000*4096)
	if got := volumeBytes(sets); got < 2*(large+kept) || got > 3*(large+kept)+sparesBytes {
		t.Errorf("%d bytes", got)
	}
}
