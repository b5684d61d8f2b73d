package faultstest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// House is two devices directories, and the programs that work on them.
type House struct {
	Bin, Conf string
	State     string
	From, To  string
	As        *syscall.Credential // of the daemon; nil: ours
	Cgroup    *Cgroup             // of the daemon; nil: ours

	t *testing.T
}

// Build makes the binaries, once for each test.
func Build(t *testing.T) *House {
	t.Helper()
	h := &House{t: t, Bin: t.TempDir(), Conf: t.TempDir(), State: t.TempDir(), From: storetest.Devices(t), To: storetest.Devices(t)}
	tags := ""
	if control.Enabled {
		tags = "controls"
	}
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", h.Bin+"/", "../../../cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(h.Conf, "swift.conf"), []byte(storetest.SwiftConf), 0o644); err != nil {
		t.Fatal(err)
	}
	return h
}

// Daemon is a running ringsyncd.
type Daemon struct {
	Cmd     *exec.Cmd
	Address string
	reading sync.WaitGroup
	mu      sync.Mutex
	said    bytes.Buffer
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:[0-9]+)`)

// Start runs a ringsyncd until it listens.
func (h *House) Start(args ...string) *Daemon {
	h.t.Helper()
	command := append([]string{filepath.Join(h.Bin, "ringsyncd"), "--listen=127.0.0.1:0", "--mount-check=false",
		"--devices=" + h.To, "--swift-dir=" + h.Conf, "--state-dir=" + h.State, "--reclaim-age=876000h"}, args...)
	if h.Cgroup != nil {
		command = h.Cgroup.enter(command)
	}
	d := &Daemon{Cmd: exec.Command(command[0], command[1:]...)}
	d.Cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.As, Pdeathsig: syscall.SIGKILL}
	log, err := d.Cmd.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := d.Cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(d.Kill)
	there := make(chan string, 1)
	d.reading.Go(func() {
		defer close(there)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				there <- found[1]
			}
			d.mu.Lock()
			d.said.WriteString(lines.Text() + "\n")
			d.mu.Unlock()
		}
	})
	if d.Address = <-there; d.Address == "" {
		h.t.Fatalf("ringsyncd did not start: %s", d.Log())
	}
	return d
}

// Log is what it has said so far.
func (d *Daemon) Log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// Kill ends it by SIGKILL, if it has not ended.
func (d *Daemon) Kill() {
	d.Cmd.Process.Kill()
	d.Wait()
}

// Wait waits for its end.
func (d *Daemon) Wait() error {
	d.reading.Wait()
	return d.Cmd.Wait()
}

// Pushed is what ringsync push prints.
type Pushed struct{ Offered, Sent, Proven, Failed int }

// Push runs a ringsync push, to be killed after a time unless that is 0. told is
// false if it was killed before it had said anything.
func (h *House) Push(to string, killAfter time.Duration) (r Pushed, told bool, err error) {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(h.Bin, "ringsync"), "push", "--to", to, "--devices", h.From, "--device", "d1", "--swift-dir", h.Conf, "--json")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	if killAfter > 0 {
		timer := time.AfterFunc(killAfter, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	return r, json.Unmarshal(out.Bytes(), &r) == nil, err
}
