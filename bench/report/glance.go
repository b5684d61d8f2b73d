package report

import (
	"fmt"
	"strings"
)

// glances are the contestants of the first table, by how an operator would say it.
var glances = []struct{ contestant, words string }{
	{"ringsync", "ringsync on both nodes"},
	{"swift-to-ringsync", "only receiving"},
	{"ringsync-to-swift", "only sending"},
	{"swift-rsync", "Swift with rsync"},
	{"rsync-fsync", "rsync --fsync alone"},
}

// glance answers the operator's question: how many times as fast as Swift, and at
// which share of its CPU.
func (r *Report) glance(b *strings.Builder) {
	var rows []string
	for _, g := range r.groups() {
		base := g.of(baseline)
		if base == nil || g.of("ringsync") == nil {
			continue
		}
		cells := []string{g.brief()}
		for _, s := range glances {
			cells = append(cells, versus(g.of(s.contestant), base))
		}
		rows = append(rows, "| "+strings.Join(cells, " | ")+" |")
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprint(b, "\nTimes as fast as Swift on both nodes, and the CPU time of both sides and the kernel as a share of Swift's:\n\n| |")
	for _, s := range glances {
		fmt.Fprintf(b, " %s |", s.words)
	}
	fmt.Fprintf(b, "\n|---|%s\n%s\n", strings.Repeat("---:|", len(glances)), strings.Join(rows, "\n"))
}

// brief is a cell in a table's first column.
func (g *group) brief() string {
	text := fmt.Sprintf("%s: %s, %s of them, %s %s", g.Workload, g.About, thousands(g.Objects), g.medium(), g.Cache)
	if g.Partitions > 1 || g.Sessions > 1 {
		text += fmt.Sprintf(", %s, %s", plural(g.Sessions, "session"), plural(g.Partitions, "partition"))
	}
	return text
}

func versus(row, base *Row) string {
	if row == nil || row.Summary[Seconds].Median == 0 {
		return "–"
	}
	text := fmt.Sprintf("%.1f ×", base.Summary[Seconds].Median/row.Summary[Seconds].Median)
	if cost := base.cpu(); cost > 0 {
		text += fmt.Sprintf(", %.0f %%", 100*row.cpu()/cost)
	}
	return text
}

// cpu is what a row took of everybody that can be told apart.
func (r *Row) cpu() float64 {
	return r.median(SenderUser, SenderSystem, ReceiverUser, ReceiverSystem, KernelSeconds)
}
