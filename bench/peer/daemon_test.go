package peer_test

import (
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

// What a daemon logs as an error is told, also when it goes through one of the
// adapters that Swift puts before its loggers: here, that nobody answers.
func TestDaemonComplains(t *testing.T) {
	swift, dir, from := peertest.Require(t), peertest.SwiftDir(t), peertest.Devices(t)
	fill(t, swift, dir, from, []peer.Op{{Op: peer.Put, Name: "/a/c/o", Timestamp: "1700000001.00000"}})
	ring := peer.Ring{Name: "object", Replicas: 2, Nodes: []peer.RingNode{{Device: "d1", Server: "127.0.0.1:1"}, {Device: "d1", Server: "127.0.0.1:2"}}}
	if _, err := swift.BuildRing(t.Context(), dir, ring); err != nil {
		t.Fatal(err)
	}
	report, err := swift.MeasureDaemon(t.Context(), peer.Replicator, peer.DaemonConfig{SwiftDir: dir, Devices: from, Address: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(report.Errors, "\n"); !strings.Contains(all, "Error syncing with node") || !strings.Contains(all, "REFUSED") {
		t.Errorf("the complaints: %q", report.Errors)
	}
	if report.Start <= 0.05 || report.Start > 600 || report.Wall <= 0 || report.UserCPU+report.SystemCPU <= 0 || report.PeakBytes < 2<<20 {
		t.Errorf("it took %+v", report.Usage)
	}
}
