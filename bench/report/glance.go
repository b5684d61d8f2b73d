package report

import (
	"fmt"
	"strings"
)

// glances are the contestants of the first table, by how an operator would say it.
var glances = []struct{ contestant, words string }{
	{"ringsync", "ringsync on both nodes"},
	{"ringsync+stored", "both, digest stored"},
	{"swift-to-ringsync", "only receiving"},
	{"ringsync-to-swift", "only sending"},
	{"swift-rsync", "Swift with rsync"},
	{"rsync-fsync", "rsync --fsync alone"},
}

// opening answers the operator's question.
func (r *Report) opening() string {
	var b strings.Builder
	r.glance(&b)
	m := r.parts()[0].Machine
	fmt.Fprintf(&b, "\n%s, %d cores, kernel %s; %s.\n", m.Processor, m.Cores, m.Kernel, m.Date)
	return b.String()
}

// glance tells how many times as fast as Swift, and at which share of its CPU.
func (r *Report) glance(b *strings.Builder) {
	var groups []*group
	for _, g := range r.groups() {
		if g.of(baseline) != nil && g.of("ringsync") != nil {
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return
	}
	head, rule := "| |", "|---|"
	lines := make([]string, len(groups))
	for i, g := range groups {
		lines[i] = "| " + g.brief() + " |"
	}
	for _, s := range glances {
		cells, any := make([]string, len(groups)), false
		for i, g := range groups {
			cells[i] = versus(g.of(s.contestant), g.of(baseline))
			any = any || cells[i] != nothing
		}
		if !any {
			continue
		}
		head, rule = head+" "+s.words+" |", rule+"---:|"
		for i := range lines {
			lines[i] += " " + cells[i] + " |"
		}
	}
	fmt.Fprintf(b, "\nTimes as fast as Swift on both nodes, and the CPU time of both sides and the kernel as a share of Swift's:\n\n%s\n%s\n%s\n",
		head, rule, strings.Join(lines, "\n"))
}

// brief is a cell in a table's first column.
func (g *group) brief() string {
	text := fmt.Sprintf("%s: %s, %s of them, %s %s", g.Workload, g.About, thousands(g.Objects), g.medium(), g.Cache)
	if g.Partitions > 1 || g.Sessions > 1 {
		text += fmt.Sprintf(", %s, %s", plural(g.Sessions, "session"), plural(g.Partitions, "partition"))
	}
	return text
}

// nothing stands where there is no figure.
const nothing = "–"

func versus(row, base *Row) string {
	if row == nil || row.Summary[Seconds].Median == 0 {
		return nothing
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
