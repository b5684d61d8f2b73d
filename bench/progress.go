package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/bench/report"
)

// progress tells how far it is, a line a run.
type progress struct {
	say     func(format string, args ...any)
	begun   time.Time
	n, runs int
}

func (h *harness) say(format string, args ...any) { fmt.Fprintf(h.cfg.Out, format+"\n", args...) }

func (h *harness) newProgress(sets []*set) progress {
	return progress{say: h.say, begun: time.Now(), runs: h.countRuns(sets)}
}

func (h *harness) countRuns(sets []*set) (runs int) {
	for _, s := range sets {
		for _, c := range s.cells {
			each := c.runs
			if h.calls && c.counted {
				each++
			}
			runs += each * len(h.rows(s, c))
		}
	}
	return runs
}

// done tells of a run; one of no seconds was for its calls.
func (p *progress) done(s *set, c *cell, row *report.Row, seconds float64) {
	p.n++
	took := "calls counted"
	if seconds > 0 {
		took = fmt.Sprintf("%.3f s", seconds)
	}
	left := time.Duration(float64(time.Since(p.begun)) / float64(p.n) * float64(p.runs-p.n))
	p.say("[%d/%d] %s×%d %s %s, %d at once, partitions %s: %-19s %s  (about %s left)", p.n, p.runs, s.Name, s.Spec.Objects, s.medium, c.cache,
		c.sessions, layout(s.partPower), row.Contestant, took, left.Round(time.Second))
}

// command is what makes one row again.
func (h *harness) command(s *set, c *cell, name string) string {
	words := []string{"ringsync bench", "--workload", s.Name, "--scale", strconv.FormatFloat(s.scale, 'g', -1, 64), "--media", s.medium.String(),
		"--cache", string(c.cache), "--layout", layout(s.partPower), "--sessions", strconv.Itoa(c.sessions), "--contestant", name, "--runs", strconv.Itoa(c.runs)}
	if s.young {
		words = append(words, "--young")
	}
	if h.calls && c.counted {
		words = append(words, "--calls")
	}
	if h.cfg.Congestion != "" {
		words = append(words, "--tcp-congestion", h.cfg.Congestion)
	}
	for _, f := range h.cfg.PushFlags {
		words = append(words, "--push-flag="+f)
	}
	for _, f := range h.cfg.NodeFlags {
		words = append(words, "--node-flag="+f)
	}
	return strings.Join(words, " ")
}
