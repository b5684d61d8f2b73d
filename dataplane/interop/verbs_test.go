package interop_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes"
)

// Swift's reconstructor, whose REPLICATE, SSYNC and GET for an erasure-coded
// policy all go to a node of ours, rebuilds what is missing by way of the object
// server behind it.
func TestReconstructor(t *testing.T) {
	t.Parallel()
	r := newRig(t, peer.WithErasureCoding())
	devices, names := peertest.Devices(t), []string{"d0", "d1", "d2"}
	const at, part = "1700000001.00000", 1
	for i, name := range names[:2] { // the third is empty
		ops := []peer.Op{
			{Op: peer.Put, Name: "/AUTH_a/c/small", Timestamp: at, Policy: 1, Partition: part, Fragment: i, Size: 1000, Seed: 1},
			{Op: peer.Put, Name: "/AUTH_a/c/large", Timestamp: at, Policy: 1, Partition: part, Fragment: i, Size: 3 << 20, Seed: 2},
			{Op: peer.Delete, Name: "/AUTH_a/c/deleted", Timestamp: at, Policy: 1, Partition: part},
		}
		if err := r.swift.Fill(t.Context(), r.swiftDir, devices, name, ops); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(devices, names[2]), 0o755); err != nil {
		t.Fatal(err)
	}
	address := nodeWith(r, devices, func(c *dataplane.Config) { c.ObjectServer = swiftServer(r, devices) })
	complaints, err := r.swift.Reconstruct(t.Context(), peer.ReconstructConfig{SwiftDir: r.swiftDir, Devices: devices, Names: names, To: address, Policy: 1})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.swift.Inspect(t.Context(), r.swiftDir, devices, names[2], 1)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range tree.Objects {
		got[o.Name] = o.State + " " + strings.Join(o.Files, " ")
	}
	want := map[string]string{
		"/AUTH_a/c/small":   "data " + at + "#2#d.data",
		"/AUTH_a/c/large":   "data " + at + "#2#d.data",
		"/AUTH_a/c/deleted": "deleted " + at + ".ts",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("on the third device: %s; the reconstructor said %q", diff, complaints)
	}
}

// Clients' verbs through a node of ours, on one connection: the object server
// behind it answers as if it stood there, 100 Continue and all.
func TestClientVerbs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	devices := disk(t)
	address := nodeWith(r, devices, func(c *dataplane.Config) { c.ObjectServer = swiftServer(r, devices) })
	transport := &http.Transport{ExpectContinueTimeout: time.Minute}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	body := bytes.Repeat([]byte("0123456789"), 500_000)
	do := func(method, at string, want int, send []byte, headers ...string) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/"+device+"/0/AUTH_a/c/o", bytes.NewReader(send))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Timestamp", at)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Set(name, value)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %d, want %d, %v: %.200q", method, resp.StatusCode, want, err, got)
		}
		return got
	}
	do("PUT", "1700000001.00000", 201, body, "Content-Type: text/plain", "Expect: 100-continue", "X-Object-Meta-Color: blue")
	if got := do("GET", "1700000002.00000", 200, nil); !bytes.Equal(got, body) {
		t.Errorf("GET: %d bytes, want %d", len(got), len(body))
	}
	do("HEAD", "1700000002.00000", 200, nil)
	do("POST", "1700000003.00000", 202, nil, "X-Object-Meta-Color: green")
	do("DELETE", "1700000002.00000", 204, nil) // younger than the body: the POST goes with it
	do("GET", "1700000004.00000", 404, nil)
	do("BONK", "1700000005.00000", 405, nil)
	tree := r.inspect(devices)
	if _, o, ok := tree.Named("/AUTH_a/c/o"); !ok || o.State != peer.StateDeleted {
		t.Errorf("%+v", o)
	}
}

// answer is what of a response has to be the same.
type answer struct {
	Status      int
	ContentType string
	Body        any
}

// request sends a raw request and reads what comes back.
func request(t *testing.T, address, raw string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Status: resp.StatusCode, ContentType: resp.Header.Get("Content-Type"), Body: string(body)}
	if digests, err := hashes.ParseReplicateAnswer(body); err == nil && len(digests) > 0 {
		a.Body = digests // which Swift writes in no order
	}
	if allow := resp.Header.Get("Allow"); allow != "" {
		a.Body = strings.ReplaceAll(allow, "REPLICATION, ", "") + strings.Split(resp.Header.Get("Server"), "/")[0]
	}
	return a
}

