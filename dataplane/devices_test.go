package dataplane_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// dial opens a connection for a dialogue step by step.
func dial(t *testing.T, address string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn, bufio.NewReader(conn)
}

// hear reads up to a line that holds text.
func hear(t *testing.T, in *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%q was not heard: %v", text, err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

// sessionOn is a session on a partition, up to the sender's first line.
func sessionOn(target string) string {
	return "SSYNC " + target + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(mcStart)
}

// A session whose device is unmounted under it ends within 10 s, wherever it is
// at, and lets go of the disk; nothing is written where the disk was.
func TestDeviceGoes(t *testing.T) {
	hash := storetest.Hash("/a/c/o").String()
	for _, test := range []struct{ name, stream, after string }{
		{"among the offers", mcStart, "200 OK"},
		{"before the updates", mcStart + hash + " 1700000001.00000\r\n" + mcEnd, ":MISSING_CHECK: END"},
		{"in a body", mcStart + hash + " 1700000001.00000\r\n" + mcEnd + updStart +
			"PUT /a/c/o\r\nContent-Length: 300000\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n\r\n" + strings.Repeat("x", 100_000), ":MISSING_CHECK: END"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := storetest.New(t, func(c *store.Config) { c.MountCheck = true })
			path := filepath.Join(s.Devices(), "d2")
			storetest.Mount(t, path)
			var disk unix.Stat_t
			if err := unix.Stat(path, &disk); err != nil {
				t.Fatal(err)
			}
			address, _ := startNode(t, func(c *dataplane.Config) { c.Store, c.Receiver.ClientTimeout = s, time.Minute })
			conn, in := dial(t, address)
			fmt.Fprint(conn, "SSYNC /d2/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", chunks(test.stream))
			hear(t, in, test.after)
			waitFor(t, func() bool { return open(t, disk.Dev) > 0 })
			storetest.Detach(t, path)
			hear(t, in, "device d2: not mounted at "+path) // an error line of code 507
			io.Copy(io.Discard, in)
			waitFor(t, func() bool { return open(t, disk.Dev) == 0 })
			if names, err := os.ReadDir(path); err != nil || len(names) > 0 {
				t.Errorf("in the mount point: %v, %v", names, err)
			}
			if answer := ask(t, address, sessionOn("/d2/0")); !strings.HasPrefix(answer, "HTTP/1.1 507 ") {
				t.Errorf("a session later: %q", answer)
			}
		})
	}
}

// open counts this process's descriptors on a file system.
func open(t *testing.T, dev uint64) (n int) {
	t.Helper()
	links, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		var st unix.Stat_t
		if unix.Stat("/proc/self/fd/"+link.Name(), &st) == nil && st.Dev == dev {
			n++
		}
	}
	return n
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !what(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited for in vain")
		}
	}
}

// What was checked or committed on a device that has gone meanwhile is not
// vouched for, even if no watch has told of it.
func TestNothingVouchedForOnGoneDevice(t *testing.T) {
	offers := []string{mcStart, offer("o", "1700000001.00000")}
	for _, test := range []struct {
		name   string
		before []string // it goes
		until  string   // is heard
		after  []string
	}{
		{"at the check", offers, "200 OK", []string{mcEnd}},
		{"at the end", append(offers, mcEnd, updStart), ":MISSING_CHECK: END", []string{updEnd}},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, devices := startNode(t)
			path := filepath.Join(devices, "d1")
			conn, in := dial(t, address)
			fmt.Fprint(conn, head, chunks(test.before...))
			hear(t, in, test.until)
			waitFor(t, func() bool { _, err := os.Stat(path + "/.lock"); return err == nil }) // its locks are taken
			for _, err := range []error{os.Rename(path, path+"-moved"), os.Mkdir(path, 0o755)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			fmt.Fprint(conn, chunks(test.after...))
			rest, _ := io.ReadAll(in)
			if strings.Contains(string(rest), " END\r\n") || !strings.Contains(string(rest), ":ERROR: 507 'device d1: not mounted any more") {
				t.Errorf("%q", rest)
			}
		})
	}
}

