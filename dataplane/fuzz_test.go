package dataplane

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// FuzzPlace shows that whatever a request asks for, it is placed on a device that
// is there and in a partition of canonical spelling, or refused with an answer.
func FuzzPlace(f *testing.F) {
	s := storetest.New(f, func(c *store.Config) { c.Devices = storetest.Devices(f) })
	node, err := New(Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	conn, peer := net.Pipe()
	f.Cleanup(func() {
		conn.Close()
		peer.Close()
		if err := node.Shutdown(context.Background()); err != nil {
			f.Error(err)
		}
	})
	f.Add("/d1/0", "")
	f.Add("/d1/0/abc-def", "2")
	f.Add("/%64%31/4294967295/..%2f", "0")
	f.Add("/../%2e%2e/x", "1")
	f.Add("//d1/0", "-1")
	f.Fuzz(func(t *testing.T, path, policy string) {
		r := &request{conn: conn}
		r.Target = path
		if policy != "" {
			r.Headers = []proto.Header{{Name: "X-Backend-Storage-Policy-Index", Value: policy}}
		}
		for _, withRest := range []bool{false, true} {
			if path == "" {
				continue // no request line has an empty target
			}
			got, refused := node.place(r, withRest)
			if refused != nil {
				if !slices.Contains([]int{400, 412, 503, 507}, refused.status) {
					t.Fatalf("%q is refused with %d", path, refused.status)
				}
				continue
			}
			quoted, _, _ := strings.Cut(path, "?")
			plain, err := proto.Unquote(quoted)
			again := "/" + got.device + "/" + partitionText(got.partition)
			if err != nil || got.device != "d1" || got.policy.Kind != hashes.Replication || plain != again && !strings.HasPrefix(plain, again+"/") {
				t.Fatalf("%q is placed at %s, %+v", path, again, got)
			}
		}
	})
}

func partitionText(n uint32) string { return string(appendUint(nil, uint64(n))) }

// appendUint is the slow and simple spelling of a number.
func appendUint(dst []byte, n uint64) []byte {
	if n >= 10 {
		dst = appendUint(dst, n/10)
	}
	return append(dst, byte('0'+n%10))
}

// FuzzPeers shows that what parses is written, and read again, as the same list.
func FuzzPeers(f *testing.F) {
	f.Add("10.0.0.7,10.1.2.3/16")
	f.Add("::1,fd00::/8,::ffff:10.0.0.1")
	f.Fuzz(func(t *testing.T, list string) {
		peers, err := ParsePeers(strings.Split(list, ","))
		if err != nil {
			return
		}
		var words []string
		for _, p := range peers {
			if !p.IsValid() || p != p.Masked() {
				t.Fatalf("%q became %v", list, peers)
			}
			words = append(words, p.String())
		}
		again, err := ParsePeers(words)
		if err != nil || !slices.Equal(peers, again) {
			t.Fatalf("%v (%v):\n%s", again, err, cmp.Diff(words, strings.Split(list, ",")))
		}
	})
}

// FuzzReadRequest shows that a request is the same however it arrives, with what
// comes behind its head, and that what is refused is refused however it arrives.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte("SSYNC /d1/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello"), []byte{1, 1, 3})
	f.Add([]byte("GET / HTTP/1.0\n\nPUT /"), []byte{15})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n\r\n"), []byte{0})
	f.Add([]byte("GET / HTTP/1.1\r\nA: b\r\n\r\r\n\r\n"), []byte{1})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		whole, err := readRequest(&arriving{stream: stream, cuts: []byte{255}, step: 1 << 10})
		inPieces, err2 := readRequest(&arriving{stream: stream, cuts: cuts, step: 1})
		if (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %v; in pieces: %v", err, err2)
		}
		if err != nil {
			return
		}
		head := len(whole.raw) - len(whole.ahead)
		if diff := cmp.Diff(whole.RequestHead, inPieces.RequestHead); diff != "" || head != len(inPieces.raw)-len(inPieces.ahead) {
			t.Fatalf("%d bytes of head, or %d: -whole +in pieces:\n%s", head, len(inPieces.raw)-len(inPieces.ahead), diff)
		}
		for _, r := range []*request{whole, inPieces} {
			if !bytes.HasPrefix(stream, r.raw) || !bytes.HasSuffix(r.raw, r.ahead) || proto.HeadEnd(stream) != head {
				t.Fatalf("%q, and %q ahead of it, of %q", r.raw, r.ahead, stream)
			}
		}
	})
}

// arriving is a connection whose bytes come in pieces of sizes taken from cuts.
type arriving struct {
	net.Conn
	stream, cuts []byte
	step, turn   int
}

func (a *arriving) Read(p []byte) (n int, err error) {
	if len(a.stream) == 0 {
		return 0, io.EOF
	}
	n = 1
	if len(a.cuts) > 0 {
		n += int(a.cuts[a.turn%len(a.cuts)]) * a.step
	}
	a.turn++
	n = copy(p, a.stream[:min(n, len(a.stream))])
	a.stream = a.stream[n:]
	return n, nil
}
