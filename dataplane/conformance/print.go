package conformance

import (
	"fmt"
	"io"
	"strings"
)

// Print tells of a result in a line or, where it needs them, in some.
func (r *Result) Print(w io.Writer) {
	fmt.Fprintf(w, "%-8s  %s\n", r.Status, r.Script)
	for _, c := range r.Chosen {
		fmt.Fprintf(w, "          as %s: %s\n", c.As, c.Why)
	}
	switch {
	case r.Status == LeftOut:
		fmt.Fprintf(w, "          %s\n", r.Reason)
	case r.Status == Fail:
		fmt.Fprintf(w, "          %s\n", r.Title)
		if r.Reason != "" {
			fmt.Fprintf(w, "          %s\n", r.Reason)
		} else {
			fmt.Fprintf(w, "          line %d: wanted %s\n          %*s got %s\n", r.Line, r.Want, len(fmt.Sprintf("line %d:", r.Line)), "", r.Got)
		}
		for _, text := range r.Heard {
			fmt.Fprintf(w, "          | %s\n", text)
		}
	}
}

// Summary counts.
func (r *Report) Summary() string {
	var parts []string
	for _, status := range []Status{Pass, Differs, Fail, LeftOut} {
		parts = append(parts, fmt.Sprintf("%d %s", r.Count(status), status))
	}
	return fmt.Sprintf("%s as %s: %s", r.Implementation, r.Seat, strings.Join(parts, ", "))
}
