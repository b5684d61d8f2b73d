package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

const preface = `# What the conformance suite says

Written by ringsync conformance --markdown, or --compare; README.md of
dataplane/conformance tells how. A row is a script. **pass**: it went as the script asks
of an implementation. **as X**: it went another way that the script knows by name,
which is no failure; below the table is why, and what was said. **fail**: neither.
**left out**: it was not played, since something that it needs was not known or not
there.

`

// Markdown writes reports side by side: for each seat a table of the scripts with
// a column for each implementation, and below it what each does where they go
// different ways.
func Markdown(w io.Writer, reports []*Report) {
	fmt.Fprint(w, preface)
	for _, seat := range []Seat{Receiver, Sender} {
		var columns []*Report
		for _, r := range reports {
			if r.Seat == seat {
				columns = append(columns, r)
			}
		}
		if len(columns) > 0 {
			newTable(columns).write(w, seat)
		}
	}
}

// table is the reports of one seat, by script.
type table struct {
	columns []*Report
	scripts []string
	titles  map[string]string
	cells   map[string]map[*Report]*Result
}

func newTable(columns []*Report) *table {
	t := &table{columns: columns, titles: map[string]string{}, cells: map[string]map[*Report]*Result{}}
	for _, r := range columns {
		for i := range r.Results {
			result := &r.Results[i]
			if t.cells[result.Script] == nil {
				t.cells[result.Script] = map[*Report]*Result{}
				t.scripts = append(t.scripts, result.Script)
				t.titles[result.Script] = result.Title
			}
			t.cells[result.Script][r] = result
		}
	}
	slices.SortStableFunc(t.scripts, byFolder)
	return t
}

// byFolder keeps the folders of 2013 behind the others.
func byFolder(a, b string) int {
	old := func(s string) string { return fmt.Sprint(strings.Contains(s, "-2013/")) }
	return strings.Compare(old(a)+a, old(b)+b)
}

func (t *table) write(w io.Writer, seat Seat) {
	fmt.Fprintf(w, "## In the %s's seat\n\n", seat)
	for _, r := range t.columns {
		fmt.Fprintf(w, "* %s.\n", r.Summary())
	}
	fmt.Fprint(w, "\n| script |")
	for _, r := range t.columns {
		fmt.Fprintf(w, " %s |", cell(r.Implementation))
	}
	fmt.Fprint(w, "\n|---|", strings.Repeat("---|", len(t.columns)), "\n")
	for _, name := range t.scripts {
		fmt.Fprintf(w, "| %s |", cell(name))
		for _, r := range t.columns {
			fmt.Fprintf(w, " %s |", cell(t.cells[name][r].short()))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	t.writeDifferences(w, seat)
}

// short is what stands in a cell.
func (r *Result) short() string {
	switch {
	case r == nil:
		return ""
	case r.Status == Fail:
		return "**fail**"
	case r.Status == Differs:
		var names []string
		for _, c := range r.Chosen {
			names = append(names, c.As)
		}
		return "as " + strings.Join(slices.Compact(names), ", ")
	}
	return string(r.Status)
}

// writeDifferences tells of each script on which not all pass in the same way.
func (t *table) writeDifferences(w io.Writer, seat Seat) {
	title := fmt.Sprintf("### Where %ss go different ways\n\n", seat)
	for _, name := range t.scripts {
		if !t.differ(name) {
			continue
		}
		fmt.Fprint(w, title)
		title = ""
		fmt.Fprintf(w, "**%s** — %s\n\n", name, text(t.titles[name]))
		for _, r := range t.columns {
			if result := t.cells[name][r]; result != nil && result.Status != LeftOut {
				result.writeCell(w, r.Implementation)
			}
		}
		fmt.Fprintln(w)
	}
}

// differ tells whether a script is worth a paragraph: somebody neither passed it
// nor was left out.
func (t *table) differ(name string) bool {
	for _, r := range t.cells[name] {
		if r.Status == Fail || r.Status == Differs {
			return true
		}
	}
	return false
}

func (r *Result) writeCell(w io.Writer, name string) {
	switch {
	case r.Status == Fail && r.Reason != "":
		fmt.Fprintf(w, "* %s fails: %s\n", name, text(r.Reason))
	case r.Status == Fail:
		fmt.Fprintf(w, "* %s fails at line %d: wanted %s, got %s\n", name, r.Line, text(r.Want), text(r.Got))
	case len(r.Chosen) == 0:
		fmt.Fprintf(w, "* %s does as asked.\n", name)
	}
	for _, c := range r.Chosen {
		fmt.Fprintf(w, "* %s does as %s: %s\n", name, c.As, text(c.Why))
	}
	if len(r.Heard) == 0 {
		return
	}
	fmt.Fprint(w, "\n  ```\n")
	for _, line := range r.Heard {
		fmt.Fprintf(w, "  %s\n", line)
	}
	fmt.Fprint(w, "  ```\n")
}

// cell is text that may stand in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// text keeps angle brackets from being taken for HTML.
func text(s string) string { return strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(s) }
