package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ringsync/ringsync/cmd/internal/admin"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/replicator"
)

// shownPeers is how many peers are shown that are in no trouble: a cluster has
// thousands. --json has more.
const shownPeers = 20

func printStatus(w io.Writer, s *admin.Status) {
	fmt.Fprintf(w, "ringsyncd  %s, pid %d, up %s\n", quoted(s.Version), s.PID, rounded(s.At.Sub(s.Started)))
	printReceiving(w, &s.Receiving)
	r := s.Replicator
	if r == nil {
		fmt.Fprintln(w, "passes     none: it runs without --replicate")
		return
	}
	printPassStatus(w, r)
	printDevices(w, r)
	printPeers(w, r)
	printJobs(w, r)
	printStuck(w, r)
}

func printReceiving(w io.Writer, r *dataplane.Receiving) {
	fmt.Fprintf(w, "receiving  %d of %d connections", r.Clients, r.MaxClients)
	for _, name := range slices.Sorted(maps.Keys(r.Devices)) {
		fmt.Fprintf(w, ", %d at %s", r.Devices[name], quoted(name))
	}
	if len(r.Devices) > 0 {
		fmt.Fprintf(w, " of %d at each", r.DeviceMost)
	}
	fmt.Fprintln(w)
}

func printPassStatus(w io.Writer, r *replicator.Status) {
	p := &r.Pass
	fmt.Fprintf(w, "pass       %d, %s since %s", p.Number, quoted(p.Phase), ago(r.At, p.Since))
	if !p.Until.IsZero() {
		fmt.Fprintf(w, ", for another %s", rounded(p.Until.Sub(r.At)))
	}
	fmt.Fprintf(w, "\n           %d of %d partitions, %d failed, %d left, time left %s\n", p.Done, p.Partitions, p.Failed, p.Left, left(&p.Work))
	fmt.Fprintf(w, "           %d objects, %.1f MB sent; %s; %d of %d places\n", p.Objects, float64(p.Bytes)/1e6, rate(p.Rate), p.Working, p.Places)
	for _, wait := range r.Waits {
		where := "all"
		if wait.Policy != nil {
			where = "policy " + strconv.Itoa(*wait.Policy)
		}
		fmt.Fprintf(w, "waits      %s: %s\n", where, waitText(r.At, &wait))
	}
}

func printDevices(w io.Writer, r *replicator.Status) {
	if len(r.Devices) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, column, ' ', 0)
	fmt.Fprintln(t, "device\tdone\tfailed\tleft\tin hand\tobjects\tMB\trate\ttime left\twaits for")
	for i := range r.Devices {
		d := &r.Devices[i]
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\t%s\t%s\n", quoted(d.Device), d.Done, d.Failed, d.Left, d.InHand, d.Objects, float64(d.Bytes)/1e6, rate(d.Rate), left(&d.Work), waitTexts(r.At, d.Waits))
	}
	t.Flush()
}

func printPeers(w io.Writer, r *replicator.Status) {
	if len(r.Peers) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, column, ' ', 0)
	fmt.Fprintln(t, "peer\tdone\tfailed\tleft\tsessions\tobjects\tMB\trate\twaits for")
	well, hidden := 0, r.PeersLeft
	for i := range r.Peers {
		p := &r.Peers[i]
		if len(p.Waits) == 0 && p.Failed == 0 {
			if well++; well > shownPeers {
				hidden++
				continue
			}
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\t%s\n", quoted(p.Peer), p.Done, p.Failed, p.Left, p.Sessions, p.Objects, float64(p.Bytes)/1e6, rate(p.Rate), waitTexts(r.At, p.Waits))
	}
	t.Flush()
	if hidden > 0 {
		fmt.Fprintf(w, "and %d more, in no trouble\n", hidden)
	}
}

