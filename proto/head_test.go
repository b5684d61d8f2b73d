package proto_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringsync/ringsync/proto"
)

const (
	ssyncHead = "SSYNC /d2/13 HTTP/1.1\r\nHost: 127.0.0.1:6220\r\nAccept-Encoding: identity\r\n" +
		"Transfer-Encoding: chunked\r\nX-Backend-Storage-Policy-Index: 0\r\n\r\n"
	okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n" +
		"X-Backend-Accept-No-Commit: True\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// TestSwiftHeads has the heads that Swift's sender and receiver exchange.
func TestSwiftHeads(t *testing.T) {
	request, err := proto.ParseRequestHead([]byte(ssyncHead))
	if err != nil {
		t.Fatal(err)
	}
	wantRequest := proto.RequestHead{Method: "SSYNC", Target: "/d2/13", Minor: 1, Headers: []proto.Header{
		{Name: "Host", Value: "127.0.0.1:6220"},
		{Name: "Accept-Encoding", Value: "identity"},
		{Name: "Transfer-Encoding", Value: "chunked"},
		{Name: "X-Backend-Storage-Policy-Index", Value: "0"},
	}}
	if diff := cmp.Diff(wantRequest, request); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if got := string(proto.AppendRequestHead(nil, request)); got != ssyncHead {
		t.Errorf("request written as %q", got)
	}

	response, err := proto.ParseResponseHead([]byte(okHead))
	if err != nil {
		t.Fatal(err)
	}
	wantResponse := proto.ResponseHead{Status: 200, Reason: "OK", Minor: 1, Headers: []proto.Header{
		{Name: "Content-Type", Value: "text/html; charset=UTF-8"},
		{Name: "X-Backend-Accept-No-Commit", Value: "True"},
		{Name: "Transfer-Encoding", Value: "chunked"},
	}}
	if diff := cmp.Diff(wantResponse, response); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	if got := string(proto.AppendResponseHead(nil, response)); got != okHead {
		t.Errorf("response written as %q", got)
	}
}

func TestHeadEnd(t *testing.T) {
	tests := []struct {
		name, buf string
		want      int
	}{
		{"empty", "", -1},
		{"one line", "GET / HTTP/1.1\r\n", -1},
		{"cut in the blank line", "GET / HTTP/1.1\r\n\r", -1},
		{"CRLF", "A\r\n\r\n", 5},
		{"LF", "A\n\n", 3},
		{"CRLF, LF", "A\r\n\n", 4},
		{"LF, CRLF", "A\n\r\n", 4},
		{"body behind", "A\r\nB: c\r\n\r\nbody\r\n\r\n", 11},
		{"CR alone", "A\r\r\n\rB\n\rC", -1},
		{"blank line first", "\r\n\r\n", 4},
	}
	for _, test := range tests {
		if got := proto.HeadEnd([]byte(test.buf)); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestParseRequestHeadLeniency(t *testing.T) {
	tests := []struct {
		name, head string
		want       proto.RequestHead
	}{
		{"bare LF", "GET /a HTTP/1.0\nA:b\n\n",
			proto.RequestHead{Method: "GET", Target: "/a", Headers: []proto.Header{{Name: "A", Value: "b"}}}},
		{"no headers", "GET /a HTTP/1.1\r\n\r\n", proto.RequestHead{Method: "GET", Target: "/a", Minor: 1}},
		{"target as it came", "REPLICATE /sd\xc3\xa9/%31//../x?y#z HTTP/1.1\r\n\r\n",
			proto.RequestHead{Method: "REPLICATE", Target: "/sd\xc3\xa9/%31//../x?y#z", Minor: 1}},
		{"bytes in a name", "PUT /a HTTP/1.1\r\nX-Caf\xc3\xa9:\t\xff \r\n\r\n",
			proto.RequestHead{Method: "PUT", Target: "/a", Minor: 1,
				Headers: []proto.Header{{Name: "X-Caf\xc3\xa9", Value: "\xff"}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := proto.ParseRequestHead([]byte(test.head))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRequestHeadRefuses(t *testing.T) {
	tests := map[string]string{
		"empty":                 "",
		"no blank line":         "GET / HTTP/1.1\r\nA: b\r\n",
		"bytes behind":          "GET / HTTP/1.1\r\n\r\nx",
		"blank line first":      "\r\nGET / HTTP/1.1\r\n\r\n",
		"two words":             "GET /\r\n\r\n",
		"four words":            "GET / x HTTP/1.1\r\n\r\n",
		"two blanks":            "GET  / HTTP/1.1\r\n\r\n",
		"empty method":          " / HTTP/1.1\r\n\r\n",
		"method is no token":    "G:T / HTTP/1.1\r\n\r\n",
		"control in target":     "GET /\x01 HTTP/1.1\r\n\r\n",
		"tab in target":         "GET /\ta HTTP/1.1\r\n\r\n",
		"HTTP/2":                "GET / HTTP/2.0\r\n\r\n",
		"HTTP/0.9":              "GET / HTTP/0.9\r\n\r\n",
		"long version":          "GET / HTTP/1.10\r\n\r\n",
		"lower-case version":    "GET / http/1.1\r\n\r\n",
		"no colon":              "GET / HTTP/1.1\r\nA\r\n\r\n",
		"empty name":            "GET / HTTP/1.1\r\n: b\r\n\r\n",
		"blank before colon":    "GET / HTTP/1.1\r\nA : b\r\n\r\n",
		"folded line":           "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n",
		"folded with tab":       "GET / HTTP/1.1\r\nA: b\r\n\tc: d\r\n\r\n",
		"CR inside":             "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
		"NUL inside":            "GET / HTTP/1.1\r\nA: b\x00\r\n\r\n",
		"two delimiters":        "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		"two delimiters, back":  "PUT / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
		"chunked twice":         "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"gzip":                  "PUT / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"identity":              "PUT / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
		"two lengths":           "PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"list of lengths":       "PUT / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
		"signed length":         "PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
		"negative length":       "PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"empty length":          "PUT / HTTP/1.1\r\nContent-Length:\r\n\r\n",
		"hex length":            "PUT / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
		"length beyond int64":   "PUT / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n",
		"length beyond uint64":  "PUT / HTTP/1.1\r\nContent-Length: 18446744073709551617\r\n\r\n",
		"too long":              "GET / HTTP/1.1\r\nA: " + strings.Repeat("b", proto.MaxHead) + "\r\n\r\n",
		"too many headers":      "GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", proto.MaxHeaders+1) + "\r\n",
		"carriage return twice": "GET / HTTP/1.1\r\r\n\r\n",
	}
	for name, head := range tests {
		if got, err := proto.ParseRequestHead([]byte(head)); err == nil {
			t.Errorf("%s: parsed as %+v", name, got)
		}
	}
}

// TestHeadLimits shows that the bounds themselves are still within them.
func TestHeadLimits(t *testing.T) {
	many := "GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", proto.MaxHeaders) + "\r\n"
	if got, err := proto.ParseRequestHead([]byte(many)); err != nil || len(got.Headers) != proto.MaxHeaders {
		t.Errorf("%d headers: %v", len(got.Headers), err)
	}

	const frame = "GET / HTTP/1.1\r\nA: \r\n\r\n"
	long := fmt.Sprintf("GET / HTTP/1.1\r\nA: %s\r\n\r\n", strings.Repeat("b", proto.MaxHead-len(frame)))
	if _, err := proto.ParseRequestHead([]byte(long)); err != nil || len(long) != proto.MaxHead {
		t.Errorf("a head of %d bytes: %v", len(long), err)
	}
}

func TestHeadGet(t *testing.T) {
	headers := []proto.Header{{Name: "A", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3"}}
	for _, get := range []func(string) (string, bool){
		proto.RequestHead{Headers: headers}.Get,
		proto.ResponseHead{Headers: headers}.Get,
	} {
		if got, ok := get("a"); got != "3" || !ok {
			t.Errorf("a: %q %t, want the last", got, ok)
		}
		if got, ok := get("B"); got != "2" || !ok {
			t.Errorf("B: %q %t", got, ok)
		}
		if got, ok := get("c"); got != "" || ok {
			t.Errorf("c: %q %t", got, ok)
		}
	}
}

func TestHeadBody(t *testing.T) {
	tests := []struct {
		name    string
		headers []proto.Header
		chunked bool
		length  int64
	}{
		{"none", nil, false, -1},
		{"chunked", []proto.Header{{Name: "transfer-encoding", Value: "Chunked"}}, true, -1},
		{"zero", []proto.Header{{Name: "Content-Length", Value: "0"}}, false, 0},
		{"longest", []proto.Header{{Name: "Content-Length", Value: "9223372036854775807"}}, false, 1<<63 - 1},
		{"twice the same", []proto.Header{{Name: "Content-Length", Value: "5"}, {Name: "content-length", Value: "05"}}, false, 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			chunked, length, err := proto.RequestHead{Headers: test.headers}.Body()
			if chunked != test.chunked || length != test.length || err != nil {
				t.Errorf("request: %t %d %v", chunked, length, err)
			}
			chunked, length, err = proto.ResponseHead{Headers: test.headers}.Body()
			if chunked != test.chunked || length != test.length || err != nil {
				t.Errorf("response: %t %d %v", chunked, length, err)
			}
		})
	}
}

func TestParseResponseHead(t *testing.T) {
	tests := []struct {
		name, head string
		want       proto.ResponseHead
	}{
		{"two words in the reason", "HTTP/1.1 507 Insufficient Storage\r\n\r\n",
			proto.ResponseHead{Status: 507, Reason: "Insufficient Storage", Minor: 1}},
		{"no reason", "HTTP/1.0 204 \r\n\r\n", proto.ResponseHead{Status: 204}},
		{"no reason, no blank", "HTTP/1.0 204\n\n", proto.ResponseHead{Status: 204}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := proto.ParseResponseHead([]byte(test.head))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}

	refused := map[string]string{
		"empty":          "",
		"no version":     "200 OK\r\n\r\n",
		"HTTP/2":         "HTTP/2 200 OK\r\n\r\n",
		"no status":      "HTTP/1.1\r\n\r\n",
		"two digits":     "HTTP/1.1 20 OK\r\n\r\n",
		"four digits":    "HTTP/1.1 2000 OK\r\n\r\n",
		"letters":        "HTTP/1.1 2x0 OK\r\n\r\n",
		"below 100":      "HTTP/1.1 099 OK\r\n\r\n",
		"signed":         "HTTP/1.1 +20 OK\r\n\r\n",
		"two blanks":     "HTTP/1.1  200 OK\r\n\r\n",
		"two delimiters": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	}
	for name, head := range refused {
		if got, err := proto.ParseResponseHead([]byte(head)); err == nil {
			t.Errorf("%s: parsed as %+v", name, got)
		}
	}
}

// TestAppendHeadCannotBeForged shows that no part of a head adds a line to it.
func TestAppendHeadCannotBeForged(t *testing.T) {
	const evil = "a\r\nB: c\n\r\n\x00"
	headers := []proto.Header{{Name: evil, Value: evil}}
	request := proto.AppendRequestHead(nil, proto.RequestHead{Method: evil, Target: evil, Minor: 1, Headers: headers})
	response := proto.AppendResponseHead(nil, proto.ResponseHead{Status: 200, Reason: evil, Headers: headers})
	for _, head := range [][]byte{request, response} {
		if got := strings.Count(string(head), "\n"); got != 3 || proto.HeadEnd(head) != len(head) {
			t.Errorf("%q has %d lines, want 3", head, got)
		}
	}
}

// FuzzRequestHead shows that a slow and simple reader reads the same, and that a
// head that parses is written again as one that HeadEnd cuts at its end and that
// reads the same.
func FuzzRequestHead(f *testing.F) {
	f.Add([]byte(ssyncHead))
	f.Add([]byte("GET /\xff HTTP/1.0\nA:b\r\nContent-Length: 05\n\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		read, err := proto.ParseRequestHead(head)
		first, headers, ok := slowHead(string(head))
		var slow proto.RequestHead
		if found := slowRequest.FindStringSubmatch(first); !ok || found == nil {
			ok = false
		} else {
			slow = proto.RequestHead{Method: found[1], Target: found[2], Minor: int(found[3][0] - '0'), Headers: headers}
		}
		if ok != (err == nil) || ok && !cmp.Equal(slow, read) {
			t.Fatalf("%q: read %+v, %v; slowly %+v, %t", head, read, err, slow, ok)
		}
		if err != nil {
			return
		}
		written := proto.AppendRequestHead(nil, read)
		if len(written) > proto.MaxHead {
			return // bare LFs became CRLFs
		}
		again, err := proto.ParseRequestHead(written)
		if err != nil || !cmp.Equal(read, again) {
			t.Fatalf("%q became %q (%v)", head, written, err)
		}
		if _, _, err := read.Body(); err != nil {
			t.Fatalf("%q parsed, but its body: %v", head, err)
		}
	})
}

// FuzzResponseHead is FuzzRequestHead's twin.
func FuzzResponseHead(f *testing.F) {
	f.Add([]byte(okHead))
	f.Add([]byte("HTTP/1.0 507 \t no room\nA:b\n\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		read, err := proto.ParseResponseHead(head)
		first, headers, ok := slowHead(string(head))
		var slow proto.ResponseHead
		if found := slowStatus.FindStringSubmatch(first); !ok || found == nil {
			ok = false
		} else {
			status, _ := strconv.Atoi(found[2])
			slow = proto.ResponseHead{Status: status, Reason: strings.Trim(found[3], blanks), Minor: int(found[1][0] - '0'), Headers: headers}
		}
		if ok != (err == nil) || ok && !cmp.Equal(slow, read) {
			t.Fatalf("%q: read %+v, %v; slowly %+v, %t", head, read, err, slow, ok)
		}
		if err != nil {
			return
		}
		written := proto.AppendResponseHead(nil, read)
		if len(written) > proto.MaxHead {
			return // bare LFs became CRLFs
		}
		again, err := proto.ParseResponseHead(written)
		if err != nil || !cmp.Equal(read, again) {
			t.Fatalf("%q became %q (%v)", head, written, err)
		}
	})
}
