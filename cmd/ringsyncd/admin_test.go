package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/cmd/internal/admin"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/spf13/pflag"
)

// startOn starts a daemon on a fresh device.
func startOn(t *testing.T, args ...string) *daemon {
	t.Helper()
	return start(t, append([]string{"--listen=127.0.0.1:0", "--mount-check=false", "--devices=" + storetest.Devices(t), "--swift-dir=" + swiftDir(t)}, args...)...)
}

// socketIn is the default socket of a state directory, whose path is a short one: the
// kernel takes no long one.
func socketIn(t *testing.T) (dir string, at admin.Address) {
	t.Helper()
	dir, err := os.MkdirTemp("", "admin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir, admin.Address{Network: "unix", Text: filepath.Join(dir, admin.SocketName)}
}

func statusAt(t *testing.T, at admin.Address) (s admin.Status) {
	t.Helper()
	text, err := admin.Ask(t.Context(), at, "GET", "/status", nil)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatalf("%v: %.200q", err, text)
	}
	return s
}

// A daemon answers on a socket that is its owner's alone. While it lives another one
// leaves that alone and does its work without, and takes it when the first has gone.
// What a killed one left is taken at once.
func TestAdminSocket(t *testing.T) {
	dir, at := socketIn(t)
	first := startOn(t, "--state-dir="+dir)
	first.until("admin on " + at.Text)
	if info, err := os.Lstat(at.Text); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if s := statusAt(t, at); s.PID != first.cmd.Process.Pid || s.Started.IsZero() || s.Replicator != nil || s.Receiving.MaxClients == 0 {
		t.Errorf("%+v", s)
	}
	second := startOn(t, "--state-dir="+dir)
	second.until("another daemon answers there")
	second.healthy()
	if s := statusAt(t, at); s.PID != first.cmd.Process.Pid {
		t.Errorf("it has become the socket of %d", s.PID)
	}
	first.stop()
	second.until("admin on " + at.Text)
	if s := statusAt(t, at); s.PID != second.cmd.Process.Pid {
		t.Errorf("it is the socket of %d", s.PID)
	}
	second.cmd.Process.Kill()
	second.cmd.Wait()
	if _, err := os.Lstat(at.Text); err != nil {
		t.Fatalf("nothing was left behind: %v", err)
	}
	third := startOn(t, "--state-dir="+dir)
	third.until("admin on " + at.Text)
	third.stop()
	if _, err := os.Lstat(at.Text); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// The address may be one of the loopback, or nowhere; a named one that is not to be
// had is an error.
func TestAdminAddress(t *testing.T) {
	dir, at := socketIn(t)
	d := startOn(t, "--state-dir="+dir, "--admin=127.0.0.1:0")
	d.until("admin on ")
	d.until(`"`)
	_, text, _ := strings.Cut(d.log, "admin on ")
	text, _, _ = strings.Cut(text, `"`)
	if s := statusAt(t, admin.Address{Network: "tcp", Text: text}); s.PID != d.cmd.Process.Pid {
		t.Errorf("%+v", s)
	}
	if _, err := os.Lstat(at.Text); !os.IsNotExist(err) {
		t.Errorf("a socket nevertheless: %v", err)
	}
	d.stop()
	for _, none := range []string{"--admin=none", "--admin="} {
		d = startOn(t, "--state-dir="+dir, none)
		d.healthy()
		d.stop()
		if strings.Contains(d.log, "admin on") {
			t.Errorf("%s: %s", none, d.log)
		}
	}
	for text, want := range map[string]string{"0.0.0.0:1": "loopback", "/nowhere/at/all": "no such file", "/dev/null": "something else"} {
		var o adminOptions
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		o.add(f)
		if err := f.Set("admin", text); err != nil {
			t.Fatal(err)
		}
		if _, err := o.serve(t.Context(), dir, &asked{log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Only this machine is answered, and nothing large or strange is listened to.
func TestAdminHandler(t *testing.T) {
	h := (&asked{}).handler()
	for _, test := range []struct {
		name, method, path, from, forwarded string
		status                              int
	}{
		{"another method", "POST", "/status", "127.0.0.1:1", "", http.StatusMethodNotAllowed},
		{"another path", "GET", "/", "127.0.0.1:1", "", http.StatusNotFound},
		{"from elsewhere", "GET", "/status", "10.0.0.1:1", "", http.StatusForbidden},
		{"through a proxy", "GET", "/status", "127.0.0.1:1", "10.0.0.1", http.StatusForbidden},
	} {
		r := httptest.NewRequest(test.method, test.path, nil)
		r.RemoteAddr = test.from
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status {
			t.Errorf("%s: %d %q", test.name, w.Code, w.Body)
		}
	}
}