func printJobs(w io.Writer, r *replicator.Status) {
	if len(r.Jobs) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, column, ' ', 0)
	fmt.Fprintln(t, "in hand\tpolicy\tpartition\tkind\tphase\tsince\tpeer\tsuffixes left\twanted\tsent\tMB")
	for i := range r.Jobs {
		j := &r.Jobs[i]
		phase := j.Phase
		if j.Wait != "" {
			phase += " for " + j.Wait
		}
		if j.Behind {
			phase += ", left behind"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.1f\n", quoted(j.Device), j.Policy, j.Partition, words(j.Kind), words(phase), ago(r.At, j.Since), quoted(cmp.Or(j.Peer, "-")), j.SuffixesLeft, j.Wanted, j.Objects, float64(j.Bytes)/1e6)
	}
	t.Flush()
	if r.JobsLeft > 0 {
		fmt.Fprintf(w, "and %d more\n", r.JobsLeft)
	}
}

func printStuck(w io.Writer, r *replicator.Status) {
	if r.StuckInAll == 0 && r.StuckUnseen == 0 {
		return
	}
	fmt.Fprintln(w)
	for i := range r.Stuck {
		s := &r.Stuck[i]
		fmt.Fprintf(w, "does not advance: %s, in %d passes, since %s: %s\n", stuckName(s), s.Passes, ago(r.At, s.Since), words(s.Reason))
		fmt.Fprintf(w, "  %s\n  %s: %s\n", words(s.Text), words(s.Hint), words(s.Command))
	}
	if n := r.StuckInAll - len(r.Stuck); n > 0 {
		fmt.Fprintf(w, "and %d more do not advance\n", n)
	}
	if r.StuckUnseen > 0 {
		fmt.Fprintf(w, "%d more failed in the last pass; there is no room to remember them\n", r.StuckUnseen)
	}
}

func stuckName(s *replicator.Stuck) string {
	var parts []string
	if s.Device != "" {
		parts = append(parts, "device "+quoted(s.Device))
	}
	if s.Policy != nil {
		parts = append(parts, fmt.Sprintf("policy %d", *s.Policy))
	}
	if s.Partition != nil {
		parts = append(parts, fmt.Sprintf("partition %d (%s)", *s.Partition, words(s.Kind)))
	}
	if s.Peer != "" {
		parts = append(parts, "to "+quoted(s.Peer))
	}
	return strings.Join(parts, " ")
}

// waitTexts tells of each reason once, with how many partitions wait for it.
func waitTexts(now time.Time, waits []replicator.Wait) string {
	var merged []replicator.Wait
	for _, wait := range waits {
		same := func(w replicator.Wait) bool { return w.Reason == wait.Reason }
		if i := slices.IndexFunc(merged, same); i >= 0 {
			merged[i].Partitions += wait.Partitions
		} else {
			merged = append(merged, wait)
		}
	}
	if len(merged) == 0 {
		return "-"
	}
	var texts []string
	for i := range merged {
		texts = append(texts, waitText(now, &merged[i]))
	}
	return strings.Join(texts, "; ")
}

func waitText(now time.Time, w *replicator.Wait) string {
	text := words(w.Reason)
	if w.Partitions > 0 {
		text += fmt.Sprintf(" (%d)", w.Partitions)
	}
	if !w.Until.IsZero() {
		text += ", another " + rounded(w.Until.Sub(now))
	}
	if w.Text != "" {
		text += ": " + words(w.Text)
	}
	return text
}

// words prints a text as it is, but for what could do harm to a terminal.
func words(text string) string {
	quoted := strconv.Quote(text)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(quoted[1 : len(quoted)-1])
}

func rate(r replicator.Rate) string {
	if r.Over == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f objects/s, %.1f MB/s", r.Objects, r.Bytes/1e6)
}

func left(w *replicator.Work) string {
	if w.LeftSecs == nil || *w.LeftSecs > 1e9 {
		return "-"
	}
	return rounded(time.Duration(*w.LeftSecs * float64(time.Second)))
}

func rounded(d time.Duration) string { return max(0, d).Round(time.Second).String() }

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return rounded(now.Sub(then))
}
