package main

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// The level is told to everybody, and set by who asks from this machine.
func TestLevelHandler(t *testing.T) {
	level := new(slog.LevelVar)
	handler := levelHandler(level, slog.New(slog.DiscardHandler))
	for _, test := range []struct {
		name, method, from, body, forwarded string
		status                              int
		want                                slog.Level
	}{
		{"told", "GET", "10.0.0.1:1", "", "", 200, slog.LevelInfo},
		{"set", "PUT", "127.0.0.1:1", "debug\n", "", 200, slog.LevelDebug},
		{"set over IPv6", "PUT", "[::1]:1", "WARN", "", 200, slog.LevelWarn},
		{"from elsewhere", "PUT", "10.0.0.1:1", "debug", "", 403, slog.LevelWarn},
		{"through a proxy", "PUT", "127.0.0.1:1", "debug", "10.0.0.1", 403, slog.LevelWarn},
		{"no level", "PUT", "127.0.0.1:1", "loud", "", 400, slog.LevelWarn},
		{"nothing", "PUT", "127.0.0.1:1", "", "", 400, slog.LevelWarn},
		{"a flood", "PUT", "127.0.0.1:1", strings.Repeat("debug", 100), "", 400, slog.LevelWarn},
		{"another method", "POST", "127.0.0.1:1", "debug", "", 405, slog.LevelWarn},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, "/log-level", strings.NewReader(test.body))
			r.RemoteAddr = test.from
			if test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != test.status || level.Level() != test.want {
				t.Errorf("%d %q, level %v", w.Code, w.Body, level.Level())
			}
		})
	}
}

// The daemon serves metrics where it is told to and /recon/ on its port, and its
// level can be changed while it runs, by HTTP and by a signal.
func TestSeeing(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "ringsyncd")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), bin, "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--statsd-host=127.0.0.1", "--statsd-default-sample-rate=0",
		"--mount-check=false", "--devices="+storetest.Devices(t), "--swift-dir="+swiftDir(t), "--state-dir="+t.TempDir(), "--recon-cache-path="+t.TempDir())
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewScanner(stderr)
	metrics, port := "http://"+after(t, log, "metrics on "), "http://"+after(t, log, "listening on ")
	if got := request(t, "GET", port+"/recon/version", ""); !strings.Contains(got, `{"version": "ringsync `) {
		t.Errorf("%q", got)
	}
	if got := request(t, "GET", metrics+"/metrics", ""); !strings.Contains(got, `ringsync_device_usable{device="d1"} 1`) || !strings.Contains(got, "ringsync_build_info{") {
		t.Errorf("%.2000q", got)
	}
	if got := request(t, "PUT", metrics+"/log-level", "debug"); got != "debug\n" {
		t.Errorf("%q", got)
	}
	for _, want := range []string{"INFO", "DEBUG"} { // off first, since it is on
		cmd.Process.Signal(syscall.SIGUSR2)
		if got := after(t, log, "signal=SIGUSR2"); got != "" {
			t.Errorf("%q", got)
		}
		if line := log.Text(); !strings.Contains(line, "level="+want) {
			t.Errorf("%q, want %s", line, want)
		}
	}
	cmd.Process.Signal(syscall.SIGTERM)
	for log.Scan() {
		t.Log(log.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// after scans to the line that has a mark, and returns what follows it, up to a
// quote.
func after(t *testing.T, log *bufio.Scanner, mark string) string {
	t.Helper()
	for log.Scan() {
		t.Log(log.Text())
		if _, rest, ok := strings.Cut(log.Text(), mark); ok {
			rest, _, _ = strings.Cut(rest, `"`)
			return rest
		}
	}
	t.Fatalf("no %q", mark)
	return ""
}

func request(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
