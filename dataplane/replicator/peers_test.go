package replicator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
	"golang.org/x/sys/unix"
)

// What a peer answers decides whether he, his disk or his node is left alone, and
// whether this pass comes back to him.
func TestClassify(t *testing.T) {
	remote := func(code int, text string) error {
		return fmt.Errorf("session: %w", &ssync.RemoteError{Code: code, Message: text})
	}
	for _, test := range []struct {
		name   string
		err    error
		scope  scope
		reason string
		busy   bool
	}{
		{"nothing", nil, aboutNothing, "", false},
		{"his partition is locked, says Swift", remote(0, "15 seconds: /srv/node/d1/objects/3/.lock-replication"), aboutPartition, "lock_timeout", true},
		{"after one second", remote(0, "1 second: /srv/node/d1/objects/3/.lock-replication"), aboutPartition, "lock_timeout", true},
		{"his device is locked", remote(0, "0.2 seconds: /srv/node/d1/.lock"), aboutDevice, "lock_timeout", true},
		{"a second slot is locked", remote(0, "15 seconds: /srv/node/d1/.lock-1"), aboutDevice, "lock_timeout", true},
		{"another text", remote(0, "ERROR: With :UPDATES: 1 failures to 1 successes"), aboutNothing, "", false},
		{"a path that is no lock", remote(0, "1 seconds: /etc/passwd"), aboutNothing, "", false},
		{"busy by an error line", remote(503, "busy"), aboutDevice, "busy", true},
		{"busy by a status", &ssync.StatusError{Status: 503}, aboutDevice, "busy", true},
		{"rate limited", &statusError{529}, aboutDevice, "busy", true},
		{"unmounted", &ssync.StatusError{Status: 507}, aboutDevice, "unmounted", false},
		{"unmounted, by REPLICATE", &statusError{507}, aboutDevice, "unmounted", false},
		{"does not understand", &statusError{400}, aboutNothing, "", false},
		{"no answer", &ssync.TimeoutError{Wait: "digests", After: time.Minute}, aboutDevice, "timeout", false},
		{"no connection in time", &ssync.TimeoutError{Wait: "connect send", After: time.Second}, aboutNode, "unreachable", false},
		{"refused", fmt.Errorf("x: %w", unix.ECONNREFUSED), aboutNode, "unreachable", false},
		{"no way", &net.OpError{Op: "dial", Err: unix.EHOSTUNREACH}, aboutNode, "unreachable", false},
		{"we were told to stop", &net.OpError{Op: "dial", Err: context.Canceled}, aboutNothing, "", false},
		{"hung up", ssync.ErrEarlyDisconnect, aboutNothing, "", false},
		{"our own lock", &store.LockTimeoutError{Path: "/x/.lock-replication"}, aboutNothing, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := classify(test.err); got.scope != test.scope || got.reason != test.reason || got.busy != test.busy {
				t.Errorf("%+v", got)
			}
		})
	}
}

// FuzzLockOf shows that only a text of Swift's form names a lock.
func FuzzLockOf(f *testing.F) {
	f.Add("15 seconds: /srv/node/d1/.lock")
	f.Add("0.2 seconds: /a/.lock-replication")
	f.Add("1 second: /a/.lock-replication")
	f.Fuzz(func(t *testing.T, text string) {
		name := lockOf(text)
		if name != "" && (!strings.HasPrefix(name, ".lock") || !strings.HasSuffix(text, "/"+name) || !strings.Contains(text, " second")) {
			t.Errorf("%q of %q", name, text)
		}
	})
}

// A peer who failed is left alone for longer and longer; the node of an unreachable
// one with all its disks; a success ends it.
func TestHolds(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	cfg := Config{PerPeer: 1, Now: func() time.Time { return now }, jitter: func(d time.Duration) time.Duration { return d }}
	p := newPeers(cfg, newBounds(cfg))
	a := &ring.Device{ReplicationIP: "10.0.0.1", ReplicationPort: 1, Name: "a"}
	b := &ring.Device{ReplicationIP: "10.0.0.1", ReplicationPort: 1, Name: "b"}
	try := func(d *ring.Device, err error) error {
		leave, held := p.enter(t.Context(), d)
		if held == nil {
			leave(err)
		}
		return held
	}
	busy := &ssync.StatusError{Status: 503}
	for _, seconds := range []int{1, 2, 4, 8, 16, 30, 30} {
		if err := try(a, busy); err != nil {
			t.Fatalf("before %d s: %v", seconds, err)
		}
		now = now.Add(time.Duration(seconds)*time.Second - 1)
		if err := try(a, nil); reasonOf(err) != "busy" {
			t.Errorf("just before %d s: %v", seconds, err)
		}
		if err := try(b, nil); err != nil {
			t.Errorf("another disk: %v", err)
		}
		now = now.Add(1)
	}
	if try(a, nil) != nil || try(a, busy) != nil {
		t.Error("still held")
	}
	now = now.Add(time.Second)
	if err := try(a, fmt.Errorf("x: %w", unix.ECONNREFUSED)); err != nil {
		t.Errorf("a success did not make it short again: %v", err)
	}
	if err := try(b, nil); reasonOf(err) != "unreachable" {
		t.Errorf("the other disk of an unreachable node: %v", err)
	}
}

