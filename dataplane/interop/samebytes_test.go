package interop_test

import (
	"bufio"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/proto"
)

// same is a session that is sent, byte for byte, to Swift's receiver and to ours:
// both must say the same and leave the same on their disks.
type same struct {
	name   string
	before []peer.Op // what is there already, under base
	stream string    // what the sender says
}

// base is the name of the object that a session is about; it is the same in all
// of them, since each has a partition of its own.
const base = "/AUTH_a/c/o"

const t0, t1, t2, t3 = "1700000000.00000", "1700000001.00000", "1700000002.00000", "1700000003.00000"

// chunked puts each piece into a chunk of its own.
func chunked(pieces ...string) string {
	var b []byte
	for _, piece := range pieces {
		b = proto.AppendChunk(b, []byte(piece))
	}
	return string(b)
}

func hashOf(name string) string {
	return fmt.Sprintf("%x", md5.Sum([]byte(peer.DefaultPrefix+name+peer.DefaultSuffix)))
}

// offered is the missing check for some names, each of the newest time there is.
func offered(names ...string) string {
	pieces := []string{":MISSING_CHECK: START\r\n"}
	for _, name := range names {
		pieces = append(pieces, hashOf(name)+" 9999999999.00000 m:0\r\n")
	}
	return chunked(append(pieces, ":MISSING_CHECK: END\r\n")...)
}

// updates are subrequests behind a check that offers base, to a clean end.
func updates(subrequests ...string) string {
	pieces := append([]string{":UPDATES: START\r\n"}, subrequests...)
	return offered(base) + chunked(append(pieces, ":UPDATES: END\r\n")...) + proto.LastChunk
}

// put is a PUT of base with the body "abc".
func put(ts string, headers ...string) string {
	return "PUT " + base + "\r\nContent-Length: 3\r\nContent-Type: text/plain\r\nX-Timestamp: " + ts + "\r\n" + lines(headers) + "\r\nabc"
}

func lines(headers []string) string {
	text := ""
	for _, h := range headers {
		text += h + "\r\n"
	}
	return text
}

func post(ts string, headers ...string) string {
	return "POST " + base + "\r\nX-Timestamp: " + ts + "\r\n" + lines(headers) + "\r\n"
}

func remove(ts string) string { return "DELETE " + base + "\r\nX-Timestamp: " + ts + "\r\n\r\n" }

// each cuts what a sender says into chunks of a byte.
func each(text string) string {
	var pieces []string
	for i := range len(text) {
		pieces = append(pieces, text[i:i+1])
	}
	return chunked(pieces...)
}

