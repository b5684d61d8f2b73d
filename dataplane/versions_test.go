package dataplane_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// century keeps tombstones of 2023 from being reclaimed.
const century = 100 * 365 * 24 * 3600e9

// reclaimNever is for startNode.
func reclaimNever(t *testing.T) func(*dataplane.Config) {
	return func(c *dataplane.Config) {
		c.Store = storetest.New(t, func(c *store.Config) { c.ReclaimAge = century })
	}
}

// bareChunks frames lines with bare LF, and ends the body.
func bareChunks(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&b, "%x\n%s\n", len(line), line)
	}
	return b.String() + "0\n\n"
}

// held opens partition 0 of a node's device.
func held(t *testing.T, devices string) *store.Partition {
	t.Helper()
	return storetest.Partition(t, storetest.New(t, func(c *store.Config) { c.Devices, c.ReclaimAge = devices, century }))
}

const (
	head2013 = "REPLICATION /d1/0 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"
	mcStart  = ":MISSING_CHECK: START\r\n"
	mcEnd    = ":MISSING_CHECK: END\r\n"
	updStart = ":UPDATES: START\r\n"
	updEnd   = ":UPDATES: END\r\n"
)

// offer is an object line: the hash of a name in /a/c, and whatever follows.
func offer(name, rest string) string {
	return storetest.Hash("/a/c/"+name).String() + " " + rest + "\r\n"
}

// said is the body of an answer, de-chunked, as its lines that say something; and
// its head.
func said(t *testing.T, answer string) (head string, lines []string) {
	t.Helper()
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	if strings.Contains(head, "Transfer-Encoding: chunked") {
		body = dechunk(t, body)
	}
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return head, lines
}

func dechunk(t *testing.T, body string) string {
	t.Helper()
	var d proto.Dechunker
	var all []byte
	for in := []byte(body); len(in) > 0; {
		data, n, err := d.Next(in)
		all = append(all, data...)
		in = in[n:]
		if err != nil {
			break
		}
	}
	return string(all)
}

// A request that can't be served is told to the verb of 2013 as its senders know
// it: 200, and an error line. No header of later years is in the head.
func TestReplicationRefused(t *testing.T) {
	address, _ := startNode(t)
	for _, test := range []struct{ name, target, header, want string }{
		{"one segment", "/d1", "", ":ERROR: 0 'Invalid path: /d1'"},
		{"no partition", "/d1/", "", ":ERROR: 0 'Invalid path: /d1/'"},
		{"three segments", "/d1/0/junk", "", ":ERROR: 0 'Invalid path: /d1/0/junk'"},
		{"a device called ..", "/../0", "", ":ERROR: 0 'Invalid device: ..'"},
		{"a partition of its own spelling", "/d1/00", "", ":ERROR: 0 'Invalid partition: 00'"},
		{"no such device", "/d9/0", "", ":ERROR: 507 '<html><h1>Insufficient Storage</h1><p>There was not enough space to save the resource. Drive: d9</p></html>'"},
		{"no such policy", "/d1/0", "X-Backend-Storage-Policy-Index: 7\r\n", ":ERROR: 503 'No policy with index 7'"},
		{"an erasure-coded policy", "/d1/0", "X-Backend-Storage-Policy-Index: 1\r\n", ":ERROR: 503 'Policy 1 is erasure coded"},
		{"nothing behind the head", "/d1/0", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(t, address, "REPLICATION "+test.target+" HTTP/1.1\r\n"+test.header+"Transfer-Encoding: chunked\r\n\r\n")
			head, lines := said(t, answer)
			if !strings.HasPrefix(head, "HTTP/1.1 200 OK\r\n") || strings.Contains(head, "X-Backend") {
				t.Errorf("head %q", head)
			}
			if got := strings.Join(lines, "|"); !strings.HasPrefix(got, test.want) || len(lines) > 1 || test.want == "" && got != "" {
				t.Errorf("%q, want %q", lines, test.want)
			}
		})
	}
}