// The same request to Swift's object server and to a node of ours, each on a disk
// that Swift filled: the answers are the same, down to the digests and the words.
func TestAnswersAreSwifts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	swifts, ours := disk(t), disk(t)
	for _, dir := range []string{swifts, ours} {
		if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, objects()); err != nil {
			t.Fatal(err)
		}
	}
	theirs := peertest.Server(t, r.swift, peer.ServerConfig{SwiftDir: r.swiftDir, Devices: swifts}).Addr()
	mine := nodeWith(r, ours, func(c *dataplane.Config) { c.ObjectServer = theirs })
	alone := ourNode(r, ours)
	replicate := func(target string, headers ...string) string {
		return "REPLICATE " + target + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"
	}
	var some string
	for s := range r.inspect(ours).Partitions["0"].Fresh {
		some = s
	}
	for _, test := range []struct{ name, raw string }{
		{"digests", replicate("/d1/0")},
		{"digests, an empty third segment", replicate("/d1/0/")},
		{"one suffix", replicate("/d1/0/" + some)},
		{"and the digests after it", replicate("/d1/0")},
		{"suffixes, some of them none", replicate("/d1/0/abc-" + some + "-xyz--0")},
		{"no suffix among them", replicate("/d1/0/what-ever")},
		{"suffixes with a slash", replicate("/d1/0/abc/def")},
		{"suffixes of a partition that is not there", replicate("/d1/7/abc")},
		{"and its digests", replicate("/d1/7")},
		{"a partition that is not there", replicate("/d1/8")},
		{"policy 0 by its name in numbers", replicate("/d1/0", "X-Backend-Storage-Policy-Index: 0")},
		{"an unknown policy", replicate("/d1/0", "X-Backend-Storage-Policy-Index: 7")},
		{"a policy of letters", replicate("/d1/0", "X-Backend-Storage-Policy-Index: gold")},
		{"a negative policy", replicate("/d1/0", "X-Backend-Storage-Policy-Index: -1")},
		{"one segment", replicate("/d1")},
		{"one segment and a slash", replicate("/d1/")},
		{"no device", replicate("//0")},
		{"no such device", replicate("/d9/0")},
		{"a device called ..", replicate("/%2e%2e/0")},
		{"a device of two words", replicate("/d%201/0")},
		{"a query", replicate("/d1/0?what=ever")},
		{"no UTF-8", replicate("/d1/%ff")},
		{"a session of one segment", "SSYNC /d1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"a session of three", "SSYNC /d1/0/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"a session of no such policy", "SSYNC /d1/0 HTTP/1.1\r\nHost: x\r\nX-Backend-Storage-Policy-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"a session on no such device", "SSYNC /d9/0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"a verb of its own", "BONK /d1/0 HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"HEAD with a verb's answer", "HEAD /d9/0/a/c/o HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"OPTIONS", "OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"OPTIONS of anything", "OPTIONS /d1/0/a/c/o HTTP/1.1\r\nHost: x\r\n\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(request(t, theirs, test.raw), request(t, mine, test.raw)); diff != "" {
				t.Errorf("(-Swift +ours) %s", diff)
			}
		})
	}
	bonk := "BONK /d1/0 HTTP/1.1\r\nHost: x\r\n\r\n"
	if diff := cmp.Diff(request(t, theirs, bonk), request(t, alone, bonk)); diff != "" {
		t.Errorf("405 of ours alone (-Swift +ours) %s", diff)
	}
	for _, dir := range []string{"7", "8"} { // who asks with suffixes makes the partition, who asks without does not
		_, wrote := os.Stat(filepath.Join(ours, device, "objects", dir))
		_, wroteTheirs := os.Stat(filepath.Join(swifts, device, "objects", dir))
		if (wrote == nil) != (wroteTheirs == nil) {
			t.Errorf("partition %s: ours %v, Swift's %v", dir, wrote, wroteTheirs)
		}
	}
}

// The verb of 2013 from end to end, which no other peer of today speaks. Swift
// finds every object on the other side, with the same body and the same metadata;
// those with a POST have both under the POST's time. What has expired is not sent.
// A second pass sends nothing.
func TestReplicationVerb(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	from, to := disk(t), disk(t)
	if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects()); err != nil {
		t.Fatal(err)
	}
	address := ourNode(r, to)
	first := ourPushAs(r, ssync.REPLICATION, from, address)
	if first.err != nil || first.wanted != first.offered || first.offered < 25 {
		t.Fatalf("first pass: %+v", first)
	}
	if second := ourPushAs(r, ssync.REPLICATION, from, address); second.err != nil || second.wanted != 1 || second.offered != first.offered {
		t.Errorf("second pass: %+v", second)
	}
	type seen struct {
		State, Name, TS, MD5 string
		Size                 int64
		Metadata             map[string]string
	}
	look := func(dir string) map[string]seen {
		got := map[string]seen{}
		for key, o := range r.inspect(dir).Objects {
			if strings.HasSuffix(o.Name, "/expired") {
				continue
			}
			delete(o.Metadata, "Content-Type-Timestamp") // the whole is newer now
			got[key] = seen{o.State, o.Name, o.TS, o.MD5, o.Size, o.Metadata}
		}
		return got
	}
	if diff := cmp.Diff(look(from), look(to)); diff != "" {
		t.Errorf("(-sent +arrived) %s", diff)
	}
	r.sound(to)
}
