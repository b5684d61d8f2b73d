package dataplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/budget"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/proto"
	"github.com/valyala/bytebufferpool"
)

const (
	// maxHead bounds a request's head.
	maxHead = budget.RequestHeadBytes
	// usualHead is room for nearly every one.
	usualHead = 1 << 10
)

// request is a request whose head has been read.
type request struct {
	proto.RequestHead
	conn  net.Conn
	raw   []byte // all that has been read: the head as it came, and ahead
	ahead []byte // of the body, read behind the head
	seen  *stats.Request
	leave func() // gives back its place at a device; nil if it has none
	keeps bool   // the connection is kept for the next one
}

// keepFor is how long a connection that was kept may be silent.
const keepFor = 5 * time.Second

// serve answers a connection's request, and those that follow if it is kept.
func (n *Node) serve(conn net.Conn, v *visitor) {
	defer func() { n.lobby.leave(v) }()
	r, err := awaitRequest(n.ctx, conn, n.cfg.HeadTimeout)
	for err == nil {
		if n.answer(r, v); !r.keeps || !n.allowed(conn) {
			return
		}
		next := n.lobby.stay(conn)
		if next == nil {
			return
		}
		v = next
		r, err = awaitRequest(n.closing, conn, keepFor)
	}
	if err != io.EOF { // who connects and leaves is a health check
		refuse(http.StatusBadRequest, "%v", err).reply(&request{conn: conn})
	}
}

// awaitRequest reads a head, for as long as ctx and patience last.
func awaitRequest(ctx context.Context, conn net.Conn, patience time.Duration) (*request, error) {
	conn.SetReadDeadline(time.Now().Add(patience))
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	r, err := readRequest(conn)
	stop()
	conn.SetReadDeadline(time.Time{})
	return r, err
}

// answer serves a request.
func (n *Node) answer(r *request, v *visitor) {
	r.seen = n.cfg.Stats.Begin(r.Method)
	defer r.seen.End()
	if r.Target == "/healthcheck" {
		// It takes no place of max_clients, and waits for none: who is well but busy is
		// well. The visitor has his place in the lobby while he is answered, so there are
		// no more of these than of those.
		if n.lobby.spoke(v) {
			n.healthcheck(r)
		}
		return
	}
	release, err := n.admit(v)
	if err != nil {
		r.seen.Ends(ssync.ReasonBusy, 0)
		refuse(http.StatusServiceUnavailable, "%v", err).reply(r)
		return
	}
	defer release()
	defer func() {
		if r.leave != nil {
			r.leave()
		}
	}()
	switch {
	case n.cfg.Recon != nil && strings.HasPrefix(r.Target, "/recon/"):
		n.recon(r)
	case r.Method == "SSYNC":
		n.session(r, ssync.SSYNC)
	case r.Method == "REPLICATION":
		n.session(r, ssync.REPLICATION)
	case r.Method == "REPLICATE":
		n.replicate(r)
	case r.Method == "OPTIONS":
		n.options(r)
	default:
		r.seen.Ends(ssync.ReasonRefused, 0)
		n.turnDown(r, notAllowed())
	}
}

// healthcheck answers OK, unless an operator has put a file where it says no.
// Source: middleware/healthcheck.py.
func (n *Node) healthcheck(r *request) {
	if path := n.cfg.DisablePath; path != "" {
		if _, err := os.Stat(path); err == nil {
			r.reply(http.StatusServiceUnavailable, plainText, []byte("DISABLED BY FILE"))
			return
		}
	}
	r.reply(http.StatusOK, plainText, []byte("OK"))
}

// readRequest reads a head; io.EOF where nothing came at all.
func readRequest(conn net.Conn) (*request, error) {
	buf := make([]byte, 0, usualHead)
	for {
		buf = slices.Grow(buf, usualHead/2)
		n, err := conn.Read(buf[len(buf):cap(buf)])
		// What was there holds no end but perhaps the beginning of one, CRLF. Looked
		// through from its start for each byte, a head would take seconds of a core.
		from := max(0, len(buf)-len("\r\n"))
		buf = buf[:len(buf)+n]
		if end := proto.HeadEnd(buf[from:]); end >= 0 {
			end += from
			head, err := proto.ParseRequestHead(buf[:end])
			return &request{RequestHead: head, conn: conn, raw: buf, ahead: buf[end:]}, err
		}
		switch {
		case err != nil && len(buf) == 0:
			return nil, io.EOF
		case err != nil:
			return nil, fmt.Errorf("request head: %w", err)
		case len(buf) > maxHead:
			return nil, fmt.Errorf("request head of more than %d bytes", maxHead)
		}
	}
}

// The content types of Swift's own answers.
const (
	plainText = "text/plain"
	htmlText  = "text/html; charset=UTF-8"
)

// keep keeps the connection, if that is asked for, as our replicator does when it goes
// over the partitions that two nodes share: where these are the same, to open and
// close a connection is most of the work. Swift's never ask.
func (r *request) keep() {
	asked, _ := r.Get("Connection")
	chunked, length, err := r.Body()
	r.keeps = strings.EqualFold(asked, "keep-alive") && err == nil && !chunked && length <= 0 && len(r.ahead) == 0
}

