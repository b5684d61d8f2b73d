package dataplane_test

import (
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/recon"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// with returns the lines of that message, by their reason.
func (l *lines) with(t *testing.T, message string) map[string]map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string]map[string]any{}
	for line := range strings.Lines(l.text.String()) {
		var attrs map[string]any
		if err := json.Unmarshal([]byte(line), &attrs); err != nil {
			t.Fatal(err)
		}
		if reason, _ := attrs["reason"].(string); attrs["msg"] == message {
			found[reason] = attrs
		}
	}
	return found
}

// Every end of a session and of a request is counted under its reason, and the
// same reason stands in the log, with peer, device, policy and partition.
func TestReasons(t *testing.T) {
	hash := storetest.Hash("/a/c/o").String()
	check := chunks(":MISSING_CHECK: START\r\n", hash+" 1700000001.00000\r\n", ":MISSING_CHECK: END\r\n", ":UPDATES: START\r\n")
	const put = "PUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n"
	var counted *stats.Stats
	var log lines
	t.Run("requests", func(t *testing.T) {
		address, devices := startNode(t, func(c *dataplane.Config) {
			var err error
			if counted, err = stats.New(stats.Config{Devices: c.Store.Devices(), Cluster: c.Store.Cluster()}); err != nil {
				t.Fatal(err)
			}
			c.Stats, c.Log = counted, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		ask(t, address, head+check+chunks(put+"ETag: 00000000000000000000000000000000\r\n\r\n", "abc", ":UPDATES: END\r\n"))
		ask(t, address, head+check+chunks(put+"\r\n", "abc", ":UPDATES: END\r\n")+proto.LastChunk)
		ask(t, address, head+chunks("hello\r\n"))
		ask(t, address, head+"ff\r\n:MISS")
		ask(t, address, "SSYNC /d9/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
		ask(t, address, "SSYNC /d1/03 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
		ask(t, address, "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n")
		ask(t, address, "REPLICATE /d1/0 HTTP/1.1\r\n\r\n")
		ask(t, address, "BREW /d1/0 HTTP/1.1\r\n\r\n")
		ask(t, address, "GET /healthcheck HTTP/1.1\r\n\r\n")
		s := storetest.New(t, func(c *store.Config) { c.Devices = devices })
		lock, err := storetest.Partition(t, s).LockReplication(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ask(t, address, head+check)
		lock.Release()
	})
	// The devices have gone by now; what is known without them is told.
	w := httptest.NewRecorder()
	counted.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, series := range []string{
		`ringsync_sessions_total{device="d1",policy="0",reason="ok",verb="SSYNC"} 1`,
		`ringsync_sessions_total{device="d1",policy="0",reason="failed_updates",verb="SSYNC"} 1`,
		`ringsync_sessions_total{device="d1",policy="0",reason="protocol",verb="SSYNC"} 1`,
		`ringsync_sessions_total{device="d1",policy="0",reason="early_disconnect",verb="SSYNC"} 1`,
		`ringsync_sessions_total{device="d1",policy="0",reason="lock_timeout",verb="SSYNC"} 1`,
		`ringsync_requests_total{device="",policy="0",reason="unmounted",verb="SSYNC"} 1`,
		`ringsync_requests_total{device="d1",policy="0",reason="refused",verb="SSYNC"} 1`,
		`ringsync_requests_total{device="",policy="",reason="refused",verb="SSYNC"} 1`,
		`ringsync_requests_total{device="",policy="",reason="refused",verb="other"} 1`,
		`ringsync_requests_total{device="",policy="",reason="ok",verb="GET"} 1`,
		`ringsync_requests_total{device="d1",policy="0",reason="ok",verb="REPLICATE"} 1`,
		`ringsync_offers_total{device="d1",policy="0",verb="SSYNC"} 2`,
		`ringsync_wanted_total{device="d1",policy="0",verb="SSYNC"} 2`,
		`ringsync_objects_total{device="d1",policy="0",verb="PUT"} 1`,
		`ringsync_bytes_total{device="d1",policy="0"} 3`,
		`ringsync_failures_total{device="d1",policy="0",reason="digest",verb="PUT"} 1`,
		`ringsync_sessions_in_progress{device="d1",policy="0",verb="SSYNC"} 0`,
		`ringsync_buffers 64`,
		`ringsync_buffers_in_use 0`,
		`ringsync_clients 0`,
	} {
		if !strings.Contains(w.Body.String(), series+"\n") {
			t.Errorf("%s is missing", series)
		}
	}
	if t.Failed() {
		t.Log(w.Body)
	}

	failed, ended := log.with(t, "session failed"), log.with(t, "session ended")
	for _, line := range []map[string]any{failed["failed_updates"], failed["protocol"], failed["early_disconnect"], failed["lock_timeout"], ended["ok"],
		log.with(t, "subrequest failed")["digest"], log.with(t, "request refused")["unmounted"]} {
		for _, attr := range []string{"peer", "device", "policy", "partition", "reason"} {
			if _, there := line[attr]; !there {
				t.Errorf("no %s in %v", attr, line)
			}
		}
	}
	if _, there := log.with(t, "request refused")["refused"]; !there {
		t.Error("a refusal is not to be found, even at debug")
	}
}

// /recon/ is answered on the replication port, if somebody made the answers.
func TestRecon(t *testing.T) {
	address, _ := startNode(t, func(c *dataplane.Config) {
		var err error
		if c.Recon, err = recon.New(recon.Config{Devices: c.Store.Devices(), CachePath: t.TempDir(), Version: "v1"}); err != nil {
			t.Fatal(err)
		}
	})
	var got []string
	for _, request := range []string{
		"GET /recon/version", "GET /recon/async", "GET /recon/devices", "GET /recon/nothing", "HEAD /recon/version", "GET /reconnoitre",
	} {
		answer := ask(t, address, request+" HTTP/1.1\r\n\r\n")
		head, body, _ := strings.Cut(answer, "\r\n\r\n")
		first, _, _ := strings.Cut(head, "\r\n")
		body, _, _ = strings.Cut(body, ": /")
		got = append(got, strings.TrimPrefix(first, "HTTP/1.1 ")+" "+strings.Split(body, "/")[0])
	}
	want := []string{
		`200 OK {"version": "v1"}`, `200 OK {"async_pending": null, "async_pending_last": null}`, `200 OK {"`,
		"404 Not Found Invalid path", "200 OK ", "405 Method Not Allowed <html><h1>Method Not Allowed<",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	plain, _ := startNode(t)
	if answer := ask(t, plain, "GET /recon/version HTTP/1.1\r\n\r\n"); !strings.Contains(answer, "405") {
		t.Errorf("%q", answer)
	}
}

// An operator who takes a node out of service by a file is believed.
func TestDisabledByFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "down")
	address, _ := startNode(t, func(c *dataplane.Config) { c.DisablePath = path })
	if got := ask(t, address, "GET /healthcheck HTTP/1.1\r\n\r\n"); !strings.HasSuffix(got, "\r\n\r\nOK") {
		t.Errorf("without the file: %q", got)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := ask(t, address, "GET /healthcheck HTTP/1.1\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.HasSuffix(got, "DISABLED BY FILE") {
		t.Errorf("with it: %q", got)
	}
}
