package stats

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStats(t *testing.T) (*Stats, *store.Store) {
	t.Helper()
	st := storetest.New(t)
	s, err := New(Config{Devices: st.Devices(), Cluster: st.Cluster(), Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, st
}

// scrape returns the series of ours that are not zero, a line each, without
// times.
func scrape(t *testing.T, s *Stats) []string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "ringsync_") && !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_seconds_bucket") && !strings.Contains(line, "_seconds_sum") {
			lines = append(lines, line)
		}
	}
	return lines
}

func has(t *testing.T, lines []string, want ...string) {
	t.Helper()
	all := strings.Join(lines, "\n") + "\n"
	for _, w := range want {
		if !strings.Contains(all, w+"\n") {
			t.Errorf("%s is missing in:\n%s", w, all)
		}
	}
}

// A session, its subrequests, another request and a notice are counted under
// where they happened and how they ended.
func TestCounts(t *testing.T) {
	s, st := newStats(t)
	r := s.Begin("SSYNC")
	r.At("d1", 0)
	r.Session()
	has(t, scrape(t, s), `ringsync_sessions_in_progress{device="d1",policy="0",verb="SSYNC"} 1`)
	s.Settled(ssync.Subrequest{Device: "d1", Method: "PUT", Status: 201, Reason: ssync.ReasonOK, Bytes: 100, Way: ssync.WaySmall})
	s.Settled(ssync.Subrequest{Device: "d1", Method: "PUT", Status: 201, Reason: ssync.ReasonOK, Bytes: 11, Way: ssync.WayStored})
	s.Settled(ssync.Subrequest{Device: "d1", Method: "POST", Status: 404, Reason: ssync.ReasonNotFound})
	r.Reported(ssync.Report{Offered: 5, Wanted: 3})
	r.Ends(ssync.ReasonFailedUpdates, 200)
	r.End()
	q := s.Begin("REPLICATE")
	q.At("d1", 2)
	q.End()
	s.Noticed(store.Notice{Kind: store.NoticeSuspect, Device: "d1"})
	s.Noticed(store.Notice{Kind: store.NoticeQuarantined, Device: "d1", Partition: storetest.Partition(t, st)})
	if err := s.Gauge("ringsync_some", "Some.", func() float64 { return 7 }); err != nil {
		t.Fatal(err)
	}
	if err := s.Gauge("ringsync_some", "Some.", nil); err == nil {
		t.Error("one gauge twice")
	}
	lines := scrape(t, s)
	has(t, lines,
		`ringsync_sessions_total{device="d1",policy="0",reason="failed_updates",verb="SSYNC"} 1`,
		`ringsync_session_seconds_count{device="d1",policy="0",verb="SSYNC"} 1`,
		`ringsync_offers_total{device="d1",policy="0",verb="SSYNC"} 5`,
		`ringsync_wanted_total{device="d1",policy="0",verb="SSYNC"} 3`,
		`ringsync_objects_total{device="d1",policy="0",verb="PUT"} 2`,
		`ringsync_bytes_total{device="d1",policy="0"} 111`,
		`ringsync_bodies_verified_total{device="d1",policy="0",way="small"} 1`,
		`ringsync_bodies_verified_total{device="d1",policy="0",way="stored"} 1`,
		`ringsync_failures_total{device="d1",policy="0",reason="not_found",verb="POST"} 1`,
		`ringsync_requests_total{device="d1",policy="2",reason="ok",verb="REPLICATE"} 1`,
		`ringsync_request_seconds_count{device="d1",policy="2",verb="REPLICATE"} 1`,
		`ringsync_notices_total{device="d1",policy="",reason="suspect"} 1`,
		`ringsync_notices_total{device="d1",policy="0",reason="quarantined"} 1`,
		`ringsync_some 7`,
	)
	for _, line := range lines {
		if strings.HasPrefix(line, "ringsync_sessions_in_progress") {
			t.Errorf("nobody is in progress any more: %s", line)
		}
	}
}

// Whatever a peer writes, the number of series is bounded.
func TestLabels(t *testing.T) {
	s, _ := newStats(t)
	for _, device := range []string{"d1", "d2", "..", "", "../d1", "d1/objects", "d%31", "\xff", strings.Repeat("x", 300)} {
		for _, method := range []string{"BREW", "ssync", "\xff"} {
			for _, policy := range []int{0, 9, -1} {
				r := s.Begin(method)
				r.At(device, policy)
				r.End()
			}
		}
	}
	var got []string
	for _, line := range scrape(t, s) {
		if strings.HasPrefix(line, "ringsync_requests_total") {
			got = append(got, line)
		}
	}
	has(t, got,
		`ringsync_requests_total{device="",policy="",reason="ok",verb="other"} 48`,
		`ringsync_requests_total{device="",policy="0",reason="ok",verb="other"} 24`,
		`ringsync_requests_total{device="d1",policy="",reason="ok",verb="other"} 6`,
		`ringsync_requests_total{device="d1",policy="0",reason="ok",verb="other"} 3`,
	)
	if len(got) != 4 {
		t.Errorf("%d series:\n%s", len(got), strings.Join(got, "\n"))
	}
}

// A suspect device shows as such, one that is not mounted as not usable.
func TestSuspect(t *testing.T) {
	broken := false
	disk := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if broken && op.Call == store.CallSync {
			return errors.New("the disk has gone")
		}
		return nil
	}}
	st := storetest.New(t, func(c *store.Config) { c.Witness = disk })
	s, err := New(Config{Devices: st.Devices(), Cluster: st.Cluster()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Watch(st); err != nil {
		t.Fatal(err)
	}
	has(t, scrape(t, s), `ringsync_device_usable{device="d1"} 1`)
	p := storetest.Partition(t, st)
	broken = true
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), nil); err == nil {
		t.Fatal("a failed fsync went unnoticed")
	}
	lines := scrape(t, s)
	has(t, lines, `ringsync_device_suspect{device="d1"} 1`)
	if strings.Contains(strings.Join(lines, "\n"), "usable") {
		t.Errorf("usable: %q", lines)
	}
}

// Nobody watching costs nothing and breaks nothing.
func TestNil(t *testing.T) {
	var s *Stats
	s.Settled(ssync.Subrequest{})
	s.Noticed(store.Notice{})
	r := s.Begin("SSYNC")
	r.At("d1", 0)
	r.Session()
	r.Reported(ssync.Report{})
	r.Ends(ssync.ReasonOK, 200)
	r.End()
	if err := errors.Join(s.Gauge("x", "", nil), s.Watch(nil)); err != nil {
		t.Error(err)
	}
	s.Close()
	if n := testing.AllocsPerRun(100, func() { s.Begin("SSYNC").End(); s.Settled(ssync.Subrequest{Elapsed: time.Second}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a configuration of nothing")
	}
}
