package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench"
	"github.com/ringsync/ringsync/bench/report"
	"github.com/spf13/pflag"
)

// Flags alone pick by hand; with a suite they change it; nothing at all is the
// short suite.
func TestBenchPicks(t *testing.T) {
	picks := func(args ...string) ([]bench.Pick, string, error) {
		var o benchOptions
		f := pflag.NewFlagSet("bench", pflag.ContinueOnError)
		o.flags(f)
		if err := f.Parse(args); err != nil {
			t.Fatal(err)
		}
		list, err := o.picks(f)
		return list, o.suite, err
	}
	want := bench.ByHand()
	want.Workloads, want.Runs = []string{"L", "M"}, 2
	got, suite, err := picks("--workload", "L,M", "--runs", "2")
	if diff := cmp.Diff([]bench.Pick{want}, got); diff != "" || suite != "" || err != nil {
		t.Errorf("%v, suite %q: %s", err, suite, diff)
	}
	got, suite, err = picks()
	if err != nil || suite != "short" || len(got) < 3 {
		t.Errorf("without flags: %v, suite %q, %d picks", err, suite, len(got))
	}
	got, suite, err = picks("--suite", "full", "--contestant", "ringsync")
	if err != nil || suite != "full, changed" {
		t.Errorf("%v, suite %q", err, suite)
	}
	scales := map[float64]bool{}
	for _, p := range got {
		if diff := cmp.Diff([]string{"ringsync"}, p.Contestants); diff != "" {
			t.Error(diff)
		}
		scales[p.Scale] = true
	}
	if !scales[50] || len(scales) < 3 {
		t.Errorf("scales of the changed suite: %v", scales)
	}
	if _, _, err := picks("--suite", "all"); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("an unknown suite: %v", err)
	}
}

// saved writes a report of one row, whose runs took so long.
func saved(t *testing.T, seconds ...float64) string {
	t.Helper()
	row := &report.Row{Contestant: "ringsync", Cell: report.Cell{Workload: "S", Objects: 100, Moved: 100, Unit: "objects/s", Medium: "xfs", Cache: "warm", Sessions: 1, Partitions: 1}}
	for _, s := range seconds {
		row.Note(report.Seconds, s)
	}
	path := filepath.Join(t.TempDir(), "report.json")
	if err := (&report.Report{Schema: report.Schema, Rows: []*report.Row{row}}).Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// compare and tables read what bench has saved; what it has not is named.
func TestBenchCompareAndTables(t *testing.T) {
	before, after := saved(t, 1, 1.01, 1.02, 1.03, 1.04), saved(t, 1.3, 1.31, 1.32, 1.33, 1.34)
	out, err := execute(t, "bench", "compare", before, after)
	if err != nil || !strings.Contains(out, "WORSE") || !strings.Contains(out, "+29.4 %") {
		t.Errorf("%v:\n%s", err, out)
	}
	if out, err = execute(t, "bench", "compare", before, before); err != nil || strings.Contains(out, "WORSE") {
		t.Errorf("with itself: %v:\n%s", err, out)
	}
	if out, err = execute(t, "bench", "tables", after); err != nil || !strings.Contains(out, "| ringsync | 75.8 |") {
		t.Errorf("%v:\n%s", err, out)
	}
	if err := os.WriteFile(after, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := execute(t, "bench", "compare", before, after); err == nil || !strings.Contains(err.Error(), after) {
		t.Errorf("no report: %v", err)
	}
}