func sessions() []same {
	putOp := func(ts string, headers map[string]string) peer.Op {
		return peer.Op{Op: peer.Put, Name: base, Timestamp: ts, Size: 5, Headers: headers}
	}
	postOp := func(ts string, headers map[string]string) peer.Op {
		return peer.Op{Op: peer.Post, Name: base, Timestamp: ts, Headers: headers}
	}
	deleteOp := peer.Op{Op: peer.Delete, Name: base, Timestamp: t2}
	const good = "ETag: 900150983cd24fb0d6963f7d28e17f72"
	plain := strings.Join([]string{":MISSING_CHECK: START\r\n", hashOf(base) + " " + t1 + "\r\n", ":MISSING_CHECK: END\r\n", ":UPDATES: START\r\n", put(t1, good), ":UPDATES: END\r\n"}, "")
	list := []same{
		{"a PUT", nil, updates(put(t1, good))},
		{"without an ETag", nil, updates(put(t1))},
		{"names of headers in mixed case", nil, updates("PUT " + base + "\r\ncOnTeNt-LeNgTh: 3\r\ncONTENT-tYPE: a/B\r\nx-tImEsTaMp: " + t1 +
			"\r\neTAG: 900150983cd24fb0d6963f7d28e17f72\r\nx-oBJECT-mEtA-mIxEd-cAsE1b2C: VaLuE\r\nX-OBJECT-SYSMETA-ALL-CAPS: x\r\nx-object-meta-dots.and.3rd: x\r\n\r\nabc")},
		{"blanks around names and values", nil, updates(put(t1, "  X-Object-Meta-A \t:  two  inside \t ", "X-Object-Meta-B:none", "X-Object-Meta-C:", "X-Object-Meta-D: a: b"))},
		{"a header that comes twice", nil, updates(put(t1, "X-Object-Meta-A: 1", "x-object-meta-a: 2"))},
		{"quotes and percent signs", nil, updates(put(t1, `X-Object-Meta-Quoted: "a" 'b' \c`, "X-Object-Meta-Percent: 100%41%zz"))},
		{"UTF-8 and other bytes in values", nil, updates(put(t1, "X-Object-Meta-Utf8: caf\xc3\xa9 \xe6\x97\xa5", "X-Object-Meta-Latin: caf\xe9\xff"))},
		{"headers of many kinds", nil, updates(put(t1, "Content-Encoding: gzip", "Content-Disposition: attachment", "X-Delete-At: 4000000000", "X-Static-Large-Object: True",
			"X-Object-Manifest: c/p", "X-Object-Transient-Sysmeta-T: x", "Cache-Control: no", "X-Foo: strange", "X-Object-Meta-A: b"))},
		{"an expired object", nil, updates(put(t1, "X-Delete-At: 1600000000"))},
		{"an expired object, overwritten", []peer.Op{putOp(t1, map[string]string{"X-Delete-At": "1600000000"})}, updates(put(t2))},
		{"an expired object, posted to", []peer.Op{putOp(t1, map[string]string{"X-Delete-At": "1600000000"})}, updates(post(t2, "X-Object-Meta-A: b"))},
		{"an expired object, deleted", []peer.Op{putOp(t1, map[string]string{"X-Delete-At": "1600000000"})}, updates(remove(t2))},
		{"no expiry at all", nil, updates(put(t1, "X-Delete-At: soon"))},
		{"an ETag in quotes", nil, updates(put(t1, `ETag: "900150983cd24fb0d6963f7d28e17f72"`))},
		{"an ETag in capitals", nil, updates(put(t1, "ETag: 900150983CD24FB0D6963F7D28E17F72"))},
		{"another's ETag", nil, updates(put(t1, "ETag: 00000000000000000000000000000000"))},
		{"no content type", nil, updates(strings.Replace(put(t1), "Content-Type: text/plain\r\n", "", 1))},
		{"no timestamp", nil, updates(strings.Replace(put(t1), "X-Timestamp: "+t1+"\r\n", "", 1))},
		{"a strange timestamp", nil, updates(put("yesterday"))},
		{"a short timestamp", nil, updates(put("1700000001"))},
		{"a timestamp with an offset", nil, updates(put(t1 + "_0000000000000abc"))},
		{"a short offset", nil, updates(put(t1 + "_abc"))},
		{"a long time ago", nil, updates(put("0000000001.00000"))},
		{"in the far future", nil, updates(put("9999999998.99999"))},
		{"an older object is there", []peer.Op{putOp(t0, map[string]string{"X-Object-Meta-Old": "x"})}, updates(put(t1, "X-Object-Meta-New: x"))},
		{"an older object with newer metadata is there", []peer.Op{putOp(t0, nil), postOp(t2, map[string]string{"X-Object-Meta-Kept": "x"})}, updates(put(t1))},
		{"an older tombstone is there", []peer.Op{{Op: peer.Delete, Name: base, Timestamp: t0}}, updates(put(t1))},
		{"a PUT and a POST", nil, updates(put(t1), post(t2, "X-Object-Meta-A: b"))},
		{"a POST with a content type", nil, updates(put(t1), post(t2, "Content-Type: text/html", "Content-Type-Timestamp: "+t2))},
		{"a POST with an older content type", nil, updates(put(t1), post(t3, "Content-Type: text/html", "Content-Type-Timestamp: "+t2))},
		{"a POST with a content type older than the object", nil, updates(put(t2), post(t3, "Content-Type: text/html", "Content-Type-Timestamp: "+t1))},
		{"a content type, and then a POST without", nil, updates(put(t1), post(t2, "Content-Type: text/html", "Content-Type-Timestamp: "+t2), post(t3, "X-Object-Meta-A: b"))},
		{"an older POST with a newer content type", []peer.Op{putOp(t0, nil), postOp(t3, map[string]string{"X-Object-Meta-A": "b"})},
			updates(post(t2, "X-Object-Meta-A: c", "Content-Type: text/html", "Content-Type-Timestamp: "+t2))},
		{"a content type newer than its POST", nil, updates(put(t1), post(t2, "Content-Type: text/html", "Content-Type-Timestamp: "+t3))},
		{"a content type newer than its POST, which is too old", nil, updates(put(t1), post(t0, "Content-Type: text/html", "Content-Type-Timestamp: "+t3))},
		{"a POST with an offset", nil, updates(put(t1), post(t2+"_000000000000000b", "X-Object-Meta-A: b"))},
		{"a POST that replaces all", []peer.Op{putOp(t0, map[string]string{"X-Object-Meta-Old": "x", "X-Object-Sysmeta-S": "kept"})}, updates(post(t1, "X-Object-Meta-New: x", "Content-Encoding: gzip"))},
		{"a POST of an expiry", []peer.Op{putOp(t0, nil)}, updates(post(t1, "X-Delete-At: 1700000002"))},
		{"a DELETE", []peer.Op{putOp(t0, nil)}, updates(remove(t1))},
		{"a DELETE of nothing", nil, updates(remove(t1))},
		{"a DELETE with an offset", []peer.Op{putOp(t1, nil)}, updates(remove(t1 + "_0000000000000001"))},
		{"a DELETE of what is deleted", []peer.Op{deleteOp}, updates(remove(t3))},
		{"a DELETE of what has newer metadata", []peer.Op{putOp(t0, nil), postOp(t3, nil)}, updates(remove(t1))},
		{"a DELETE older than a tombstone", []peer.Op{deleteOp}, updates(remove(t1))},
		{"a POST to a newer tombstone", []peer.Op{deleteOp}, updates(post(t1))},
		{"a PUT of another body for the same time", []peer.Op{putOp(t1, nil)}, updates(put(t1, good))},
		{"an empty expiry", nil, updates(put(t1, "X-Delete-At:"))},
		{"a header of 70,000 bytes", nil, updates(put(t1, "X-Object-Meta-Long: "+strings.Repeat("x", 70_000)))},
		{"PUT, DELETE, PUT", nil, updates(put(t1), remove(t2), put(t3))},
		{"an empty body", nil, updates(strings.NewReplacer("Length: 3", "Length: 0", "\r\nabc", "\r\n").Replace(put(t1)))},

		{"each byte a chunk", nil, each(plain) + proto.LastChunk},
		{"one chunk", nil, chunked(plain) + proto.LastChunk},
		{"bare line feeds", nil, chunked(strings.ReplaceAll(plain, "\r\n", "\n")) + proto.LastChunk},
		{"chunk extensions", nil, strings.ReplaceAll(chunked(plain), fmt.Sprintf("%x\r\n", len(plain)), fmt.Sprintf("%X;a=b;c\r\n", len(plain))) + "0;last\r\n\r\n"},
		{"no END line of the check", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" "+t1+"\r\n") + proto.LastChunk},
		{"no END line of the updates", nil, offered(base) + chunked(":UPDATES: START\r\n", put(t1)) + proto.LastChunk},
		{"a check and no more", nil, offered(base) + proto.LastChunk},
		{"nothing at all", nil, proto.LastChunk},
		{"one object offered twice", nil, offered(base, base) + proto.LastChunk},
		{"attributes to come", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" "+t1+" m:a,x:y,zzz,durable:True more words\r\n", ":MISSING_CHECK: END\r\n") + proto.LastChunk},

		{"another marker", nil, chunked("hello\r\n")},
		{"one word in an offer", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+"\r\n")},
		{"a blank line among offers", nil, chunked(":MISSING_CHECK: START\r\n", "\r\n")},
		{"no time in an offer", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" yesterday\r\n")},
		{"two colons in an attribute", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" "+t1+" m:1:2\r\n")},
		{"a delta that is no number", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" "+t1+" m:xyz\r\n")},
		{"a time before all time", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" 0000000001.00000 m:-fffffffff\r\n")},
		{"a byte that is not ASCII in an offer", nil, chunked(":MISSING_CHECK: START\r\n", hashOf(base)+" "+t1+" \xff:1\r\n")},
		{"a chunk cut short", nil, "ff\r\n:MISSING"},
		{"a verb of its own", nil, updates("BONK " + base + "\r\nX-Timestamp: 1\r\n\r\n")},
		{"one word of a subrequest", nil, updates("PUT\r\n")},
		{"a blank line among subrequests", nil, updates("\r\n", put(t1))},
		{"a header without a colon", nil, updates("PUT " + base + "\r\nnothing\r\n\r\n")},
		{"no length", nil, updates("PUT " + base + "\r\nX-Timestamp: 1\r\n\r\n")},
		{"a length of letters", nil, updates("PUT " + base + "\r\nContent-Length: a\r\n\r\n")},
		{"a DELETE with a body", nil, updates("DELETE " + base + "\r\nContent-Length: 1\r\nX-Timestamp: 1\r\n\r\n")},
		{"no headers", nil, offered(base) + chunked(":UPDATES: START\r\n", "PUT "+base+"\r\n") + proto.LastChunk},
		{"a body cut short by the connection", nil, offered(base) + chunked(":UPDATES: START\r\n", strings.TrimSuffix(put(t1), "c"))},
		{"good before bad", nil, updates(put(t1), "BONK "+base+"\r\n\r\n")},
		{"another UPDATES line", nil, offered(base) + chunked("hello\r\n")},
	}
	for _, name := range []string{"/AUTH_a/c/a/b//c/../d/./e/", "/AUTH_a/c/\xc3\xa9 ?#;+&=%", "/AUTH_a/c//", "/AUTH_a/c/..", "/AUTH_a/c/../../../etc/passwd", "/AUTH_a/\x00versions\x00c/\x00o\x00999", "/AUTH_a/c/caf\xe9"} {
		quoted := string(proto.AppendQuoted(nil, name))
		list = append(list, same{"the name " + quoted, nil, offered(name) + chunked(":UPDATES: START\r\n", strings.Replace(put(t1), base, quoted, 1), ":UPDATES: END\r\n") + proto.LastChunk})
	}
	return list
}

