package replicator

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ringsync/ringsync/dataplane/recon"
)

// A device that no pass has gone over for longer than reclaim_age pushes nothing,
// until that is accepted; others do.
func TestStaleDevice(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(0, 1)...)
	now := time.Now()
	dir := t.TempDir()
	state := func(cfg *Config) {
		cfg.StateDir, cfg.ReclaimAge, cfg.Now = dir, 24*time.Hour, func() time.Time { return now }
	}
	c.put("/a/c/first", 1, "body", 0)
	c.pass(0, state)
	c.has("/a/c/first", 0, 1)

	now = now.Add(23 * time.Hour)
	c.put("/a/c/second", 1, "body", 0)
	c.pass(0, state)
	c.has("/a/c/second", 0, 1)

	now = now.Add(25 * time.Hour)
	c.put("/a/c/third", 1, "body", 0)
	report := c.pass(0, state)
	c.has("/a/c/third", 0)
	if len(report.Devices) != 0 || report.Attempted != 0 {
		t.Errorf("%+v", report)
	}
	c.logged(0, "reason=stale", "--accept-stale-device d1")

	c.pass(0, state, func(cfg *Config) { cfg.Accept = []string{"d1"} })
	c.has("/a/c/third", 0, 1)
	c.put("/a/c/fourth", 1, "body", 0)
	c.pass(0, state)
	c.has("/a/c/fourth", 0, 1)
}

// A pass in which no peer was reached is none for the tombstones that were missed;
// nor is one over a part.
func TestNoPassAlone(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(0, 1)...)
	c.put("/a/c/o", 1, "body", 0)
	now := time.Now()
	dir := t.TempDir()
	state := func(cfg *Config) {
		cfg.StateDir, cfg.ReclaimAge, cfg.Now = dir, 24*time.Hour, func() time.Time { return now }
	}
	c.nodes[1].server.Stop()
	c.pass(0, state)
	now = now.Add(20 * time.Hour)
	c.pass(0, state)
	c.restart(1)
	c.pass(0, state, func(cfg *Config) { cfg.Only.Partitions = []uint32{0} })
	now = now.Add(20 * time.Hour)
	if report := c.pass(0, state); len(report.Devices) != 0 {
		t.Errorf("%+v", report)
	}
}

