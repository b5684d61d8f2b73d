package interop_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/judged"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/conformance"
)

const reportPath = "../conformance/REPORT.md"

// The scripts of the conformance suite go through with a real Swift in both seats,
// or another way that they know by name; and what REPORT.md tells of Swift and of
// us is what they do today.
func TestConformance(t *testing.T) {
	t.Parallel()
	r := newRig(t, peer.WithErasureCoding())
	cfg := judged.Config{Cluster: r.cluster, SwiftDir: r.swiftDir, Dir: peertest.Devices(t), Only: "*"}
	swift, err := judged.Swift{Swift: r.swift, Name: "Swift " + r.swift.Version, Log: t.Output()}.Judge(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := judged.Ours{Name: "ringsync", Log: slog.New(slog.DiscardHandler)}.Judge(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range swift {
		t.Log(report.Summary())
		for _, result := range report.Results {
			if result.Status == conformance.Fail {
				t.Errorf("%s: %s line %d: wanted %s, got %s\n%q", result.Script, result.Reason, result.Line, result.Want, result.Got, result.Heard)
			}
		}
	}
	var now bytes.Buffer
	conformance.Markdown(&now, append(swift, ours...))
	written, err := os.ReadFile(reportPath)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tables(string(written)), tables(now.String())); diff != "" {
		t.Errorf("REPORT.md is not what the suite says (make conformance writes it anew; -written +now):\n%s", diff)
	}
}

// tables are the rows of a report. What stands below them quotes what was said, in
// words that hold times and paths of one run.
func tables(report string) []string {
	var rows []string
	for line := range strings.SplitSeq(report, "\n") {
		if strings.HasPrefix(line, "|") {
			rows = append(rows, line)
		}
	}
	return rows
}
