package sink_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/sink"
)

const (
	one = "00000000000000000000000000000001"
	two = "00000000000000000000000000000002"
)

// converse says a request with that body to a sink, and returns what it answered and
// how the sink ended.
func converse(t *testing.T, body string) (answer string, served error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- sink.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "SSYNC /d1/0 HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n%x;xxh64=0\r\n%s\r\n0\r\n\r\n", len(body), body)
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(httputil.NewChunkedReader(in))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return string(text), <-ended
}

func session(updates string) string {
	return ":MISSING_CHECK: START\r\n" + one + " 1401379842.00000\r\n" + two + " 1401379843.00000\r\n:MISSING_CHECK: END\r\n" +
		":UPDATES: START\r\n" + updates + ":UPDATES: END\r\n"
}

func put(length string, body string) string {
	return "PUT /a/c/o\r\nContent-Length: " + length + "\r\nX-Timestamp: 1401379842.00000\r\n\r\n" + body
}

// Everything that is offered is wanted, and with as many whole objects all is well.
func TestSession(t *testing.T) {
	answer, err := converse(t, session(put("3", "PUT")+put("0", "")))
	want := "\r\n:MISSING_CHECK: START\r\n" + one + " d\r\n" + two + " d\r\n:MISSING_CHECK: END\r\n:UPDATES: START\r\n:UPDATES: END\r\n"
	if err != nil || answer != want {
		t.Errorf("%v: %q", err, answer)
	}
}

// What is missing, too short or no dialogue is an error to the sender, never an END.
func TestRefusals(t *testing.T) {
	for name, body := range map[string]string{
		"an object too few": session(put("3", "PUT")),
		"a body too short":  session(put("3", "PUT") + put("100", "x")),
		"a length":          session(put("-1", "")),
		"an offer":          ":MISSING_CHECK: START\r\nnonsense\r\n",
		"a marker":          ":UPDATES: START\r\n",
		"no end":            ":MISSING_CHECK: START\r\n",
		"headers":           session("PUT /a/c/o\r\n" + strings.Repeat("A: b\r\n", 300)),
	} {
		if answer, err := converse(t, body); err == nil || !strings.Contains(answer, ":ERROR: 0") || strings.Contains(answer, ":UPDATES: END") {
			t.Errorf("%s: %v, %q", name, err, answer)
		}
	}
}
