package report

import (
	"fmt"
	"strings"
)

// littleGain is what one of ours beside a Swift has to gain to be called faster.
const littleGain = 1.1

// behind lists every comparison in which somebody else was faster than ringsync, or
// in which ringsync on one node gained little.
func (r *Report) behind() string {
	var b strings.Builder
	for _, g := range r.groups() {
		ours := g.of("ringsync")
		if ours == nil {
			continue
		}
		for _, row := range g.rows {
			if line := g.lag(ours, row); line != "" {
				fmt.Fprintf(&b, "* %s: %s\n", g.brief(), line)
			}
		}
	}
	if b.Len() == 0 {
		return "\nIn no comparison of this run was anybody faster.\n"
	}
	return "\n" + b.String()
}

// lag tells in which way a row is one that we are not faster than; "": in none.
func (g *group) lag(ours, row *Row) string {
	base := g.of(baseline)
	switch {
	case row.Floor || row == ours:
		return ""
	case row.Contestant == "swift-to-ringsync" || row.Contestant == "ringsync-to-swift":
		if base == nil || base.Summary[Seconds].Median >= littleGain*row.Summary[Seconds].Median {
			return ""
		}
		return fmt.Sprintf("%s is %s of Swift's speed and CPU", row.Contestant, versus(row, base))
	case strings.HasPrefix(row.Contestant, "ringsync") || row.Summary[Seconds].Median >= ours.Summary[Seconds].Median:
		return ""
	}
	return fmt.Sprintf("%s is %s of ringsync's speed and CPU", row.Contestant, versus(row, ours))
}
