package conformance_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/judged"
	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// weSpeakReplication says that both of our seats speak the verb of 2013, and that
// its scripts may not be left out.
const weSpeakReplication = true

// leftOut are the scripts that can't be played to us, and why.
var leftOut = map[string]string{
	"receiver/head-replication-server-false": "a node of ours serves replication alone: there is no such setting",
}

// Our receiver and our sender go through every dialogue as they should.
func TestGolden(t *testing.T) {
	swiftDir := t.TempDir()
	if err := os.WriteFile(filepath.Join(swiftDir, "swift.conf"), []byte(storetest.SwiftConf), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg := judged.Config{Cluster: storetest.Cluster(t), SwiftDir: swiftDir, Dir: storetest.Devices(t), Only: "*", Require: weSpeakReplication}
	reports, err := judged.Ours{Name: "ringsync", Log: slog.New(slog.DiscardHandler)}.Judge(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range reports {
		t.Log(report.Summary())
		for _, r := range report.Results {
			t.Run(r.Script, func(t *testing.T) { golden(t, r) })
		}
	}
}

func golden(t *testing.T, r conformance.Result) {
	switch {
	case r.Status == conformance.Fail:
		t.Errorf("%s: %s line %d: wanted %s, got %s\n%q", r.Title, r.Reason, r.Line, r.Want, r.Got, r.Heard)
	case r.Status == conformance.LeftOut && strings.Contains(r.Script, "-2013/") && !weSpeakReplication:
		t.Skip(r.Reason)
	case r.Status == conformance.LeftOut && leftOut[r.Script] == "":
		t.Errorf("left out: %s", r.Reason)
	}
	for _, c := range r.Chosen {
		t.Logf("as %s: %s", c.As, c.Why)
	}
}
