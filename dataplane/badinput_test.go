package dataplane_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startNode serves a fresh device d1 and returns the address and the devices.
func startNode(t *testing.T, edit ...func(*dataplane.Config)) (address, devices string) {
	t.Helper()
	s := storetest.New(t)
	cfg := dataplane.Config{Store: s, Engine: os.Getenv("RINGSYNC_ENGINE"), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Receiver: ssync.ReceiverConfig{ClientTimeout: 2 * time.Second, LockTimeout: 200 * time.Millisecond}}
	for _, e := range edit {
		e(&cfg)
	}
	node, err := dataplane.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := node.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), s.Devices()
}

// ask sends raw bytes, half-closes, and returns all that comes back.
func ask(t *testing.T, address, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}

func chunks(lines ...string) string {
	var b []byte
	for _, line := range lines {
		b = proto.AppendChunk(b, []byte(line))
	}
	return string(b)
}

const head = "SSYNC /d1/0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

// What is no request for a session is answered by a status.
func TestStatus(t *testing.T) {
	address, _ := startNode(t)
	for _, test := range []struct{ name, request, want string }{
		{"health", "GET /healthcheck HTTP/1.1\r\n\r\n", "200 OK"},
		{"options", "OPTIONS / HTTP/1.1\r\n\r\n", "Allow: OPTIONS, REPLICATE, SSYNC"},
		{"an object verb", "PUT /d1/0/a/c/o HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 "},
		{"no device there", "SSYNC /d9/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "507 "},
		{"a device called ..", "SSYNC /../0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a quoted way out", "SSYNC /%2e%2e/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"no partition", "SSYNC /d1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"three segments", "SSYNC /d1/0/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a partition with a zero", "SSYNC /d1/03 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"unknown policy", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n", "503 "},
		{"policy no number", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: x\r\nTransfer-Encoding: chunked\r\n\r\n", "503 "},
		{"erasure coded", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "503 "},
		{"no HTTP", "hello\r\n\r\n", "400 "},
		{"an endless head", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 70_000) + "\r\n\r\n", "400 "},
		{"digests of nothing", "REPLICATE /d1/0 HTTP/1.1\r\n\r\n", "\x80\x02}q\x00."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ask(t, address, test.request); !strings.Contains(got, test.want) {
				t.Errorf("%q, want %q in it", got, test.want)
			}
		})
	}
}

