package stats

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
)

// A replicator's doings are counted where they happened, and statsd hears of them
// under the names of Swift's object-replicator.
func TestReplicator(t *testing.T) {
	s, _ := newStats(t)
	l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := s.Replicator(StatsdConfig{Host: "127.0.0.1", Port: l.LocalAddr().(*net.UDPAddr).Port, MetricPrefix: "node"})
	r.Begins("update", "d1")
	r.Did("update", "d1", 0, "ok", 1500*time.Microsecond)
	r.Begins("delete", "d1")
	r.Did("revert", "d1", 0, "peers", time.Millisecond)
	r.LockFailure()
	r.Suffixes(3, 0)
	r.Suffixes(0, 2)
	r.Session("d1", 0, "10.0.0.1:6200", "ok", &ssync.Result{Sent: 3, Bytes: 100, Proven: 4})
	r.Failed("d1", 0, "10.0.0.1:6200", "timeout")
	r.Removed("d1", 0, 7)
	r.LeftOut("d2", 0, "unmounted")
	r.LeftAlone("d1", 0)
	r.Passed(2 * time.Second)
	r.Stuck(map[Stuck]int{{"d1", "timeout"}: 4, {"d1", "stale"}: 1})
	r.Stuck(map[Stuck]int{{"d1", "timeout"}: 5})
	r.Close()
	if strings.Contains(strings.Join(scrape(t, s), "\n"), `reason="stale"`) {
		t.Error("what is stuck no more is still told")
	}
	has(t, scrape(t, s),
		`ringsync_replicator_stuck_partitions{device="d1",reason="timeout"} 5`,
		`ringsync_replicator_partitions_total{device="d1",kind="revert",policy="0",reason="peers"} 1`,
		`ringsync_replicator_partitions_total{device="d1",kind="update",policy="0",reason="ok"} 1`,
		`ringsync_replicator_objects_sent_total{device="d1",peer="10.0.0.1:6200",policy="0"} 3`,
		`ringsync_replicator_objects_proven_total{device="d1",peer="10.0.0.1:6200",policy="0"} 4`,
		`ringsync_replicator_bytes_sent_total{device="d1",peer="10.0.0.1:6200",policy="0"} 100`,
		`ringsync_replicator_sessions_total{device="d1",peer="10.0.0.1:6200",policy="0",reason="ok"} 1`,
		`ringsync_replicator_peer_failures_total{device="d1",peer="10.0.0.1:6200",policy="0",reason="timeout"} 1`,
		`ringsync_replicator_objects_removed_total{device="d1",policy="0"} 7`,
		`ringsync_replicator_devices_left_out_total{device="",policy="0",reason="unmounted"} 1`,
		`ringsync_replicator_partitions_left_alone_total{device="d1",policy="0"} 1`,
		`ringsync_replicator_suffixes_total{what="hashed"} 3`,
		`ringsync_replicator_suffixes_total{what="synced"} 2`,
		`ringsync_replicator_passes_total 1`,
		`ringsync_replicator_pass_seconds_total 2`,
	)
	want := []string{
		"partition.update.count.d1:1|c", "partition.update.timing:1.5|ms", "partition.delete.count.d1:1|c", "partition.delete.timing:1.0|ms",
		"partition.lock-failure.count:1|c", "suffix.hashes:3|c", "suffix.syncs:2|c",
	}
	var got []string
	buf := make([]byte, 1<<10)
	l.SetReadDeadline(time.Now().Add(10 * time.Second))
	for range want {
		n, err := l.Read(buf)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, strings.TrimPrefix(string(buf[:n]), "node.object-replicator."))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	var none *Replicator = (*Stats)(nil).Replicator(StatsdConfig{})
	none.Begins("update", "d1")
	none.Did("update", "d1", 0, "ok", 0)
	none.LockFailure()
	none.Suffixes(1, 1)
	none.Session("d1", 0, "p", "ok", &ssync.Result{})
	none.Failed("d1", 0, "p", "x")
	none.Removed("d1", 0, 1)
	none.LeftOut("d1", 0, "x")
	none.LeftAlone("d1", 0)
	none.Passed(0)
	none.Stuck(nil)
	none.Close()
}
