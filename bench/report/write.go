package report

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The places of a document that are written, by name. Each stands between a line
// "<!-- begin NAME: written by ringsync bench -->" and one "<!-- end NAME -->".
const (
	OpeningBlock = "opening" // the operator's question
	BehindBlock  = "behind"  // where others are faster
	GoalsBlock   = "goals"   // figures to reach
	TablesBlock  = "tables"  // all there is; a document without it gets nothing
)

// plotsDir is where a document's plots lie, beside it.
const plotsDir = "bench/plots"

// Write replaces what stands between the marks in the document at path, and the
// plots in bench/plots beside it. A run that failed writes nothing.
func (r *Report) Write(path string) error {
	if r.Failure != "" {
		return errors.New("a run that failed writes no tables")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !hasBlock(text, TablesBlock) {
		return fmt.Errorf("%s: no place for the tables, between %q and %q", path, beginMark(TablesBlock), endMark(TablesBlock))
	}
	plots, err := r.Plot(filepath.Join(filepath.Dir(path), plotsDir))
	if err != nil {
		return err
	}
	var tables strings.Builder
	for _, p := range plots {
		fmt.Fprintf(&tables, "![%s](%s/%s)\n\n", p.About, plotsDir, p.File)
	}
	r.tables(&tables)
	for name, block := range map[string]string{OpeningBlock: r.opening(), BehindBlock: r.behind(), GoalsBlock: r.goalsText(), TablesBlock: tables.String()} {
		if hasBlock(text, name) {
			text = withBlock(text, name, block)
		}
	}
	return os.WriteFile(path, text, 0o644)
}

// PartText is what a report of a part of a suite tells: the figures to reach that it
// can judge, and its tables.
func (r *Report) PartText() string {
	var b strings.Builder
	b.WriteString(goalsHead)
	for _, g := range goals {
		if reached := g.judge(r); reached.why == "" {
			reached.line(&b)
		}
	}
	b.WriteString("\n")
	r.tables(&b)
	return b.String()
}

// WriteBlock replaces one place of the document at path.
func WriteBlock(path, name, block string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !hasBlock(text, name) {
		return fmt.Errorf("%s: no place for it, between %q and %q", path, beginMark(name), endMark(name))
	}
	return os.WriteFile(path, withBlock(text, name, block), 0o644)
}

func beginMark(name string) string { return "<!-- begin " + name + ": written by ringsync bench -->" }
func endMark(name string) string   { return "<!-- end " + name + " -->" }

func hasBlock(text []byte, name string) bool {
	_, rest, begun := bytes.Cut(text, []byte(beginMark(name)+"\n"))
	return begun && bytes.Contains(rest, []byte(endMark(name)))
}

// withBlock replaces a place that is there.
func withBlock(text []byte, name, block string) []byte {
	before, rest, _ := bytes.Cut(text, []byte(beginMark(name)+"\n"))
	_, after, _ := bytes.Cut(rest, []byte(endMark(name)))
	return append(append(bytes.Clone(before), beginMark(name)+"\n"+block+endMark(name)...), after...)
}