// A session that goes wrong ends in an error line, or in silence where nobody
// listens; nothing of it is on the disk, and a good session passes afterwards.
func TestBadSession(t *testing.T) {
	hash := storetest.Hash("/a/c/o").String()
	check := chunks(":MISSING_CHECK: START\r\n", hash+" 1700000001.00000\r\n", ":MISSING_CHECK: END\r\n", ":UPDATES: START\r\n")
	put := func(headers string) string { return "PUT /a/c/o\r\n" + headers + "\r\n" }
	const good = "Content-Length: 3\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n"
	tests := []struct{ name, stream, want string }{
		{"another marker", chunks("hello\r\n"), ":ERROR: 0 "},
		{"one word", chunks(":MISSING_CHECK: START\r\n", hash+"\r\n"), ":ERROR: 0 "},
		{"a hash that leads out", chunks(":MISSING_CHECK: START\r\n", "..%2F..%2Fx 1700000001.00000\r\n"), ":ERROR: 0 "},
		{"no timestamp", chunks(":MISSING_CHECK: START\r\n", hash+" yesterday\r\n"), ":ERROR: 0 "},
		{"a blank line among offers", chunks(":MISSING_CHECK: START\r\n", "\r\n"), ":ERROR: 0 "},
		{"an endless line", chunks(":MISSING_CHECK: START\r\n", strings.Repeat("x", 70_000)), ":ERROR: 0 "},
		{"no chunk size", "zz\r\n", ":ERROR: 0 "},
		{"an overflowing chunk size", "fffffffffffffffff\r\n", ":ERROR: 0 "},
		{"a chunk cut short", "ff\r\n:MISSING", ""},
		{"a check and no more", chunks(":MISSING_CHECK: START\r\n", ":MISSING_CHECK: END\r\n") + proto.LastChunk, ":MISSING_CHECK: END"},
		{"a verb of its own", check + chunks("BONK /a/c/o\r\nX-Timestamp: 1\r\n\r\n"), "invalid subrequest method"},
		{"one word of a subrequest", check + chunks("PUT\r\n"), ":ERROR: 0 "},
		{"no headers", check + chunks("PUT /a/c/o\r\n") + proto.LastChunk, "got no headers"},
		{"a header without a colon", check + chunks(put("nothing\r\n")), ":ERROR: 0 "},
		{"no length", check + chunks(put("X-Timestamp: 1\r\n")), "no content-length"},
		{"a length of letters", check + chunks(put("Content-Length: a\r\n")), "is no length"},
		{"a negative length", check + chunks(put("Content-Length: -1\r\n")), "is no length"},
		{"a DELETE with a body", check + chunks("DELETE /a/c/o\r\nContent-Length: 1\r\nX-Timestamp: 1\r\n\r\n"), "with content-length"},
		{"a name that was never offered", check + chunks("PUT /a/c/other\r\n"+good+"\r\n"), "did not ask for"},
		{"a name that leads out", check + chunks("PUT /../../x\r\n"+good+"\r\n"), ":ERROR: 0 "},
		{"a body cut short", check + chunks(put(good), "ab") + proto.LastChunk, ""},
		{"a body whose connection ends", check + chunks(put(good), "ab"), ""},
		{"another MD5", check + chunks(put(good+"ETag: 00000000000000000000000000000000\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"no content type", check + chunks(put("Content-Length: 3\r\nX-Timestamp: 1700000001.00000\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"no timestamp in a PUT", check + chunks(put("Content-Length: 3\r\nContent-Type: t\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"a POST to nothing", check + chunks("POST /a/c/o\r\nX-Timestamp: 1700000001.00000\r\n\r\n", ":UPDATES: END\r\n"), ":ERROR: 500 "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, devices := startNode(t)
			answer := ask(t, address, head+test.stream)
			if !strings.Contains(answer, test.want) || test.want == "" && strings.Contains(answer, ":UPDATES: END") {
				t.Errorf("%q, want %q in it", answer, test.want)
			}
			if files, _ := filepath.Glob(filepath.Join(devices, "d1", "*", "*", "*", "*", "*")); len(files) > 0 {
				t.Errorf("something was written: %v", files)
			}
			if litter, _ := filepath.Glob(filepath.Join(devices, "d1", "tmp*", "*")); len(litter) > 0 {
				t.Errorf("left over: %v", litter)
			}
			answer = ask(t, address, head+check+chunks(put(good+"ETag: 900150983cd24fb0d6963f7d28e17f72\r\n"), "abc", ":UPDATES: END\r\n")+proto.LastChunk)
			if !strings.Contains(answer, ":UPDATES: END") {
				t.Errorf("a good session after it: %q", answer)
			}
		})
	}
}

// A partition that somebody else holds is waited for, and then the error says
// which lock it was.
func TestLockTimeout(t *testing.T) {
	address, devices := startNode(t)
	s := storetest.New(t, func(c *store.Config) { c.Devices = devices })
	lock, err := storetest.Partition(t, s).LockReplication(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	answer := ask(t, address, head+chunks(":MISSING_CHECK: START\r\n"))
	if !strings.Contains(answer, ":ERROR: 0 '0.2 seconds: ") || !strings.Contains(answer, "/objects/0/.lock-replication'") {
		t.Errorf("%q", answer)
	}
}

// A session in hand is cut when the node's patience ends, and is told.
func TestShutdownCuts(t *testing.T) {
	s := storetest.New(t)
	node, err := dataplane.New(dataplane.Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, head, chunks(":MISSING_CHECK: START\r\n"))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- node.Shutdown(ctx) }()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	rest, _ := io.ReadAll(in)
	if !strings.Contains(string(rest), ":ERROR: 503") || !strings.Contains(string(rest), "stopping") {
		t.Errorf("%q", rest)
	}
	conn.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A client who connects and says nothing holds up neither the last free place nor
// the end of the node.
func TestShutdownWithSilentClient(t *testing.T) {
	node, err := dataplane.New(dataplane.Config{Store: storetest.New(t), Log: slog.New(slog.DiscardHandler), MaxClients: 1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "SSYNC ")
	time.Sleep(20 * time.Millisecond) // until it is being served
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- node.Shutdown(ctx) }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the node does not stop")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A device whose fsync failed is refused, also by a new process, until its mark
// is taken away.
func TestSuspect(t *testing.T) {
	state := t.TempDir()
	broken := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallSync {
			return os.NewSyscallError("fsync", fmt.Errorf("io"))
		}
		return nil
	}}
	s := storetest.New(t, func(c *store.Config) { c.StateDir, c.Witness = state, broken })
	if err := storetest.Put(storetest.Partition(t, s), "/a/c/o", storetest.Time(1), []byte("x")); err == nil {
		t.Fatal("an object was acknowledged whose fsync failed")
	}
	next := storetest.New(t, func(c *store.Config) { c.StateDir, c.Devices = state, s.Devices() })
	for _, s := range []*store.Store{s, next} {
		if _, err := s.Device("d1"); err == nil || !strings.Contains(err.Error(), "suspect") {
			t.Errorf("device: %v", err)
		}
	}
	marks, _ := filepath.Glob(filepath.Join(state, "*"))
	if len(marks) != 1 {
		t.Fatalf("marks: %v", marks)
	}
	if err := os.Remove(marks[0]); err != nil {
		t.Fatal(err)
	}
	d, err := next.Device("d1")
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

// A young object is fsynced, with the directories above it, before it counts as
// held; an old one is not.
func TestHeld(t *testing.T) {
	for _, test := range []struct {
		name  string
		fresh time.Duration
		want  int
	}{{"young", time.Hour, 6}, {"old", time.Nanosecond, 0}} { // the file and objects/0/abc/<hash> up to the device
		t.Run(test.name, func(t *testing.T) {
			var syncs int
			count := storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallSync {
					syncs++
				}
				return nil
			}}
			s := storetest.New(t, func(c *store.Config) { c.FreshFor, c.Witness, c.CommitWorkers = test.fresh, count, 1 })
			p := storetest.Partition(t, s)
			if err := storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("x"), hashes.Field{Key: "X-Object-Meta-A", Value: "b"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			syncs = 0
			o, err := p.Held(storetest.Hash("/a/c/o"))
			if err != nil {
				t.Fatal(err)
			}
			o.Close()
			if syncs != test.want {
				t.Errorf("%d fsyncs, want %d", syncs, test.want)
			}
		})
	}
}
