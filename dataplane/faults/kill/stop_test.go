package kill_test

import (
	"bufio"
	"fmt"
	"io"
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
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// SIGTERM lets a session in hand finish, refuses new ones, and ends with 0.
func TestDrain(t *testing.T) {
	h := build(t)
	d := h.start()
	conn, err := net.Dial("tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	say := func(text string) { conn.Write(proto.AppendChunk(nil, []byte(text))) }
	in := bufio.NewReader(conn)
	hear := func(want string) {
		t.Helper()
		for {
			line, err := in.ReadString('\n')
			if err != nil || strings.Contains(line, ":ERROR:") {
				t.Fatalf("%q, %v, where %s had to come", line, err, want)
			}
			if strings.Contains(line, want) {
				return
			}
		}
	}
	hash := storetest.Hash("/a/c/o")
	fmt.Fprint(conn, "SSYNC /d1/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
	say(":MISSING_CHECK: START\r\n" + hash.String() + " 1700000001.00000\r\n:MISSING_CHECK: END\r\n")
	hear(":MISSING_CHECK: END")

	d.cmd.Process.Signal(syscall.SIGTERM)
	for {
		other, err := net.Dial("tcp", d.address)
		if err != nil {
			break // nobody listens any more
		}
		other.Close()
		time.Sleep(time.Millisecond)
	}
	say(":UPDATES: START\r\nPUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nETag: " + hashes.Checksum([]byte("abc")) + "\r\nX-Timestamp: 1700000001.00000\r\n\r\nabc:UPDATES: END\r\n")
	hear(":UPDATES: END")
	io.WriteString(conn, proto.LastChunk)
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
