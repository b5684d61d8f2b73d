package kill_test

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

// house is two devices directories, and the programs that work on them.
type house struct {
	t         *testing.T
	bin, conf string
	state     string
	from, to  string
	as        *syscall.Credential // of the daemon; nil: ours
}

// build makes the binaries, once for each test.
func build(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, bin: t.TempDir(), conf: t.TempDir(), state: t.TempDir(), from: storetest.Devices(t), to: storetest.Devices(t)}
	tags := ""
	if control.Enabled {
		tags = "controls"
	}
	if out, err := exec.Command("go", "build", "-tags", tags, "-o", h.bin+"/", "../../../cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(h.conf, "swift.conf"), []byte(storetest.SwiftConf), 0o644); err != nil {
		t.Fatal(err)
	}
	return h
}

// daemon is a running ringsyncd.
type daemon struct {
	cmd     *exec.Cmd
	address string
	reading sync.WaitGroup
	mu      sync.Mutex
	said    bytes.Buffer
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:[0-9]+)`)

// start runs a ringsyncd until it listens.
func (h *house) start(args ...string) *daemon {
	h.t.Helper()
	d := &daemon{cmd: exec.Command(filepath.Join(h.bin, "ringsyncd"), append([]string{"--listen=127.0.0.1:0", "--mount-check=false",
		"--devices=" + h.to, "--swift-dir=" + h.conf, "--state-dir=" + h.state, "--reclaim-age=876000h"}, args...)...)}
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: h.as, Pdeathsig: syscall.SIGKILL}
	log, err := d.cmd.StderrPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(d.kill)
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
	if d.address = <-there; d.address == "" {
		h.t.Fatalf("ringsyncd did not start: %s", d.log())
	}
	return d
}

func (d *daemon) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

// kill ends it by SIGKILL, if it has not ended.
func (d *daemon) kill() {
	d.cmd.Process.Kill()
	d.wait()
}

func (d *daemon) wait() error {
	d.reading.Wait()
	return d.cmd.Wait()
}

// report is what ringsync push prints.
type report struct{ Offered, Sent, Proven, Failed int }

// push runs a ringsync push, to be killed after a time unless that is 0. told is
// false if it was killed before it had said anything.
func (h *house) push(to string, killAfter time.Duration) (r report, told bool, err error) {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(h.bin, "ringsync"), "push", "--to", to, "--devices", h.from, "--device", "d1", "--swift-dir", h.conf, "--json")
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