// One session at a time has to do with a remote disk, and who waits can be told to
// stop.
func TestDoor(t *testing.T) {
	cfg := Config{PerPeer: 1, Now: time.Now, jitter: func(d time.Duration) time.Duration { return d }}
	p := newPeers(cfg, newBounds(cfg))
	d := &ring.Device{ReplicationIP: "10.0.0.1", ReplicationPort: 1, Name: "a"}
	leave, err := p.enter(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() { _, err := p.enter(ctx, d); waiting <- err }()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	leave(nil)
	if leave, err = p.enter(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	leave(nil)
}

// A node that hangs is waited for once; the other primaries get everything, and he
// is not asked for each partition anew.
func TestHangingPeer(t *testing.T) {
	c := newCluster(t, 3)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	c.nodes[2].port = portOf(t, l.Addr().String())
	zeros, ones, twos := make([]int, 8), make([]int, 8), make([]int, 8)
	for i := range 8 {
		ones[i], twos[i] = 1, 2
	}
	c.place(zeros, ones, twos)
	for n := range uint32(8) {
		c.putIn(0, n, fmt.Sprint("/a/c/o", n))
	}
	report := c.pass(0, func(cfg *Config) {
		cfg.Sender.HTTPTimeout = 100 * time.Millisecond
		cfg.jitter = func(d time.Duration) time.Duration { return d }
	})
	if calls.Load() != 1 || report.Failure != 8 || report.Success != 8 || report.Sync != 8 {
		t.Errorf("%d calls, %+v", calls.Load(), report)
	}
	c.logged(0, "reason=timeout")
}

// An answer to REPLICATE that is none is an error, and never "nothing is missing".
func TestDigestsAnswer(t *testing.T) {
	for _, test := range []struct{ name, answer, want string }{
		{"a pickle cut short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x80\x02}q\x00.", "pickle"},
		{"an empty dict", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\x80\x02}q\x00.", ""},
		{"None", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x80\x02N.", "None"},
		{"a page", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "pickle"},
		{"nothing", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "pickle"},
		{"a command", "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\ncos\nsystem\n(S'true'\ntR.\n", "pickle"},
		{"elsewhere", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "302"},
		{"too much", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + strings.Repeat("x", maxDigests+1), "more than"},
		{"no HTTP", "hello\r\n\r\n", "malformed"},
		{"hung up", "", "EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := Config{Sender: ssync.SenderConfig{ConnTimeout: time.Second, HTTPTimeout: 10 * time.Second}}
			cfg.Dialer = func(context.Context, string) (net.Conn, error) {
				here, there := net.Pipe()
				go func() {
					buf := make([]byte, 4096)
					there.Read(buf)
					io.WriteString(there, test.answer)
					there.Close()
				}()
				return here, nil
			}
			to := &ring.Device{ReplicationIP: "127.0.0.1", ReplicationPort: 1, Name: "d1"}
			_, err := newAsker(cfg).digests(t.Context(), nil, to, hashes.Policy{}, 3)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// A peer whose disk takes no session now is asked again in the same pass.
func TestBusyPeer(t *testing.T) {
	c := newCluster(t, 2)
	c.place([]int{0, 0}, []int{1, 1})
	c.putIn(0, 0, "/a/c/o0")
	c.putIn(0, 1, "/a/c/o1")
	device, err := c.nodes[1].store.Device("d1")
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	slot, err := device.LockSlot(t.Context(), 1, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	report := c.pass(0, func(cfg *Config) {
		cfg.jitter = func(d time.Duration) time.Duration { return d }
		cfg.Again = func(_ context.Context, wait time.Duration) bool {
			if tries++; wait < 900*time.Millisecond || wait > 3*time.Second {
				t.Errorf("a wait of %v", wait)
			}
			slot.Release()
			return pause(t.Context(), wait)
		}
	})
	for n := range uint32(2) {
		if storetest.MustState(t, c.partition(1, n), fmt.Sprint("/a/c/o", n)) == "nothing" {
			t.Errorf("partition %d has not arrived", n)
		}
	}
	if tries != 1 || report.Attempted != 2 || report.Failure != 0 || report.Success != 2 || len(report.FailureNodes) != 0 {
		t.Errorf("%d tries, %+v", tries, report)
	}
	c.logged(0, "reason=lock_timeout", "peers were busy, asking again")
}
