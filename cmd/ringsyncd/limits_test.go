package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/cmd/internal/admin"
	"github.com/ringsync/ringsync/dataplane/limit"
)

func limitsAt(t *testing.T, at admin.Address, method, body string) (a limitsAnswer, err error) {
	t.Helper()
	text, err := admin.Ask(t.Context(), at, method, "/limits", []byte(body))
	if err == nil {
		err = json.Unmarshal(text, &a)
	}
	return a, err
}

// A daemon has the limits of its file, reads it again at SIGHUP, keeps what it has where
// that has a mistake, and takes others from who asks on its socket.
func TestLimits(t *testing.T) {
	dir, at := socketIn(t)
	file := filepath.Join(t.TempDir(), "limits.ini")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	node := func(want limit.Rates) {
		t.Helper()
		if a, err := limitsAt(t, at, "GET", ""); err != nil || a.Bytes.Node != want || a.Replicator != nil {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	write("[node]\nout = 5M\n")
	d := startOn(t, "--state-dir="+dir, "--limits="+file)
	d.until("admin on " + at.Text)
	node(limit.Rates{Out: 5e6})

	write("[node]\nout = 6M\nin = 7M\n")
	d.cmd.Process.Signal(syscall.SIGHUP)
	d.until("limits changed")
	node(limit.Rates{Out: 6e6, In: 7e6})

	write("[node]\nout = 8M\nup = 1\n")
	d.cmd.Process.Signal(syscall.SIGHUP)
	d.until("limits.ini, line 3")
	node(limit.Rates{Out: 6e6, In: 7e6})

	if a, err := limitsAt(t, at, "PUT", `{"bytes": {"node": {"out": "9M"}, "peers": {"10.0.0.1": {"in": 5}}}}`); err != nil || a.Bytes.Node.Out != 9e6 || a.Bytes.Peers["10.0.0.1"].In != 5 {
		t.Errorf("%+v, %v", a, err)
	}
	for _, wrong := range []string{`{"bytes": {"node": {"up": 1}}}`, `{"bytes": {"node": {"out": "x"}}}`, `{"replicator": {"concurrency": 3}}`, `{} {}`, `[`, `{"bytes": {"peers": {"a:1": {}}}}`, strings.Repeat(" ", maxAdminBody) + "{}"} {
		if _, err := limitsAt(t, at, "PUT", wrong); err == nil {
			t.Errorf("%.40s is taken", wrong)
		}
	}
	node(limit.Rates{Out: 9e6})
	d.stop()
}
