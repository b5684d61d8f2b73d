package conformance

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/ringsync/ringsync/proto"
)

// session is one connection, seen from the seat that we have.
type session struct {
	conn     net.Conn
	patience time.Duration
	framing  Framing
	eol      string
	in       *stream // what the judged says
	chunked  bool    // what we say is

	heard *heard // the judged's head, once it has come

	gathering bool   // the lines of a subrequest's head, up to its blank line
	pending   []byte // said, and not on its way yet
}

func newSession(conn net.Conn, s *Script, patience time.Duration) *session {
	t := &session{conn: conn, patience: patience, framing: s.Framing, eol: "\r\n"}
	if s.LF {
		t.eol = "\n"
	}
	t.in = &stream{conn: conn, patience: patience}
	return t
}

var subrequestLine = regexp.MustCompile(`^[A-Za-z]+ /`)

// line says a line.
func (t *session) line(text string) {
	if t.framing == ByLine && subrequestLine.MatchString(text) {
		t.gathering = true
	}
	t.say([]byte(text + t.eol))
	if t.gathering && text == "" {
		t.flush()
	}
}

// say takes bytes of the stream; they go out by the script's framing.
func (t *session) say(data []byte) {
	t.pending = append(t.pending, data...)
	if t.framing == ByByte || t.framing == ByLine && !t.gathering {
		t.flush()
	}
}

// flush sends what is pending.
func (t *session) flush() {
	t.gathering = false
	pending := t.pending
	t.pending = nil
	switch {
	case !t.chunked:
		t.write(pending)
	case t.framing == ByByte:
		var chunks []byte
		for i := range pending {
			chunks = proto.AppendChunk(chunks, pending[i:i+1])
		}
		t.write(chunks)
	default:
		t.write(proto.AppendChunk(nil, pending))
	}
}

// write sends bytes as they are. That the other side has gone is not our matter:
// what he said before tells whether he may.
func (t *session) write(data []byte) {
	if len(data) == 0 {
		return
	}
	t.conn.SetWriteDeadline(time.Now().Add(t.patience))
	t.conn.Write(data)
}

// last ends what we say.
func (t *session) last() {
	t.flush()
	if t.chunked {
		t.write([]byte(proto.LastChunk))
	}
}

func (t *session) halfClose() {
	t.flush()
	if half, ok := t.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

func (t *session) reset() {
	t.flush()
	if tcp, ok := t.conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	t.conn.Close()
}

// heard is a head: its first line, and its headers.
type heard struct {
	first string
	get   func(name string) (string, bool)
	err   error
}

// hear reads the head of the judged and what it says of the body behind it. A
// session has one: an alternative that is tried later hears it again.
func (t *session) hear(seat Seat) (first string, get func(string) (string, bool), err error) {
	if t.heard == nil {
		t.heard = &heard{}
		t.heard.first, t.heard.get, t.heard.err = t.readHead(seat)
	}
	return t.heard.first, t.heard.get, t.heard.err
}

func (t *session) readHead(seat Seat) (first string, get func(string) (string, bool), err error) {
	raw, err := t.in.head()
	if err != nil {
		return "", nil, err
	}
	if seat == Receiver {
		head, err := proto.ParseResponseHead(raw)
		if err != nil {
			return "", nil, err
		}
		chunked, length, err := head.Body()
		t.in.chunked, t.in.length = chunked, length
		return fmt.Sprintf("HTTP/1.%d %d %s", head.Minor, head.Status, head.Reason), head.Get, err
	}
	head, err := proto.ParseRequestHead(raw)
	if err != nil {
		return "", nil, err
	}
	chunked, length, err := head.Body()
	if err == nil && !chunked && length < 0 {
		length = 0
	}
	t.in.chunked, t.in.length = chunked, length
	return fmt.Sprintf("%s %s HTTP/1.%d", head.Method, head.Target, head.Minor), head.Get, err
}

// openReceiver says the usual head and expects a session: 200, in chunks, and a
// blank line at once, since old senders wait for bytes of the body.
func (t *session) openReceiver(request proto.RequestHead) error {
	t.write(proto.AppendRequestHead(nil, request))
	t.chunked = true
	first, _, err := t.hear(Receiver)
	switch {
	case err != nil:
		return err
	case !matches("HTTP/1.1 200 …", first):
		return fmt.Errorf("%q", first)
	case !t.in.chunked:
		return errors.New("200, but not in chunks")
	}
	if text, ok := t.in.line(); !ok || !isBlank(text) {
		return fmt.Errorf("no blank line behind the head, but %q or %s", text, t.in.said())
	}
	return nil
}

func isBlank(text string) bool { return len(proto.TrimBlanks([]byte(text))) == 0 }

// request is the head of a session of ours.
func request(verb, target, host, policy string) proto.RequestHead {
	r := proto.RequestHead{Method: verb, Target: target, Minor: 1, Headers: []proto.Header{
		{Name: "Host", Value: host},
		{Name: "Accept-Encoding", Value: "identity"},
		{Name: "Transfer-Encoding", Value: "chunked"},
	}}
	if verb == "SSYNC" { // 2013 knew no policies
		r.Headers = append(r.Headers, proto.Header{Name: "X-Backend-Storage-Policy-Index", Value: policy})
	}
	return r
}

// accepted is the head of a receiver who takes a session.
var accepted = proto.ResponseHead{Status: 200, Reason: "OK", Minor: 1, Headers: []proto.Header{
	{Name: "Content-Type", Value: "text/html; charset=UTF-8"},
	{Name: "X-Backend-Accept-No-Commit", Value: "True"},
	{Name: "Transfer-Encoding", Value: "chunked"},
}}
