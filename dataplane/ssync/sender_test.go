package ssync_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a receiver that says what a script tells it to, one script a session.
type fake struct {
	address string
	heard   chan string // what each session's sender sent, de-chunked
}

const accepted = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n"

// startFake plays scripts. A step is sent when the sender has sent the line
// before it: "> marker" waits for that line, "< text" sends a chunk, "raw" and
// anything else are bytes as they are.
func startFake(t *testing.T, scripts ...[]string) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: l.Addr().String(), heard: make(chan string, len(scripts))}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, script := range scripts {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.heard <- play(conn, script)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return f
}

func play(conn net.Conn, script []string) string {
	conn.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == "\r\n" {
			break
		}
	}
	var heard bytes.Buffer
	body := bufio.NewReader(io.TeeReader(&dechunked{in: in}, &heard))
	for _, step := range script {
		switch text, said := strings.CutPrefix(step, "< "); {
		case said:
			conn.Write(proto.AppendChunk(nil, []byte(text)))
		case strings.HasPrefix(step, "> "):
			for {
				line, err := body.ReadString('\n')
				if err != nil || strings.HasSuffix(strings.TrimSpace(line), step[2:]) { // a body needs no line end before it
					break
				}
			}
		case step == "hear all":
			io.Copy(io.Discard, body)
		case step == "be silent":
			io.Copy(io.Discard, in)
		default:
			io.WriteString(conn, step)
		}
	}
	return heard.String()
}

// dechunked reads a chunked stream slowly and simply.
type dechunked struct {
	in   *bufio.Reader
	left int
}

func (d *dechunked) Read(p []byte) (int, error) {
	if d.left == 0 {
		if _, err := fmt.Fscanf(d.in, "%x\r\n", &d.left); err != nil || d.left == 0 {
			return 0, io.EOF
		}
	}
	n, err := d.in.Read(p[:min(len(p), d.left)])
	if d.left -= n; d.left == 0 {
		d.in.Discard(2)
	}
	return n, err
}

// source is a partition with /a/c/o in it, and a sender with little patience.
func source(t *testing.T, body []byte) (*store.Partition, string) {
	t.Helper()
	s := storetest.New(t)
	p := storetest.Partition(t, s)
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), body, hashes.Field{Key: "X-Object-Meta-Color", Value: "blue"}); err != nil {
		t.Fatal(err)
	}
	return p, s.Devices()
}

func push(t *testing.T, p *store.Partition, to string, edit ...func(*ssync.SenderConfig, *ssync.Job)) *ssync.Result {
	t.Helper()
	pool, err := buffer.New(buffer.Config{Count: 5})
	if err != nil {
		t.Fatal(err)
	}
	suffixes, err := p.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	moves := enginetest.FromEnv(t, pool)
	cfg := ssync.SenderConfig{Pool: pool, Engine: moves, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), ConnTimeout: time.Second, NodeTimeout: 300 * time.Millisecond, HTTPTimeout: 300 * time.Millisecond}
	job := ssync.Job{To: to, Device: "d1", Partition: p, Suffixes: suffixes}
	for _, e := range edit {
		e(&cfg, &job)
	}
	sender, err := ssync.NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	result := sender.Push(context.Background(), job)
	if err := errors.Join(moves.Close(), pool.Close()); err != nil {
		t.Error(err)
	}
	return result
}

const (
	start, end    = ":MISSING_CHECK: START\r\n", ":MISSING_CHECK: END\r\n"
	updStart, upd = ":UPDATES: START\r\n", ":UPDATES: END\r\n"
)

