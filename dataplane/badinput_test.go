package dataplane_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// What is no request for a session is answered by a status.
func TestStatus(t *testing.T) {
	address, _ := startNode(t)
	for _, test := range []struct{ name, request, want string }{
		{"health", "GET /healthcheck HTTP/1.1\r\n\r\n", "200 OK"},
		{"options", "OPTIONS / HTTP/1.1\r\n\r\n", "Allow: OPTIONS, REPLICATE, REPLICATION, SSYNC"},
		{"an object verb", "PUT /d1/0/a/c/o HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 "},
		{"no device there", "SSYNC /d9/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "507 "},
		{"a device called ..", "SSYNC /../0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a quoted way out", "SSYNC /%2e%2e/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"no partition", "SSYNC /d1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"three segments", "SSYNC /d1/0/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a partition with a zero", "SSYNC /d1/03 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"unknown policy", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n", "503 "},
		{"policy no number", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: x\r\nTransfer-Encoding: chunked\r\n\r\n", "503 "},
		{"a fragment index of letters", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Ssync-Frag-Index: zz\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a device with a slash in it", "SSYNC /a%2Fb/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a device with a NUL in it", "SSYNC /d1%00/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "507 "},
		{"a partition beyond all rings", "SSYNC /d1/4294967296 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"a length and chunks", "SSYNC /d1/0 HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "400 "},
		{"two lengths", "SSYNC /d1/0 HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "400 "},
		{"an unknown encoding", "SSYNC /d1/0 HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "400 "},
		{"a head cut short", "SSYNC /d1/0 HTTP/1.1\r\nHost: x", "400 "},
		{"too many headers", "GET / HTTP/1.1\r\n" + strings.Repeat("X: x\r\n", 200) + "\r\n", "400 "},
		{"a folded header", "GET / HTTP/1.1\r\nX: x\r\n y\r\n\r\n", "400 "},
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
		{"two colons in an offer", chunks(":MISSING_CHECK: START\r\n", hash+" 1700000001.00000 m:1:2\r\n"), ":ERROR: 0 "},
		{"a byte beyond ASCII in an offer", chunks(":MISSING_CHECK: START\r\n", hash+" 1700000001.00000 \xff:1\r\n"), ":ERROR: 0 "},
		{"a hash in capitals", chunks(":MISSING_CHECK: START\r\n", strings.ToUpper(hash)+" 1700000001.00000\r\n"), ":ERROR: 0 "},
		{"a time beyond all time", chunks(":MISSING_CHECK: START\r\n", hash+" 1700000001.00000 m:fffffffffffffff\r\n"), ":ERROR: 0 "},
		{"a blank line among offers", chunks(":MISSING_CHECK: START\r\n", "\r\n"), ":ERROR: 0 "},
		{"an endless line", chunks(":MISSING_CHECK: START\r\n", strings.Repeat("x", 70_000)), ":ERROR: 0 "},
		{"no chunk size", "zz\r\n", ":ERROR: 0 "},
		{"an overflowing chunk size", "fffffffffffffffff\r\n", ":ERROR: 0 "},
		{"a negative chunk size", "-5\r\n", ":ERROR: 0 "},
		{"an endless chunk size", strings.Repeat("0", 70_000), ":ERROR: 0 "},
		{"a chunk longer than it says", "3\r\n:MISSING_CHECK: START\r\n\r\n", ":ERROR: 0 "},
		{"a last line without its end", check + chunks(":UPDATES: END") + proto.LastChunk, ""},
		{"a chunk cut short", "ff\r\n:MISSING", ""},
		{"a check and no more", chunks(":MISSING_CHECK: START\r\n", ":MISSING_CHECK: END\r\n") + proto.LastChunk, ":MISSING_CHECK: END"},
		{"a verb of its own", check + chunks("BONK /a/c/o\r\nX-Timestamp: 1\r\n\r\n"), "invalid subrequest method"},
		{"one word of a subrequest", check + chunks("PUT\r\n"), ":ERROR: 0 "},
		{"no headers", check + chunks("PUT /a/c/o\r\n") + proto.LastChunk, "got no headers"},
		{"a header without a colon", check + chunks(put("nothing\r\n")), ":ERROR: 0 "},
		{"an endless header", check + chunks("PUT /a/c/o\r\nX: "+strings.Repeat("x", 70_000)), ":ERROR: 0 "},
		{"headers without end", check + chunks("PUT /a/c/o\r\n"+strings.Repeat("X-Object-Meta-A: "+strings.Repeat("x", 8000)+"\r\n", 200)), "bytes of headers"},
		{"an endless name", check + chunks("PUT /a/c/"+strings.Repeat("x", 70_000)), ":ERROR: 0 "},
		{"a name without an object", check + chunks("PUT /a/c\r\n"+good+"\r\n"), ":ERROR: 0 "},
		{"a bare NUL in a name", check + chunks("PUT /a/c/o\x00\r\n"+good+"\r\n"), ":ERROR: 0 "},
		{"no length", check + chunks(put("X-Timestamp: 1\r\n")), "no content-length"},
		{"a length of letters", check + chunks(put("Content-Length: a\r\n")), "is no length"},
		{"a length that overflows", check + chunks(put("Content-Length: 99999999999999999999\r\n")), "is no length"},
		{"a body larger than any object", check + chunks(put("Content-Length: 5368709123\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n"), "abc"), ""},
		{"a negative length", check + chunks(put("Content-Length: -1\r\n")), "is no length"},
		{"a DELETE with a body", check + chunks("DELETE /a/c/o\r\nContent-Length: 1\r\nX-Timestamp: 1\r\n\r\n"), "with content-length"},
		{"a name that was never offered", check + chunks("PUT /a/c/other\r\n"+good+"\r\n"), "did not ask for"},
		{"a name that leads out", check + chunks("PUT /../../x\r\n"+good+"\r\n"), ":ERROR: 0 "},
		{"a body cut short", check + chunks(put(good), "ab") + proto.LastChunk, ""},
		{"a body whose connection ends", check + chunks(put(good), "ab"), ""},
		{"another MD5", check + chunks(put(good+"ETag: 00000000000000000000000000000000\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"no content type", check + chunks(put("Content-Length: 3\r\nX-Timestamp: 1700000001.00000\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"no timestamp in a PUT", check + chunks(put("Content-Length: 3\r\nContent-Type: t\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"an expiry of letters", check + chunks(put(good+"X-Delete-At: soon\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
		{"a strange timestamp", check + chunks(put("Content-Length: 3\r\nContent-Type: t\r\nX-Timestamp: now\r\n"), "abc", ":UPDATES: END\r\n"), ":ERROR: 500 "},
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