// What REPLICATION wants: by the one time that it was told, and by its bare hash.
func TestReplicationWanted(t *testing.T) {
	address, devices := startNode(t, reclaimNever(t))
	p := held(t, devices)
	for _, err := range []error{
		storetest.Put(p, "/a/c/plain", storetest.Time(2), []byte("x")),
		storetest.Put(p, "/a/c/posted", storetest.Time(2), []byte("x")),
		storetest.Post(p, "/a/c/posted", storetest.Time(4)),
		storetest.Put(p, "/a/c/deleted", storetest.Time(1), []byte("x")),
		storetest.Delete(p, "/a/c/deleted", storetest.Time(2)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		at   float64
		want bool
		why  string
	}{
		{"missing", 1, true, "nothing is here"},
		{"plain", 1, false, "newer here"}, {"plain", 2, false, "the same"}, {"plain", 3, true, "older here"},
		{"deleted", 1, false, "deleted since"}, {"deleted", 2, false, "the same"}, {"deleted", 3, true, "come back"},
		{"posted", 1, false, "newer here"}, {"posted", 2, false, "the body here"}, {"posted", 4, false, "the POST here"}, {"posted", 5, true, "older here"},
		{"posted", 3, true, "perhaps a body that was missed here"},
	} {
		t.Run(fmt.Sprintf("%s at %v", test.name, test.at), func(t *testing.T) {
			line := offer(test.name, storetest.Time(test.at).Internal())
			_, lines := said(t, ask(t, address, head2013+chunks(mcStart, line, mcEnd)+proto.LastChunk))
			want := []string{":MISSING_CHECK: START", ":MISSING_CHECK: END"}
			if test.want {
				want = []string{want[0], storetest.Hash("/a/c/" + test.name).String(), want[1]}
			}
			if strings.Join(lines, "|") != strings.Join(want, "|") {
				t.Errorf("%s: %q, want %q", test.why, lines, want)
			}
		})
	}
}

// A whole session of 2013, its digests in upper case as its peers took them, with
// the four lines in answer and an end; also with a Content-Length, in HTTP/1.0,
// and where lines end in LF alone.
func TestReplicationSession(t *testing.T) {
	dialogue := []string{mcStart, offer("o", "1700000002.00000"), offer("gone", "1700000003.00000"), mcEnd, updStart,
		"PUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nEtag: " + strings.ToUpper(hashes.Checksum([]byte("abc"))) +
			"\r\nX-Delete-At: 4000000000\r\nX-Object-Meta-Color: blue\r\nX-Timestamp: 1700000002.00000\r\n\r\n", "ab", "c",
		"DELETE /a/c/gone\r\nX-Timestamp: 1700000003.00000\r\n\r\n", updEnd}
	whole := strings.Join(dialogue, "")
	bare := strings.ReplaceAll(whole, "\r\n", "\n")
	for _, test := range []struct{ name, request string }{
		{"chunks", head2013 + chunks(dialogue...) + proto.LastChunk},
		{"chunks without an end", head2013 + chunks(dialogue...)},
		{"Content-Length", fmt.Sprintf("REPLICATION /d1/0 HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(whole), whole)},
		{"HTTP/1.0", fmt.Sprintf("REPLICATION /d1/0 HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(whole), whole)},
		{"LF", fmt.Sprintf("REPLICATION /d1/0 HTTP/1.0\nContent-Length: %d\n\n%s", len(bare), bare)},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, devices := startNode(t, reclaimNever(t))
			_, lines := said(t, ask(t, address, test.request))
			want := strings.Join([]string{":MISSING_CHECK: START", storetest.Hash("/a/c/o").String(), storetest.Hash("/a/c/gone").String(),
				":MISSING_CHECK: END", ":UPDATES: START", ":UPDATES: END"}, "|")
			if got := strings.Join(lines, "|"); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
			p := held(t, devices)
			o, err := p.Open(storetest.Hash("/a/c/o"))
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			if at, _ := o.Data.Get("X-Delete-At"); at != "4000000000" || o.Size != 3 || o.Times.Data != storetest.Time(2) {
				t.Errorf("%+v", o)
			}
			if got := storetest.MustState(t, p, "/a/c/gone"); !strings.HasPrefix(got, "deleted") {
				t.Errorf("gone: %s", got)
			}
		})
	}
}

// SSYNC in the words of every release since 2.3, one session each: what is offered
// and what is wanted.
func TestVersions(t *testing.T) {
	const at1, at3 = "1700000001.00000", "1700000003.00000"
	o := storetest.Hash("/a/c/o").String()
	chunked := func(headers string, lines ...string) string {
		return "SSYNC /d1/0 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: identity\r\nTransfer-Encoding: chunked\r\n" + headers + "\r\n" + chunks(lines...) + proto.LastChunk
	}
	check := func(rest string) []string { return []string{mcStart, offer("o", rest), mcEnd} }
	for _, test := range []struct{ name, request, want string }{
		{"2.3: two words, the ring's index as fragment", chunked("X-Backend-Ssync-Frag-Index: 3\r\n", check(at1)...), o + " dm"},
		{"2.4: a fragment called None", chunked("X-Backend-Ssync-Frag-Index: None\r\nX-Backend-Ssync-Node-Index: 2\r\n", check(at1)...), o + " dm"},
		{"2.5 to 2.20: two indexes that differ", chunked("X-Backend-Ssync-Frag-Index: 1\r\nX-Backend-Ssync-Node-Index: 2\r\n", check(at1+" m:1")...), o + " dm"},
		{"no policy named", chunked("", check(at1)...), o + " dm"},
		{"an empty policy", chunked("X-Backend-Storage-Policy-Index: \r\n", check(at1)...), o + " dm"},
		{"2.5: metadata", chunked("", check(at1+" m:30d40")...), o + " dm"},
		{"2.7: a content type", chunked("", check(at1+" m:30d40,t:30d40")...), o + " dm"},
		{"2.27: durable", chunked("", check(at1+" durable:False")...), o + " dm"},
		{"2.32: offsets", chunked("", check(at1+" m:30d40__b,t:0__a")...), o + " dm"},
		{"words to come", chunked("", check(at1+" m:1,new:word,other and more m:zz")...), o + " dm"},
		{"the same, held", chunked("", mcStart, offer("here", at1), mcEnd), ""},
		{"newer metadata only", chunked("", mcStart, offer("here", at1+" m:1"), mcEnd), storetest.Hash("/a/c/here").String() + " m"},
		{"2.4: a newer .meta, offered as the one time", chunked("", mcStart, offer("here", at3), mcEnd), storetest.Hash("/a/c/here").String() + " dm"},
		{"a line over two chunks, two lines in one", chunked("", mcStart+offer("o", at1)[:20], offer("o", at1)[20:]+mcEnd), o + " dm"},
		{"bare LF", chunked("", ":MISSING_CHECK: START\n", o+" "+at1+"\n", ":MISSING_CHECK: END\n"), o + " dm"},
		{"bare LF in the head and around chunks", "SSYNC /d1/0 HTTP/1.1\nTransfer-Encoding: chunked\n\n" + bareChunks(check(at1)...), o + " dm"},
		{"blanks around markers", chunked("", "  :MISSING_CHECK: START \r\n", offer("o", at1), "\t:MISSING_CHECK: END\r\n"), o + " dm"},
		{"a chunk extension", "SSYNC /d1/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Replace(chunks(check(at1)...), "\r\n", ";name=value\r\n", 1) + proto.LastChunk, o + " dm"},
		{"a trailing slash", strings.Replace(chunked("", check(at1)...), "/d1/0 ", "/d1/0/ ", 1), o + " dm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, devices := startNode(t)
			if err := storetest.Put(held(t, devices), "/a/c/here", storetest.Time(1), []byte("x")); err != nil {
				t.Fatal(err)
			}
			head, lines := said(t, ask(t, address, test.request))
			if !strings.Contains(head, "X-Backend-Accept-No-Commit: True\r\n") {
				t.Errorf("head %q", head)
			}
			want := ":MISSING_CHECK: START|" + test.want + "|:MISSING_CHECK: END"
			if got := strings.Join(lines, "|"); got != strings.ReplaceAll(want, "||", "|") {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// Bodies of a given length, and peers of HTTP/1.0, which are answered without
// chunks.
func TestUnchunked(t *testing.T) {
	body := strings.Join([]string{mcStart, offer("o", "1700000001.00000"), mcEnd, updStart,
		"PUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n\r\nabc", updEnd}, "")
	for _, minor := range []int{0, 1} {
		t.Run(fmt.Sprintf("HTTP/1.%d", minor), func(t *testing.T) {
			address, devices := startNode(t)
			head, lines := said(t, ask(t, address, fmt.Sprintf("SSYNC /d1/0 HTTP/1.%d\r\nContent-Length: %d\r\n\r\n%s", minor, len(body), body)))
			if chunked := strings.Contains(head, "chunked"); chunked != (minor == 1) {
				t.Errorf("head %q", head)
			}
			if len(lines) == 0 || lines[len(lines)-1] != ":UPDATES: END" {
				t.Errorf("%q", lines)
			}
			if got := storetest.MustState(t, held(t, devices), "/a/c/o"); !strings.HasPrefix(got, "data") {
				t.Errorf("%s", got)
			}
		})
	}
}