// reply sends a whole answer, after which the connection is closed, unless it is kept.
func (r *request) reply(status int, contentType string, body []byte, headers ...proto.Header) {
	connection := "close"
	if r.keeps {
		connection = "keep-alive"
	}
	headers = append([]proto.Header{
		{Name: "Content-Type", Value: contentType},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		{Name: "Date", Value: time.Now().UTC().Format(http.TimeFormat)},
		{Name: "Connection", Value: connection},
	}, headers...)
	head := proto.ResponseHead{Status: status, Reason: reason(status), Minor: 1, Headers: headers}
	answer := bytebufferpool.Get()
	defer bytebufferpool.Put(answer)
	answer.B = proto.AppendResponseHead(answer.B, head)
	if r.Method != http.MethodHead {
		answer.B = append(answer.B, body...)
	}
	r.conn.SetWriteDeadline(time.Now().Add(replyTimeout))
	if _, err := r.conn.Write(answer.B); err != nil { // who has gone needs no answer
		r.keeps = false
	}
}

func reason(status int) string {
	if status == http.StatusInsufficientStorage {
		return "Insufficient Storage"
	}
	return http.StatusText(status)
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	reason ssync.Reason // empty: refused by its head
	text   string
	html   string // in place of text, where Swift's servers answer with a page
	python bool   // the Python object server behind this node would serve it
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, text: fmt.Sprintf(format, args...)}
}

// notAllowed refuses a verb that is not served here.
func notAllowed() *refusal {
	return &refusal{status: http.StatusMethodNotAllowed, html: page(http.StatusMethodNotAllowed, "The method is not allowed for this resource."), python: true}
}

func (f *refusal) body() (contentType, body string) {
	if f.html != "" {
		return htmlText, f.html
	}
	return plainText, f.text
}

func (f *refusal) reply(r *request) {
	contentType, body := f.body()
	r.reply(f.status, contentType, []byte(body))
	r.linger()
}

// lingerFor is how long a refused request's body is read and dropped: a reset
// would make the client lose the answer.
const lingerFor = time.Second

func (r *request) linger() {
	if chunked, length, err := r.Body(); err != nil || !chunked && length <= int64(len(r.ahead)) {
		return
	}
	closeWrite(r.conn)
	r.conn.SetReadDeadline(time.Now().Add(lingerFor))
	io.Copy(io.Discard, r.conn)
}

// turnDown answers what is not served here, or lets Python's object server do so.
func (n *Node) turnDown(r *request, f *refusal) {
	if f.python && n.cfg.ObjectServer != "" {
		n.pass(r)
		return
	}
	f.reply(r)
}

// options answers as Swift's servers do, whose kind swift-recon reads off the
// Server header. Source: base_storage_server.py, OPTIONS.
func (n *Node) options(r *request) {
	allow := "OPTIONS, REPLICATE, REPLICATION, SSYNC"
	if n.cfg.ObjectServer != "" {
		allow = "DELETE, GET, HEAD, OPTIONS, POST, PUT, REPLICATE, REPLICATION, SSYNC"
	}
	r.seen.Ends(ssync.ReasonOK, http.StatusOK)
	r.reply(http.StatusOK, htmlText, nil, proto.Header{Name: "Allow", Value: allow}, proto.Header{Name: "Server", Value: "object-server/ringsync"})
}

// session hands the connection to the receiver.
func (n *Node) session(r *request, verb ssync.Verb) {
	t, refused := n.place(r, false)
	if refused == nil {
		refused = checkFragment(r)
	}
	chunked, length, err := r.Body()
	if refused == nil && err != nil {
		refused = refuse(http.StatusBadRequest, "%v", err)
	}
	asked, _ := r.Get(proto.FeaturesHeader)
	req := ssync.Request{
		Features: proto.ParseFeatures(asked),
		Verb:     verb, Device: t.device, Policy: t.policy, Partition: t.partition,
		Minor: r.Minor, Chunked: chunked, Length: length, Ahead: r.ahead,
	}
	n.placed(r, t, refused)
	if refused != nil {
		n.refuseSession(r, req, refused)
		return
	}
	r.seen.Session()
	report, err := n.receiver.Serve(n.ctx, r.conn, req)
	reason := ssync.ReasonOf(err, ssync.ReasonProtocol)
	r.seen.Reported(report)
	r.seen.Ends(reason, http.StatusOK)
	log := n.cfg.Log.With("device", t.device, "policy", t.policy.Index, "partition", t.partition, "peer", r.conn.RemoteAddr().String(),
		"offered", report.Offered, "wanted", report.Wanted, "puts", report.Puts, "posts", report.Posts, "deletes", report.Deletes,
		"failures", report.Failures, "bytes", report.Bytes, "verified", report.Verified.String(), "features", report.Features.String(), "seconds", report.Elapsed.Seconds(), "ways", report.Ways.String(), "paced", report.Paced.Round(time.Millisecond).String(), "reason", string(reason))
	if err != nil {
		log.Warn("session failed", "error", err)
		return
	}
	log.Info("session ended")
}

// refuseSession tells by the status, and to the verb of 2013, which knows no other
// than 200, by an error line: of code 0 where the request is to blame, as its
// receivers said it.
func (n *Node) refuseSession(r *request, req ssync.Request, f *refusal) {
	elsewhere := f.python && n.cfg.ObjectServer != ""
	if req.Verb != ssync.REPLICATION || elsewhere {
		n.turnDown(r, f)
		return
	}
	code := f.status
	if code == http.StatusBadRequest {
		code = 0
	}
	_, text := f.body()
	if err := n.receiver.Refuse(n.ctx, r.conn, req, &ssync.Refusal{Code: code, Text: text}); err != nil {
		n.cfg.Log.Debug("refusal not told", "peer", r.conn.RemoteAddr().String(), "error", err)
	}
}
