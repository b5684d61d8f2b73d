package dataplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// maxHead bounds a request's head.
const maxHead = 64 << 10

// request is a request whose head has been read.
type request struct {
	proto.RequestHead
	conn  net.Conn
	ahead []byte // of the body, read behind the head
}

// answer serves the one request of a connection.
func (n *Node) answer(conn net.Conn, v *visitor) {
	conn.SetReadDeadline(time.Now().Add(n.cfg.HeadTimeout))
	stop := context.AfterFunc(n.ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	r, err := readRequest(conn)
	stop()
	if err != nil {
		if err != io.EOF { // who connects and leaves is a health check
			reply(conn, http.StatusBadRequest, "text/plain", err.Error())
		}
		return
	}
	conn.SetReadDeadline(time.Time{})
	release, err := n.admit(v)
	if err != nil {
		reply(conn, http.StatusServiceUnavailable, "text/plain", err.Error())
		return
	}
	defer release()
	switch {
	case r.Target == "/healthcheck":
		reply(conn, http.StatusOK, "text/plain", "OK")
	case r.Method == "SSYNC":
		n.ssync(r)
	case r.Method == "REPLICATE":
		n.replicate(r)
	case r.Method == "OPTIONS":
		reply(conn, http.StatusOK, "text/plain", "", proto.Header{Name: "Allow", Value: "OPTIONS, REPLICATE, SSYNC"})
	default:
		reply(conn, http.StatusMethodNotAllowed, "text/plain", fmt.Sprintf("%.32q is not served here", r.Method))
	}
}

// readRequest reads a head; io.EOF where nothing came at all.
func readRequest(conn net.Conn) (*request, error) {
	var buf []byte
	piece := make([]byte, 4<<10)
	for {
		n, err := conn.Read(piece)
		buf = append(buf, piece[:n]...)
		if end := proto.HeadEnd(buf); end >= 0 {
			head, err := proto.ParseRequestHead(buf[:end])
			return &request{RequestHead: head, conn: conn, ahead: buf[end:]}, err
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

// reply sends a whole answer, after which the connection is closed.
func reply(conn net.Conn, status int, contentType, body string, headers ...proto.Header) {
	headers = append([]proto.Header{
		{Name: "Content-Type", Value: contentType},
		{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		{Name: "Date", Value: time.Now().UTC().Format(http.TimeFormat)},
		{Name: "Connection", Value: "close"},
	}, headers...)
	head := proto.ResponseHead{Status: status, Reason: reason(status), Minor: 1, Headers: headers}
	conn.SetWriteDeadline(time.Now().Add(replyTimeout))
	conn.Write(append(proto.AppendResponseHead(nil, head), body...)) // who has gone needs no answer
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
	text   string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

func (r *refusal) reply(conn net.Conn) { reply(conn, r.status, "text/plain", r.text) }

// target is what SSYNC and REPLICATE are about.
type target struct {
	device    string
	policy    hashes.Policy
	partition uint32
	rest      string // REPLICATE's suffixes
}

// place reads policy, device and partition of a request, in Swift's order, and
// sees that the device is there. Source: ssync_receiver.py,
// Receiver.initialize_request; request_helpers.py, get_name_and_placement.
func (n *Node) place(r *request, segments int) (t target, refused *refusal) {
	index, _ := r.Get("X-Backend-Storage-Policy-Index")
	number, err := strconv.Atoi(index)
	if index == "" {
		number, err = 0, nil
	}
	var known bool
	if t.policy, known = n.cfg.Store.Cluster().Policy(number); err != nil || !known {
		return t, refuse(http.StatusServiceUnavailable, "No policy with index %.32s", index)
	}
	path, err := proto.Unquote(r.Target)
	if err != nil {
		return t, refuse(http.StatusBadRequest, "Invalid path: %.128q", r.Target)
	}
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", segments)
	if len(parts) < 2 || path[0] != '/' {
		return t, refuse(http.StatusBadRequest, "Invalid path: %.128s", path)
	}
	if len(parts) > 2 {
		t.rest = parts[2]
	}
	t.device = parts[0]
	if t.device == "" || t.device == "." || t.device == ".." {
		return t, refuse(http.StatusBadRequest, "Invalid device: %.64s", t.device)
	}
	if t.partition, err = store.ParsePartition(parts[1]); err != nil {
		return t, refuse(http.StatusBadRequest, "Invalid partition: %.64s", parts[1])
	}
	if t.policy.Kind != hashes.Replication {
		return t, refuse(http.StatusServiceUnavailable, "policy %d is erasure coded, which is not served here", t.policy.Index)
	}
	device, err := n.cfg.Store.Device(t.device)
	if err != nil {
		n.cfg.Log.Warn("request refused", "device", t.device, "peer", r.conn.RemoteAddr().String(), "error", err)
		return t, refuse(http.StatusInsufficientStorage, "There was not enough space to save the resource. Drive: %s", t.device)
	}
	device.Close()
	return t, nil
}

// ssync hands the connection to the receiver.
func (n *Node) ssync(r *request) {
	t, refused := n.place(r, 2)
	chunked, length, err := r.Body()
	if refused == nil && err != nil {
		refused = refuse(http.StatusBadRequest, "%v", err)
	}
	if refused != nil {
		refused.reply(r.conn)
		return
	}
	report, err := n.receiver.Serve(n.ctx, r.conn, ssync.Request{
		Device: t.device, Policy: t.policy, Partition: t.partition,
		Minor: r.Minor, Chunked: chunked, Length: length, Ahead: r.ahead,
	})
	log := n.cfg.Log.With("device", t.device, "policy", t.policy.Index, "partition", t.partition, "peer", r.conn.RemoteAddr().String(),
		"offered", report.Offered, "wanted", report.Wanted, "puts", report.Puts, "posts", report.Posts, "deletes", report.Deletes,
		"failures", report.Failures, "bytes", report.Bytes, "seconds", report.Elapsed.Seconds())
	if err != nil {
		log.Warn("session failed", "error", err)
		return
	}
	log.Info("session ended")
}