// sameButFor are sessions that end otherwise with Swift than with us.
type sameButFor struct {
	same
	difference
}

// Swift's receiver and ours, told the same bytes, say the same and leave the same
// on their disks, but for what the table of differences says.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	list := bytesThatDiffer()
	for _, s := range sessions() {
		list = append(list, sameButFor{same: s})
	}
	ours, theirs := disk(t), disk(t)
	var ops []peer.Op
	for i, s := range list {
		for _, op := range s.before {
			op.Partition = i
			ops = append(ops, op)
		}
	}
	for _, dir := range []string{ours, theirs} {
		if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
			t.Fatal(err)
		}
	}
	us, them := ourNode(r, ours), swiftServer(r, theirs)
	var said []string
	for i, s := range list {
		said = append(said, saidOtherwise(tell(t, them, i, s.stream), tell(t, us, i, s.stream)))
	}
	diffs := compare(r.inspect(theirs), r.inspect(ours))
	for i, s := range list {
		t.Run(s.same.name, func(t *testing.T) {
			got := diffs[fmt.Sprint(i)]
			if said[i] != "" {
				got = append([]string{said[i]}, got...)
			}
			s.check(t, r, got)
		})
	}
	for _, d := range diffs[""] {
		t.Error(d)
	}
}

// saidOtherwise tells where two answers part.
func saidOtherwise(a, b string) string {
	if a == b {
		return ""
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	n = strings.LastIndexByte(a[:n], '\n') + 1
	return fmt.Sprintf("answer: %q is %q", a[n:], b[n:])
}

// tell sends a session to partition n and returns what the receiver says, but for
// blank lines and the words of an error, in which no two releases agree.
func tell(t *testing.T, address string, n int, stream string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "SSYNC /%s/%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s", device, n, stream)
	conn.(*net.TCPConn).CloseWrite()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body) // cut short where the session failed
	text := errorWords.ReplaceAllString(string(body), "$1")
	return fmt.Sprint(response.StatusCode) + strings.ReplaceAll("\r\n"+text, "\r\n\r\n", "\r\n")
}

var errorWords = regexp.MustCompile(`(:ERROR: \d+) .*`)