// replication_concurrency is one limit for the node. Only who has his locks holds
// a slot: who waits for one keeps nobody else away.
func TestConcurrency(t *testing.T) {
	s := storetest.New(t)
	address, _ := startNode(t, func(c *dataplane.Config) {
		c.Store = s
		c.Receiver.Concurrency, c.Receiver.PerDevice = 1, -1
		c.Receiver.LockTimeout, c.Receiver.ClientTimeout = time.Minute, time.Minute
	})
	if err := os.Mkdir(filepath.Join(s.Devices(), "d2"), 0o755); err != nil {
		t.Fatal(err)
	}
	lock, err := storetest.Partition(t, s).LockReplication(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	waiter, heard := dial(t, address)
	fmt.Fprint(waiter, sessionOn("/d1/0"), chunks(mcEnd))
	hear(t, heard, "200 OK")

	holder, held := dial(t, address)
	fmt.Fprint(holder, sessionOn("/d1/1"), chunks(mcEnd))
	hear(t, held, ":MISSING_CHECK: END") // it has the slot, though somebody came first
	for _, verb := range []string{"SSYNC", "REPLICATION"} {
		if answer := ask(t, address, strings.Replace(sessionOn("/d2/1"), "SSYNC", verb, 1)); !strings.HasPrefix(answer, "HTTP/1.1 200 ") || !strings.Contains(answer, ":ERROR: 503 'busy: 1 sessions are open") {
			t.Errorf("a second %s: %q", verb, answer)
		}
	}
	holder.Close()
	waitFor(t, func() bool { return strings.Contains(ask(t, address, sessionOn("/d2/1")+chunks(mcEnd)), mcEnd) })
	lock.Release()
	hear(t, heard, ":MISSING_CHECK: END")
}

// On a device one session is let in at a time, whatever its policy.
func TestPerDevice(t *testing.T) {
	address, _ := startNode(t)
	conn, in := dial(t, address)
	fmt.Fprint(conn, sessionOn("/d1/0"), chunks(mcEnd))
	hear(t, in, ":MISSING_CHECK: END")
	answer := ask(t, address, strings.Replace(sessionOn("/d1/1"), "\r\n", "\r\nX-Backend-Storage-Policy-Index: 2\r\n", 1))
	if !strings.Contains(answer, ":ERROR: 0 '") || !strings.Contains(answer, " seconds: ") || !strings.Contains(answer, "/d1/.lock'") {
		t.Errorf("%q", answer)
	}
}

// A disk without room, and one whose reserve is reached, refuse objects one by
// one: each is a failure, the session goes on, tombstones are taken, and the
// device is not suspect. The reserve is all of the disk, so that it is reached.
func TestNoRoom(t *testing.T) {
	full := func(call store.Call) func(*store.Config) {
		return func(c *store.Config) {
			c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == call && !strings.HasSuffix(op.Path, "hashes.invalid") {
					return unix.ENOSPC
				}
				return nil
			}}
		}
	}
	for _, test := range []struct {
		name string
		edit func(*store.Config)
	}{
		{"the reserve", func(c *store.Config) { c.Reserve = store.Reserve{Percent: 100} }},
		{"no room for a body", full(store.CallWrite)},
		{"no room for its blocks", full(store.CallAllocate)},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := &lines{}
			s := storetest.New(t, test.edit, func(c *store.Config) { c.ReclaimAge = century })
			address, devices := startNode(t, func(c *dataplane.Config) { c.Store, c.Log = s, log.logger() })
			body := strings.Repeat("x", 1<<20)
			answer := ask(t, address, head+chunks(mcStart, offer("o", "1700000001.00000"), offer("gone", "1700000001.00000"), mcEnd, updStart,
				fmt.Sprintf("PUT /a/c/o\r\nContent-Length: %d\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n\r\n", len(body)), body,
				"DELETE /a/c/gone\r\nX-Timestamp: 1700000001.00000\r\n\r\n", updEnd)+proto.LastChunk)
			if !strings.Contains(answer, ":ERROR: 500 'ERROR: With :UPDATES: 1 failures to 1 successes'") {
				t.Errorf("%q", answer)
			}
			if text := log.String(); !strings.Contains(text, "507 ") || !strings.Contains(text, "no space left on device") {
				t.Errorf("the log does not say why: %s", text)
			}
			p := held(t, devices)
			if got := storetest.MustState(t, p, "/a/c/o"); got != "nothing" {
				t.Error(got)
			}
			if got := storetest.MustState(t, p, "/a/c/gone"); !strings.HasPrefix(got, "deleted") {
				t.Error(got)
			}
			d, err := s.Device("d1")
			if err != nil {
				t.Fatal(err)
			}
			d.Close()
		})
	}
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
