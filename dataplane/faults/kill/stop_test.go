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
	h := faultstest.Build(t)
	d := h.Start()
	talk := faultstest.Call(t, d.Address, "d1")
	talk.Offer("/a/c/o")

	d.Cmd.Process.Signal(syscall.SIGTERM)
	for {
		other, err := net.Dial("tcp", d.Address)
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
	if err := d.Wait(); err != nil {
		t.Errorf("%v: %s", err, d.Log())
	}
	if state := storetest.MustState(t, faultstest.Partition(t, h.To), "/a/c/o"); !strings.Contains(state, "3 bytes") {
		t.Error(state)
	}
}

// The daemon needs no privileges: it works as a user who owns nothing but the
// devices, its state and its configuration. It says where it listens, and to whom.
func TestUnprivileged(t *testing.T) {
	h := faultstest.Build(t)
	if os.Geteuid() == 0 {
		const nobody = 65534
		h.As = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chmod(filepath.Dir(h.Bin), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{h.To, h.State, h.Conf} {
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
	d := h.Start("--allow-peers=127.0.0.0/8,10.0.0.7")
	here := faultstest.Partition(t, h.From)
	grow(t, here, faultstest.Rand(1), 0)
	if r, _, err := h.Push(d.Address, 0); err != nil || r.Proven != r.Offered {
		t.Errorf("%v: %+v\n%s", err, r, d.Log())
	}
	d.Cmd.Process.Signal(syscall.SIGTERM)
	if err := d.Wait(); err != nil {
		t.Errorf("%v: %s", err, d.Log())
	}
	faultstest.Sound(t, h.To, nil)
	faultstest.Same(t, h.From, h.To)
	if log := d.Log(); !strings.Contains(log, "listening on "+d.Address) || !strings.Contains(log, "peers=127.0.0.0/8,10.0.0.7") {
		t.Error(log)
	}
}
