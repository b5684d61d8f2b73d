package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The tables of a document stand between these.
const (
	beginMark = "<!-- begin: written by make bench -->\n"
	endMark   = "<!-- end -->"
)

// plotsDir is where a document's plots lie, beside it.
const plotsDir = "bench/plots"

// Write replaces the tables in the document at path, and the plots in
// bench/plots beside it. A run that failed is no table.
func (r *Report) Write(path string) error {
	if r.Failure != "" {
		return errors.New("a run that failed writes no tables")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return fmt.Errorf("%s: no place for the tables, between %q and %q", path, strings.TrimSpace(beginMark), endMark)
	}
	plots, err := r.Plot(filepath.Join(filepath.Dir(path), plotsDir))
	if err != nil {
		return err
	}
	var shown strings.Builder
	for _, p := range plots {
		fmt.Fprintf(&shown, "![%s](%s/%s)\n\n", p.About, plotsDir, p.File)
	}
	out := append(bytes.Clone(before), beginMark+shown.String()+r.Markdown()+endMark...)
	return os.WriteFile(path, append(out, after...), 0o644)
}
