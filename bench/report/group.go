package report

import (
	"fmt"
	"strings"
)

// group is the rows of one cell, the contestants of one comparison.
type group struct {
	Cell
	rows []*Row
}

// groups gathers rows by their cells, in the order they came.
func (r *Report) groups() []*group {
	var list []*group
	at := map[string]*group{}
	for _, row := range r.Rows {
		key := row.Cell.key()
		g := at[key]
		if g == nil {
			g = &group{Cell: row.Cell}
			at[key] = g
			list = append(list, g)
		}
		g.rows = append(g.rows, row)
	}
	return list
}

// key tells cells apart, also those of two reports.
func (c Cell) key() string {
	return fmt.Sprintf("%s %d %s %s %d %d %v", c.Workload, c.Objects, c.Medium, c.Cache, c.Sessions, c.Partitions, c.Young)
}

// medium is a medium without its path, which the report's header has.
func (c Cell) medium() string {
	kind, _, _ := strings.Cut(c.Medium, ":")
	return kind
}

// title is a cell in words.
func (c Cell) title() string {
	words := []string{fmt.Sprintf("**%s**: %s; %s objects, %s", c.Workload, c.About, thousands(c.Objects), bytesText(c.Bytes))}
	if c.Largest != c.Bytes/int64(c.Objects) {
		words[0] += ", the largest " + bytesText(c.Largest)
	}
	cache := c.Cache
	if c.CacheHow != "" {
		cache += " (" + c.CacheHow + ")"
	}
	words = append(words, c.medium(), "cache "+cache, plural(c.Sessions, "session"), plural(c.Partitions, "partition"))
	if c.Young {
		words = append(words, "objects under two minutes old")
	}
	return strings.Join(words, " · ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// of finds a contestant's row.
func (g *group) of(contestant string) *Row {
	for _, row := range g.rows {
		if row.Contestant == contestant {
			return row
		}
	}
	return nil
}

// thousands writes 20000 as 20,000.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// bytesText writes bytes in decimal units.
func bytesText(n int64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%.0f GB", float64(n)/1e9)
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(n)/1e3)
}
