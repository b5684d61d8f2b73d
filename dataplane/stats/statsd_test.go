package stats

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// listener is a statsd that keeps what it is told.
func listener(t *testing.T) (*net.UDPConn, int) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, conn.LocalAddr().(*net.UDPAddr).Port
}

func told(t *testing.T, conn *net.UDPConn, n int) (lines []string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 1<<10)
	for range n {
		got, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", lines, err)
		}
		lines = append(lines, string(buf[:got]))
	}
	return lines
}

func newSender(t *testing.T, cfg StatsdConfig) *statsd {
	t.Helper()
	d := newStatsd(cfg, prometheus.NewCounter(prometheus.CounterOpts{Name: "s"}), prometheus.NewCounter(prometheus.CounterOpts{Name: "d"}))
	t.Cleanup(d.close)
	return d
}

// The lines are Swift's, prefixes and sample rates too; 5xx has a name of its
// own, and a verb that Swift does not know has none.
func TestStatsdLines(t *testing.T) {
	conn, port := listener(t)
	d := newSender(t, StatsdConfig{Host: "127.0.0.1", Port: port, MetricPrefix: "node7"})
	d.random = func() float64 { return 0 }
	d.served("REPLICATE", 200, 1234567*time.Nanosecond)
	d.served("REPLICATE", 507, time.Second)
	d.served("SSYNC", 200, 90*time.Minute)
	d.served("HEAD", 404, 0)
	d.served("PUT", 499, 50*time.Microsecond)
	d.served("REPLICATION", 200, 0)
	d.served("BREW", 200, 0)
	d.increment("quarantines")
	want := []string{
		"node7.object-server.REPLICATE.timing:1.2346|ms|@0.1",
		"node7.object-server.REPLICATE.errors.timing:1000.0|ms|@0.1",
		"node7.object-server.SSYNC.timing:5400000.0|ms|@0.1",
		"node7.object-server.HEAD.timing:0.0|ms|@0.8",
		"node7.object-server.PUT.timing:0.05|ms",
		"node7.object-server.quarantines:1|c",
	}
	if diff := cmp.Diff(want, told(t, conn, len(want))); diff != "" {
		t.Error(diff)
	}
}

// Rates are multiplied; a rate of none sends nothing, and a dice above it
// neither.
func TestStatsdRates(t *testing.T) {
	conn, port := listener(t)
	d := newSender(t, StatsdConfig{Host: "127.0.0.1", Port: port, DefaultSampleRate: 0.5, SampleRateFactor: 0.5, LogName: "node"})
	d.random = func() float64 { return 0.2499 }
	d.served("SSYNC", 200, 0) // 0.05
	d.increment("a")          // 0.25
	d.random = func() float64 { return 0.25 }
	d.increment("b")
	d.cfg.SampleRateFactor = 10
	d.served("SSYNC", 200, 0) // 1, so no rate is told
	if diff := cmp.Diff([]string{"node.a:1|c|@0.25", "node.SSYNC.timing:0.0|ms"}, told(t, conn, 2)); diff != "" {
		t.Error(diff)
	}
	never := newSender(t, StatsdConfig{Host: "127.0.0.1", Port: port, SampleRateFactor: -1})
	never.random = func() float64 { return 0 }
	never.increment("c")
	d.increment("d")
	if got := told(t, conn, 1); got[0] != "node.d:1|c" {
		t.Errorf("%q", got)
	}
}

// A quarantine of the store is told, and nothing else of its notices.
func TestStatsdQuarantines(t *testing.T) {
	conn, port := listener(t)
	st := storetest.New(t)
	s, err := New(Config{Devices: st.Devices(), Cluster: st.Cluster(), Statsd: StatsdConfig{Host: "127.0.0.1", Port: port}})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []store.NoticeKind{store.NoticeSuspect, store.NoticeNotQuarantined, store.NoticeQuarantined} {
		s.Noticed(store.Notice{Kind: kind, Device: "d1"})
	}
	s.Close()
	has(t, scrape(t, s), "ringsync_statsd_sent_total 1")
	if got := told(t, conn, 1); got[0] != "object-server.quarantines:1|c" {
		t.Errorf("%q", got)
	}
}

// Nobody waits for statsd: lines beyond those that may wait are dropped and
// counted, and so are those that can't be sent.
func TestStatsdDrops(t *testing.T) {
	s, _ := newStats(t)
	s.statsd = &statsd{lines: make(chan string, 2), dropped: s.metrics.statsdDropped, cfg: StatsdConfig{DefaultSampleRate: 1, SampleRateFactor: 1}}
	for range 5 {
		s.statsd.increment("x")
	}
	has(t, scrape(t, s), "ringsync_statsd_dropped_total 3")
	long := target{asked: time.Now()}
	s.statsd.write(&long, "nowhere to go")
	has(t, scrape(t, s), "ringsync_statsd_dropped_total 4")
	s.statsd = nil

	_, port := listener(t)
	d := newSender(t, StatsdConfig{Host: "127.0.0.1", Port: port})
	t2 := target{port: uint16(port)}
	t2.lookUp(t.Context(), "127.0.0.1")
	defer t2.close()
	if err := t2.write(strings.Repeat("x", 100_000)); err == nil { // no datagram holds that
		t.Error("a datagram of 100,000 bytes")
	}
	d.close()
	d.increment("after the end") // waits in the queue for ever, and hurts nobody
}
