package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// TestMain runs the daemon itself in a test's child process.
func TestMain(m *testing.M) {
	if os.Getenv("RINGSYNCD_TEST_DAEMON") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// daemon is a ringsyncd that runs, and the log that it has written so far.
type daemon struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	log     string
	rest    io.Reader
}

// start starts a ringsyncd and waits until it listens.
func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	d.cmd.Env = append(os.Environ(), "RINGSYNCD_TEST_DAEMON=1")
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stderr) // and the rest goes on where this ends
	d.rest = lines
	for d.address == "" {
		line, err := lines.ReadString('\n')
		d.log += line
		if _, after, ok := strings.Cut(line, "listening on "); ok {
			d.address, _, _ = strings.Cut(after, `"`)
		}
		if err != nil {
			break
		}
	}
	if d.address == "" {
		t.Fatalf("it did not start: %v\n%s", d.cmd.Wait(), d.log)
	}
	return d
}

// stop ends it with SIGTERM, and expects it to end well.
func (d *daemon) stop() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGTERM)
	rest, _ := io.ReadAll(d.rest)
	if err := d.cmd.Wait(); err != nil {
		d.t.Errorf("%v\n%s%s", err, d.log, rest)
	}
}

// healthy asks for /healthcheck.
func (d *daemon) healthy() {
	d.t.Helper()
	answer, err := http.Get("http://" + d.address + "/healthcheck")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); string(text) != "OK" {
		d.t.Errorf("/healthcheck: %q", text)
	}
}

// conf is an object-server.conf with more of [DEFAULT] and of the app.
func conf(t *testing.T, def, app string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "object-server.conf")
	text := fmt.Sprintf("[DEFAULT]\nbind_ip = 127.0.0.1\nmount_check = no\n%s\n[pipeline:main]\npipeline = object-server\n"+
		"[app:object-server]\nuse = egg:swift#object\n%s\n[object-replicator]\n", def, app)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// swiftDir is a directory with a swift.conf.
func swiftDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "swift.conf"), []byte(storetest.SwiftConf), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
