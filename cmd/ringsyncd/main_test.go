package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// What can't work is refused at the start, in a sentence that names it.
func TestRefusals(t *testing.T) {
	empty := t.TempDir()
	noSecret := t.TempDir()
	if err := os.WriteFile(filepath.Join(noSecret, "swift.conf"), []byte("[swift-hash]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := swiftDir(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no swift.conf", []string{"--swift-dir=" + empty}, "swift.conf"},
		{"no secret", []string{"--swift-dir=" + noSecret}, "swift_hash_path"},
		{"unknown engine", []string{"--swift-dir=" + good, "--engine=warp"}, "portable"},
		{"a configuration file", []string{"/etc/swift/object-server.conf"}, "use flags"},
		{"a log level of its own", []string{"--swift-dir=" + good, "--log-level=loud"}, "--log-level"},
		{"a reserve of its own", []string{"--swift-dir=" + good, "--fallocate-reserve=much"}, "fallocate_reserve"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := newCommand()
			cmd.SetArgs(append([]string{"--listen=127.0.0.1:0", "--devices=" + t.TempDir(), "--state-dir=" + t.TempDir()}, test.args...))
			if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}

func swiftDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "swift.conf"), []byte(storetest.SwiftConf), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The daemon says where it listens, and SIGTERM ends it with 0.
func TestSigterm(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "ringsyncd")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), bin, "--listen=127.0.0.1:0", "--mount-check=false", "--devices="+storetest.Devices(t), "--swift-dir="+swiftDir(t), "--state-dir="+t.TempDir())
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for listening := false; !listening && lines.Scan(); {
		if listening = strings.Contains(lines.Text(), "listening on 127.0.0.1:"); listening {
			cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	for lines.Scan() {
		t.Log(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
