package kill_test

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// SIGTERM lets a session in hand finish, refuses new ones, and ends with 0.
func TestDrain(t *testing.T) {
	h := build(t)
	d := h.start()
	talk := faultstest.Call(t, d.address, "d1")
	talk.Offer("/a/c/o")

	d.cmd.Process.Signal(syscall.SIGTERM)
	for {
		other, err := net.Dial("tcp", d.address)
		if err != nil {
			break // nobody listens any more
		}
		other.Close()
		time.Sleep(time.Millisecond)
	}
	talk.Updates(faultstest.Put("/a/c/o", "abc"))
	if said := talk.Hear(":UPDATES: END"); !strings.Contains(said, ":UPDATES: END") {
		t.Errorf("%q", said)
	}
	talk.Bye()
	if err := d.wait(); err != nil {
		t.Errorf("%v: %s", err, d.log())
	}
	if state := storetest.MustState(t, faultstest.Partition(t, h.to), "/a/c/o"); !strings.Contains(state, "3 bytes") {
		t.Error(state)
	}
}

// The daemon needs no privileges: it works as a user who owns nothing but the
// devices, its state and its configuration. It says where it listens, and to whom.
func TestUnprivileged(t *testing.T) {
	h := build(t)
	if os.Geteuid() == 0 {
		const nobody = 65534
		h.as = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chmod(filepath.Dir(h.bin), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{h.to, h.state, h.conf} {
			err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				return os.Chown(path, nobody, nobody)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	d := h.start("--allow-peers=127.0.0.0/8,10.0.0.7")
	here := faultstest.Partition(t, h.from)
	grow(t, here, faultstest.Rand(1), 0)
	if r, _, err := h.push(d.address, 0); err != nil || r.Proven != r.Offered {
		t.Errorf("%v: %+v\n%s", err, r, d.log())
	}
	d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.wait(); err != nil {
		t.Errorf("%v: %s", err, d.log())
	}
	faultstest.Sound(t, h.to, nil)
	faultstest.Same(t, h.from, h.to)
	if log := d.log(); !strings.Contains(log, "listening on "+d.address) || !strings.Contains(log, "peers=127.0.0.0/8,10.0.0.7") {
		t.Error(log)
	}
}