// Whatever a receiver does instead of the dialogue, the session ends soon, in an
// error that says what it was, and nothing counts as proven.
func TestReceiverMisbehaves(t *testing.T) {
	p, _ := source(t, []byte("body"))
	wanted := "< " + storetest.Hash("/a/c/o").String() + " d\r\n"
	other := "< " + storetest.Hash("/a/c/never").String() + " d\r\n"
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"another status", []string{"HTTP/1.1 507 No\r\nContent-Length: 5\r\n\r\nDrive"}, "expected status 200, got 507 (Drive)"},
		{"no HTTP", []string{"hello\r\n\r\n"}, "HTTP version"},
		{"silence", []string{"be silent"}, "0.3 seconds: connect receive"},
		{"hang-up at once", nil, "connect receive: early disconnect"},
		{"hang-up before the answer", []string{accepted}, "early disconnect"},
		{"silence before the answer", []string{accepted, "be silent"}, "0.3 seconds: missing_check start"},
		{"error before the answer", []string{accepted, "< :ERROR: 0 '15 seconds: /x/.lock'\n"}, "15 seconds: /x/.lock"},
		{"another line", []string{accepted, "< OH HAI\r\n", "be silent"}, `looking for :MISSING_CHECK: START got "OH HAI"`},
		{"hang-up in the answer", []string{accepted, "< " + start, "> :MISSING_CHECK: END"}, "missing_check line: early disconnect"},
		{"error in the answer", []string{accepted, "< " + start, "< :ERROR: 408 'late'\n", "be silent"}, "408 late"},
		{"a wanted line of its own", []string{accepted, "< " + start, "< hello world\r\n", "be silent"}, "wanted line"},
		{"wants what was not offered", []string{accepted, "< " + start, other, "be silent"}, "was not offered"},
		{"a bad chunk", []string{accepted, "zz\r\n", "be silent"}, "chunk"},
		{"hang-up after the body", []string{accepted, "< " + start, wanted, "< " + end, "> :UPDATES: END"}, "early disconnect"},
		{"error after the body", []string{accepted, "< " + start, wanted, "< " + end, "> :UPDATES: END", "< :ERROR: 500 'With :UPDATES: 1 failures'\n", "be silent"}, "With :UPDATES: 1 failures"},
		{"silence after the body", []string{accepted, "< " + start, wanted, "< " + end, "be silent"}, "0.3 seconds: updates start"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := startFake(t, test.script)
			r := push(t, p, f.address)
			if r.Err == nil || !strings.Contains(r.Err.Error(), test.want) || r.Proven != 0 {
				t.Errorf("%d proven, %v; want %q in it", r.Proven, r.Err, test.want)
			}
			<-f.heard
		})
	}
}