// A record that can't be read may say that the device is stale.
func TestBadRecord(t *testing.T) {
	c := newCluster(t, 1)
	s := &state{cfg: c.replicator(0, func(cfg *Config) { cfg.StateDir = t.TempDir() }).cfg}
	for _, text := range []string{"", "{", "{}", "[]", "null", `{"first":"yesterday"}`, `{"complete":"2026-11-25T00:00:00Z"}`} {
		if err := os.WriteFile(s.path("d1"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := s.fresh("d1"); reasonOf(err) != "stale" {
			t.Errorf("%q: %v", text, err)
		}
	}
	os.Remove(s.path("d1"))
	if err := s.fresh("d1"); err != nil {
		t.Error(err)
	}
	if err := s.keep("d1", false, []key{{"d1", 0, 3}, {"d1", 2, 5}}); err != nil {
		t.Fatal(err)
	}
	if got := s.done("d1"); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(s.cfg.StateDir, ".*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// FuzzRecord shows that a record which is read tells when its device was seen, and is
// read again as it was written.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"first":"2026-11-25T00:00:00Z","complete":"2026-11-25T00:00:00Z","done":{"0":[1,2]}}`))
	f.Add([]byte(`{"first":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRecord(text)
		if err != nil {
			return
		}
		if r.First.IsZero() {
			t.Fatalf("%q: %+v", text, r)
		}
		written, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRecord(written)
		if diff := cmp.Diff(r, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v, -first +again:\n%s", err, diff)
		}
	})
}

// A pass that is stopped is gone on with by the next process: what it had done comes
// last.
func TestRestart(t *testing.T) {
	c := newCluster(t, 2)
	c.place(make([]int, 8), []int{1, 1, 1, 1, 1, 1, 1, 1})
	for n := range uint32(8) {
		c.putIn(0, n, "/a/c/o"+string('0'+rune(n)))
	}
	dir := t.TempDir()
	state := func(cfg *Config) { cfg.StateDir = dir }
	stopped := c.replicator(0, state)
	ctx, cancel := context.WithCancel(context.Background())
	pushed := 0
	stopped.pushed = func(*job) {
		if pushed++; pushed == 3 {
			cancel()
		}
	}
	report, err := stopped.Once(ctx)
	if err == nil || !report.Cut {
		t.Fatalf("%v, %+v", err, report)
	}
	first := len(stopped.state.done("d1"))
	again := c.replicator(0, state)
	ctx, cancel = context.WithCancel(context.Background())
	again.pushed = func(*job) { cancel() }
	if _, err := again.Once(ctx); err == nil {
		t.Fatal("it was not stopped")
	}
	if second := len(again.state.done("d1")); first < 2 || second < first {
		t.Errorf("%d were done, and then %d", first, second)
	}

	next := c.replicator(0, state)
	var order []uint32
	next.pushed = func(j *job) { order = append(order, j.partition) }
	if _, err := next.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(order); n < 4 || n > 6 { // what was cut may have arrived, or not
		t.Errorf("pushed %v", order)
	}
	if text, err := os.ReadFile(next.state.path("d1")); err != nil || !strings.Contains(string(text), "complete") || strings.Contains(string(text), "done") {
		t.Errorf("%s, %v", text, err)
	}
}

// The recon cache has what swift-recon asks for, beside what others have written;
// a pass over a part tells nothing.
func TestRecon(t *testing.T) {
	c := newCluster(t, 3)
	c.place(only(0, 1, 2)...)
	c.put("/a/c/o", 1, "body", 0)
	path := filepath.Join(t.TempDir(), "object.recon")
	if err := os.WriteFile(path, []byte(`{"async_pending": 7, "replication_stats": {"failure_nodes": {"10.0.0.9": {"sda": 3}}}}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cache := func(cfg *Config) { cfg.ReconCache = path }
	c.pass(0, cache, func(cfg *Config) { cfg.Only.Partitions = []uint32{0} })
	if got, err := recon.Read(path); err != nil || got["replication_last"] != nil {
		t.Fatalf("%v, %v", got, err)
	}
	c.pass(0, cache)
	c.nodes[2].server.Stop()
	check := func(want string) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{`"async_pending": 7`, `"object_replication_last": `, `"object_replication_time": `, `"replication_last": `, `"replication_time": `, want} {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s is missing in %s", w, text)
			}
		}
	}
	check(`"replication_stats": {"attempted": 1, "failure": 0, "hashmatch": 2, "remove": 0, "rsync": 0, "success": 2, "suffix_count": 1, "suffix_hash": 0, "suffix_sync": 0}`)
	c.pass(0, cache)
	check(`"failure": 1, "failure_nodes": {"127.0.0.1": {"d1": 1}}, "hashmatch": 1,`)
}

// A job that does not end is left behind when the pass is stopped, and its device is
// let alone until it does; then all goes on.
func TestLeftBehind(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(1)...)
	c.put("/a/c/o", 1, "body", 0)
	r := c.replicator(0)
	hangs := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	r.meanwhile = func(*job) {
		cancel()
		<-hangs
	}
	if _, err := r.Once(ctx); err == nil {
		t.Error("it was not stopped")
	}
	c.logged(0, "left behind: no progress")
	report, err := r.Once(context.Background())
	if err != nil || report.Attempted != 0 || len(report.Devices) != 0 {
		t.Errorf("%v, %+v", err, report)
	}
	c.logged(0, "reason=hangs")
	close(hangs)
	if left := r.behind.wait(time.Minute); left != 0 {
		t.Fatalf("%d jobs have not ended", left)
	}
	r.meanwhile = func(*job) {}
	if _, err := r.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.has("/a/c/o", 1)
	c.gone(0)
}
