package dataplane_test

import (
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// The way that a large body took, and why, is in the session's line and in the
// metrics, with labels of which there are few; at the start the node has said what
// memory it may take.
func TestBodyWays(t *testing.T) {
	body := strings.Repeat("x", 100_000)
	check := chunks(":MISSING_CHECK: START\r\n", storetest.Hash("/a/c/o").String()+" 1700000001.00000\r\n", ":MISSING_CHECK: END\r\n", ":UPDATES: START\r\n")
	var counted *stats.Stats
	var log lines
	address, _ := startNode(t, func(c *dataplane.Config) {
		var err error
		if counted, err = stats.New(stats.Config{Devices: c.Store.Devices(), Cluster: c.Store.Cluster()}); err != nil {
			t.Fatal(err)
		}
		c.Stats, c.Log = counted, slog.New(slog.NewJSONHandler(&log, nil))
	})
	const put = "PUT /a/c/o\r\nContent-Length: 100000\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n\r\n"
	ask(t, address, head+check+chunks(put, body, ":UPDATES: END\r\n")+proto.LastChunk)

	w := httptest.NewRecorder()
	counted.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	series := regexp.MustCompile(`ringsync_bodies_total\{reason="(small|engine)",way="land_copy"\} 1\n`)
	if !series.MatchString(w.Body.String()) || !strings.Contains(w.Body.String(), `ringsync_zero_copy_total{verdict="copied"} 0`) {
		t.Errorf("no count of the body in:\n%s", w.Body)
	}
	said := regexp.MustCompile(`^land_copy/(small|engine):1$`)
	if ways, _ := log.with(t, "session ended")["ok"]["ways"].(string); !said.MatchString(ways) {
		t.Errorf("the session's line has ways %q", ways)
	}
	memory := log.with(t, "memory at most, in bytes")[""]
	if sum, _ := memory["sum"].(float64); sum < 64<<20 || memory["buffers for bodies"] == nil {
		t.Errorf("at the start it said %v", memory)
	}
}

// A sender's line has the same of its side.
func TestSenderSaysItsWays(t *testing.T) {
	from := storetest.New(t)
	if err := storetest.Put(storetest.Partition(t, from), "/a/c/o", storetest.Time(1), make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	pool, err := buffer.New(buffer.Config{Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	var log lines
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	p := storetest.Partition(t, from)
	suffixes, err := p.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{"d1", "gone"} {
		address, _ := startNode(t)
		r := sender.Push(t.Context(), ssync.Job{Verb: ssync.SSYNC, To: address, Device: device, Partition: p, Suffixes: suffixes})
		if want := device == "d1"; (r.Err == nil) != want || want && r.Ways.String() != "copy/engine:1" {
			t.Errorf("to %s: %v, ways %s", device, r.Err, r.Ways)
		}
	}
	sent, not := log.with(t, "sent session ended")[""], log.with(t, "sent session failed")[""]
	if sent["ways"] != "copy/engine:1" || sent["zero_copy"] != "untried" || sent["sent"] != 1.0 || sent["device"] != "d1" {
		t.Errorf("%v", sent)
	}
	if not["ways"] != "none" || not["error"] == nil {
		t.Errorf("%v", not)
	}
}