// What is sent is what Swift sends: offer, head with sorted headers, body; blank
// lines of the receiver are passed over, wherever they come.
func TestBytesSent(t *testing.T) {
	p, _ := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o").String()
	blank := "< \r\n"
	f := startFake(t, []string{accepted, blank, "< " + start, blank, "< " + hash + " dm\r\n", blank, "< " + end, "> :UPDATES: END", blank, "< " + updStart, blank, "< " + upd, "0\r\n\r\n", "hear all"})
	r := push(t, p, f.address)
	if r.Err != nil || r.Proven != 1 || r.Sent != 1 || r.Bytes != 4 {
		t.Errorf("%+v", r)
	}
	want := start + hash + " 1700000001.00000\r\n" + end + updStart +
		"PUT /a/c/o\r\nContent-Length: 4\r\nContent-Type: application/octet-stream\r\nETag: 841a2d689ad86bd1611447453c22c6fc\r\nX-Object-Meta-Color: blue\r\nX-Timestamp: 1700000001.00000\r\n\r\nbody" + upd
	if got := <-f.heard; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// An error line is heard while a large body is still being sent to somebody who
// has stopped reading.
func TestErrorWhileSending(t *testing.T) {
	p, _ := source(t, make([]byte, 64<<20))
	hash := storetest.Hash("/a/c/o").String()
	f := startFake(t, []string{accepted, "< " + start, "< " + hash + " d\r\n", "< " + end, "> :UPDATES: START", "< :ERROR: 0 'disk full'\n"})
	r := push(t, p, f.address, func(c *ssync.SenderConfig, _ *ssync.Job) { c.NodeTimeout = 30 * time.Second })
	var remote *ssync.RemoteError
	if !errors.As(r.Err, &remote) || remote.Message != "disk full" {
		t.Errorf("%v", r.Err)
	}
}

// A session that ends without confirmation is followed by a check: what the
// receiver does not want any more he has.
func TestUnconfirmedIsProven(t *testing.T) {
	p, _ := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o").String()
	f := startFake(t,
		[]string{accepted, "< " + start, "< " + hash + " d\r\n", "< " + end, "> :UPDATES: END"},
		[]string{accepted, "< " + start, "> :MISSING_CHECK: END", "< " + end, "hear all"})
	r := push(t, p, f.address)
	if r.Err == nil || r.Proven != 1 || r.Failed != 0 || r.Sessions != 2 {
		t.Errorf("%+v", r)
	}
	<-f.heard
	if check := <-f.heard; strings.Contains(check, "UPDATES") {
		t.Errorf("the check went on: %q", check)
	}
}

// What is still wanted after a failed session is read here against its ETag, and
// put to quarantine if it is what the receiver refused.
func TestRefusedAndDamaged(t *testing.T) {
	p, devices := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o")
	dir := filepath.Join(devices, "d1/objects/0", hash.Suffix().String(), hash.String())
	if err := os.WriteFile(filepath.Join(dir, storetest.Time(1).Internal()+".data"), []byte("bodY"), 0o644); err != nil {
		t.Fatal(err)
	}
	session := []string{accepted, "< " + start, "< " + hash.String() + " d\r\n", "< " + end, "> :UPDATES: END", "< :ERROR: 500 'failures'\n", "hear all"}
	check := []string{accepted, "< " + start, "< " + hash.String() + " d\r\n", "> :MISSING_CHECK: END", "< " + end, "hear all"}
	r := push(t, p, startFake(t, session, check).address)
	if r.Err == nil || r.Failed != 1 || r.Proven != 0 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(devices, "d1/quarantined/objects", hash.String())); err != nil {
		t.Error(err)
	}
}

// A body shorter than its metadata says is left out and goes to quarantine; the
// session goes on.
func TestDamagedIsLeftOut(t *testing.T) {
	p, devices := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o")
	f := startFake(t, []string{accepted, "< " + start, "< " + hash.String() + " d\r\n", "> :MISSING_CHECK: END", "< " + end, "> :UPDATES: END", "< " + updStart, "< " + upd, "hear all"})
	dir := filepath.Join(devices, "d1/objects/0", hash.Suffix().String(), hash.String())
	if err := os.Truncate(filepath.Join(dir, storetest.Time(1).Internal()+".data"), 2); err != nil {
		t.Fatal(err)
	}
	r := push(t, p, f.address)
	if r.Err != nil || r.NotSent != 1 || r.Sent != 0 || r.Proven != 0 {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(filepath.Join(devices, "d1/quarantined/objects", hash.String())); err != nil {
		t.Error(err)
	}
}

// A partition is cut into sessions by suffix, and MaxObjects ends it early.
func TestSessionsAreBounded(t *testing.T) {
	s := storetest.New(t)
	p := storetest.Partition(t, s)
	for i := range 20 {
		if err := storetest.Put(p, fmt.Sprintf("/a/c/%d", i), storetest.Time(1), nil); err != nil {
			t.Fatal(err)
		}
	}
	agree := []string{accepted, "< " + start, "> :MISSING_CHECK: END", "< " + end, "> :UPDATES: END", "< " + updStart, "< " + upd, "hear all"}
	f := startFake(t, agree, agree, agree, agree)
	r := push(t, p, f.address, func(c *ssync.SenderConfig, _ *ssync.Job) { c.MaxOffers = 7 })
	if r.Err != nil || r.Sessions != 3 || r.Offered != 20 || r.Proven != 20 {
		t.Errorf("%+v", r)
	}
	r = push(t, p, f.address, func(_ *ssync.SenderConfig, j *ssync.Job) { j.MaxObjects = 5 })
	if r.Err != nil || r.Offered != 5 || !r.Limited {
		t.Errorf("%+v", r)
	}
}
