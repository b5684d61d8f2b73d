package conformance

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
)

// Status is what came of a script.
type Status string

// The statuses. Only Fail is a failure.
const (
	Pass    Status = "pass"
	Differs Status = "differs" // it went another way that the script knows by name
	Fail    Status = "fail"
	LeftOut Status = "left out"
)

// Result is what came of one script.
type Result struct {
	Script string   `json:"script"`
	Title  string   `json:"title"`
	Status Status   `json:"status"`
	Chosen []Chosen `json:"chosen,omitempty"` // of Differs: whose way it went, and why
	Line   int      `json:"line,omitempty"`   // of Fail: of the script
	Want   string   `json:"want,omitempty"`
	Got    string   `json:"got,omitempty"`
	Reason string   `json:"reason,omitempty"` // of LeftOut, and of a Fail that is no mismatch
	Heard  []string `json:"heard,omitempty"`  // the last lines that the judged said
}

// Report is what came of all scripts, for one implementation in one seat.
type Report struct {
	Implementation string   `json:"implementation"`
	Seat           Seat     `json:"seat"`
	Results        []Result `json:"results"`
}

// Failed counts the scripts that failed.
func (r *Report) Failed() int { return r.Count(Fail) }

// Count counts the scripts of a status.
func (r *Report) Count(status Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == status {
			n++
		}
	}
	return n
}

func leftOut(s *Script, reason string) Result {
	return Result{Script: s.Name, Title: s.Title, Status: LeftOut, Reason: reason}
}

// scriptLimit bounds a whole script; its waits are bounded one by one.
const scriptLimit = 5 * time.Minute

// judge plays the script and says what came of it.
func (p *player) judge(ctx context.Context) Result {
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	defer p.settle()
	r := Result{Script: p.script.Name, Title: p.script.Title, Status: Pass}
	err := p.play(ctx, p.script.Steps)
	r.Heard, r.Chosen = p.heard(), p.chosen
	var m *Mismatch
	switch {
	case errors.As(err, &m):
		r.Status, r.Line, r.Want, r.Got = Fail, m.Line, m.Want, m.Got
	case err != nil:
		r.Status, r.Reason = Fail, p.world.plain(err.Error())
	case len(r.Chosen) > 0:
		r.Status = Differs
	}
	return r
}

// policyOf is the policy a script is played in, or why there is none.
func policyOf(c *hashes.Cluster, s *Script) (hashes.Policy, string) {
	kind := hashes.Replication
	if s.Erasure {
		kind = hashes.ErasureCoding
	}
	for _, policy := range c.Policies {
		if policy.Kind == kind {
			return policy, ""
		}
	}
	return hashes.Policy{}, fmt.Sprintf("swift.conf has no policy of type %s", kind)
}

// missing says what a script needs and does not have.
func missing(s *Script, settings map[string]string, disk bool) string {
	for _, need := range s.Needs {
		value, known := settings[need.Key]
		switch {
		case need.Key == needDisk && !disk:
			return "needs the devices of the receiver (--devices)"
		case need.Key == needDisk:
		case !known || need.Value != "" && value != need.Value:
			return fmt.Sprintf("needs a %s with %s (--set)", s.Seat(), need)
		}
	}
	return ""
}

// waits is how much longer than usual an answer may take, since the judged waits
// for something himself.
func waits(s *Script, settings map[string]string) time.Duration {
	var sum time.Duration
	for _, need := range s.Needs {
		if strings.HasSuffix(need.Key, "_timeout") {
			sum += duration(settings[need.Key])
		}
	}
	return sum
}

// duration reads seconds, as Swift's settings are, or a duration as Go has it.
func duration(text string) time.Duration {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(seconds * float64(time.Second))
	}
	d, _ := time.ParseDuration(text)
	return d
}

// heard is what the judged said over the wire, in the script's words: its last
// lines, for a report.
func (p *player) heard() []string {
	const lines, width = 12, 160
	var all []string
	for _, t := range p.all {
		for text := range strings.SplitSeq(strings.TrimRight(string(t.in.body), "\r\n"), "\n") {
			if text = strings.TrimSuffix(text, "\r"); !isBlank(text) {
				all = append(all, printable(p.world.plain(text), width))
			}
		}
	}
	return all[max(0, len(all)-lines):]
}

// printable shows a line of foreign bytes, cut to a width.
func printable(text string, width int) string {
	quoted := strconv.Quote(text[:min(len(text), width)])
	text = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return text
}
