package interop_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/proto"
)

// Requests that begin no session get the status that Swift gives them; those that
// do, in whatever form, get 200 and the session.
func TestSameStatus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	us, them := ourNode(r, disk(t)), swiftServer(r, disk(t))
	const check = ":MISSING_CHECK: START\r\n:MISSING_CHECK: END\r\n"
	const canonical = "such a directory would be a partition to nobody"
	for _, test := range []struct {
		name, line string
		headers    []string
		body       string
		why        string // Swift's status is another one, and this is why
	}{
		{name: "a session", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"Transfer-Encoding: chunked"}, body: chunked(check) + proto.LastChunk},
		{name: "with a length", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{fmt.Sprint("Content-Length: ", len(check))}, body: check},
		{name: "of HTTP/1.0", line: "SSYNC /d1/0 HTTP/1.0", headers: []string{fmt.Sprint("Content-Length: ", len(check))}, body: check},
		{name: "names in another case", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"tRANSFER-eNCODING: CHUNKED", "x-backend-storage-policy-index: 0"}, body: chunked(check) + proto.LastChunk},
		{name: "an empty policy", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Storage-Policy-Index:"}},
		{name: "an unknown policy", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Storage-Policy-Index: 7"}},
		{name: "a policy of letters", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Storage-Policy-Index: x"}},
		{name: "a negative policy", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Storage-Policy-Index: -1"}},
		{name: "a fragment index", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Ssync-Frag-Index: 1", "X-Backend-Ssync-Node-Index: 1"}},
		{name: "an empty fragment index", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Ssync-Frag-Index:"}},
		{name: "a fragment index of letters", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Ssync-Frag-Index: zz"}},
		{name: "no fragment index, as 2.4.0 says it", line: "SSYNC /d1/0 HTTP/1.1", headers: []string{"X-Backend-Ssync-Frag-Index: None"}, why: "2.4.0 meant that there is none"},
		{name: "no partition", line: "SSYNC /d1 HTTP/1.1"},
		{name: "an empty partition", line: "SSYNC /d1/ HTTP/1.1"},
		{name: "three segments", line: "SSYNC /d1/0/x HTTP/1.1"},
		{name: "nothing", line: "SSYNC / HTTP/1.1"},
		{name: "an empty device", line: "SSYNC //0 HTTP/1.1"},
		{name: "a device called .", line: "SSYNC /./0 HTTP/1.1"},
		{name: "a device called ..", line: "SSYNC /../0 HTTP/1.1"},
		{name: "a quoted way out", line: "SSYNC /%2e%2e/0 HTTP/1.1"},
		{name: "a partition called ..", line: "SSYNC /d1/.. HTTP/1.1"},
		{name: "a slash in a device", line: "SSYNC /a%2Fb/0 HTTP/1.1"},
		{name: "a device that is not there", line: "SSYNC /d9/0 HTTP/1.1"},
		{name: "a device that must be quoted", line: "SSYNC /d%201/0 HTTP/1.1"},
		{name: "a partition of letters", line: "SSYNC /d1/abc HTTP/1.1", why: canonical},
		{name: "a partition with a zero", line: "SSYNC /d1/03 HTTP/1.1", why: canonical},
		{name: "digests of nothing", line: "REPLICATE /d1/5 HTTP/1.1"},
		{name: "digests of an unknown policy", line: "REPLICATE /d1/5 HTTP/1.1", headers: []string{"X-Backend-Storage-Policy-Index: 7"}},
		{name: "digests of a device that is not there", line: "REPLICATE /d9/5 HTTP/1.1"},
		{name: "digests of a device alone", line: "REPLICATE /d1 HTTP/1.1"},
		{name: "an unknown verb", line: "BONK /d1/0 HTTP/1.1"},
		{name: "the verb of 2013", line: "REPLICATION /d1/0 HTTP/1.1", why: "Swift answered it until 2.2, and so do we"},
		{name: "health", line: "GET /healthcheck HTTP/1.1", why: "with Swift that is a filter of its own"},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := test.line + "\r\nHost: x\r\n"
			if test.headers == nil || !strings.Contains(strings.ToLower(strings.Join(test.headers, " ")), "transfer-encoding") && test.body == "" {
				request += "Transfer-Encoding: chunked\r\n"
				test.body = proto.LastChunk
			}
			request += lines(test.headers) + "\r\n" + test.body
			ours, theirs := status(t, us, request), status(t, them, request)
			if (ours == theirs) != (test.why == "") {
				t.Errorf("Swift says %q, we say %q; reason to differ: %q", theirs, ours, test.why)
			}
		})
	}
}

// status sends a request and returns the status code of the answer.
func status(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request)
	conn.(*net.TCPConn).CloseWrite()
	line, err := bufio.NewReader(conn).ReadString('\n')
	words := strings.Fields(line)
	if len(words) < 2 {
		return fmt.Sprintf("%q, %v", line, err)
	}
	return words[1]
}
