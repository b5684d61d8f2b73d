package conformance_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// toy is a receiver in fifty lines, as somebody else might begin to write one: it
// keeps objects in memory, and its faults can be switched on.
type toy struct {
	mu    sync.Mutex
	times map[string]proto.Offer // by hash
	name  func(name string) proto.Hash

	// Faults.
	wants   string // what it answers to whatever it lacks; "dm"
	forgets bool   // what it was sent
	silent  bool   // where the dialogue ends
	prefix  string // before the first marker
	late    bool   // with the first blank line
}

// serve answers until the test ends.
func (r *toy) serve(t *testing.T) (address string) {
	t.Helper()
	if r.wants == "" {
		r.wants = "dm"
	}
	r.times = map[string]proto.Offer{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var sessions sync.WaitGroup
	sessions.Add(1)
	go func() {
		defer sessions.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			sessions.Add(1)
			go func() {
				defer sessions.Done()
				defer conn.Close()
				r.session(conn)
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); sessions.Wait() })
	return l.Addr().String()
}

func (r *toy) session(conn net.Conn) {
	raw := bufio.NewReader(conn)
	head, _ := readHead(raw)
	if !strings.HasPrefix(head, "SSYNC /d1/0 ") {
		io.WriteString(conn, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
		return
	}
	out := httputil.NewChunkedWriter(conn)
	io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	in := bufio.NewReader(httputil.NewChunkedReader(raw))
	if !r.late {
		io.WriteString(out, "\r\n")
	}
	if line, _ := in.ReadString('\n'); line != ":MISSING_CHECK: START\r\n" {
		return
	}
	io.WriteString(out, r.prefix+":MISSING_CHECK: START\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ":MISSING_CHECK: END\r\n" {
			break
		}
		io.WriteString(out, r.answer(strings.TrimSpace(line)))
	}
	io.WriteString(out, ":MISSING_CHECK: END\r\n")
	if line, err := in.ReadString('\n'); err != nil || line != ":UPDATES: START\r\n" {
		return
	}
	for r.update(in) {
	}
	if r.silent {
		io.Copy(io.Discard, in)
		return
	}
	io.WriteString(out, ":UPDATES: START\r\n:UPDATES: END\r\n")
	out.Close()
	io.WriteString(conn, "\r\n")
	io.Copy(io.Discard, in)
}

// answer is a wanted line, or nothing.
func (r *toy) answer(line string) string {
	o, err := proto.ParseOffer([]byte(line))
	if err != nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	here, there := r.times[o.Hash.String()]
	switch {
	case !there:
		return fmt.Sprintf("%s %s\r\n", o.Hash, r.wants)
	case o.Data.After(here.Data):
		return fmt.Sprintf("%s dm\r\n", o.Hash)
	case o.Meta.After(here.Meta) && !here.NotDurable:
		return fmt.Sprintf("%s m\r\n", o.Hash)
	}
	return ""
}

// update carries out one subrequest; false at the END line.
func (r *toy) update(in *bufio.Reader) bool {
	head, err := readHead(in)
	if err != nil || strings.HasPrefix(head, ":UPDATES: END") {
		return false
	}
	first, rest, _ := strings.Cut(head, "\r\n")
	method, name, err := proto.ParseSubrequestLine([]byte(first))
	if err != nil {
		return false
	}
	var ts proto.Timestamp
	for line := range strings.SplitSeq(rest, "\r\n") {
		var n int64
		if _, err := fmt.Sscanf(line, "Content-Length: %d", &n); err == nil {
			io.CopyN(io.Discard, in, n)
		}
		if value, ok := strings.CutPrefix(line, "X-Timestamp: "); ok {
			ts, _ = proto.ParseTimestamp(value)
		}
	}
	if r.forgets {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	hash := r.name(name).String()
	o := r.times[hash]
	if o.Meta = ts; method != "POST" {
		o.Data = ts
	}
	o.NotDurable = method == "DELETE" // our mark of a tombstone
	r.times[hash] = o
	return true
}

// readHead reads up to and including a blank line; of the END line, which has none
// behind it, that alone.
func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" || strings.HasPrefix(line, ":UPDATES: END") {
			return head.String(), err
		}
	}
}
