package enginetest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// send plays dialogue(sizes…) through an Outbound.
func send(out *engine.Outbound, sizes []int64) error {
	for _, n := range sizes {
		head := func(dst []byte) []byte { return fmt.Appendf(dst, "%d\r\n", n) }
		if err := out.Append(head, 32); err != nil {
			return err
		}
		digest, p := md5.New(), body(n)
		// The source is longer than the body on both sides of it.
		sent, err := out.Body(source{body: padded([]byte("before"), p), failAt: -1}, 6, n, digest)
		if err != nil {
			return err
		}
		if got := hex.EncodeToString(digest.Sum(nil)); sent != n || got != md5hex(p) {
			return fmt.Errorf("body of %d: sent %d with md5 %s, want %s", n, sent, got, md5hex(p))
		}
	}
	return out.End()
}

// receive takes dialogue(sizes…) from an Inbound, up to the end of the stream.
func receive(t testing.TB, in *engine.Inbound, sizes []int64) {
	t.Helper()
	for k, n := range sizes {
		receiveBody(t, in, n, k%2 == 0)
	}
	if line, err := in.Line(); err != io.EOF {
		t.Fatalf("at the end: got line %.64q, error %v, want io.EOF", line, err)
	}
}

func receiveBody(t testing.TB, in *engine.Inbound, n int64, summed bool) {
	t.Helper()
	line, err := in.Line()
	if err != nil || string(line) != strconv.FormatInt(n, 10) {
		t.Fatalf("before the body of %d: got line %.64q, error %v", n, line, err)
	}
	s, digest, want := newSink(n), md5.New(), body(n)
	if !summed {
		digest = nil
	}
	got, err := in.Body(context.Background(), n, s, digest)
	if err != nil || got != n {
		t.Fatalf("body of %d: got %d, error %v", n, got, err)
	}
	wantBytes(t, s.body, want)
	if digest == nil {
		return
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); sum != md5hex(want) {
		t.Fatalf("body of %d: got md5 %s, want %s", n, sum, md5hex(want))
	}
}

// What an Outbound sends, an Inbound gets back, whatever both run over and
// however large the chunks are.
func testIdentity(t *testing.T, e Engine) {
	for _, l := range links {
		for _, chunk := range []int{0, 65536, 4093} {
			t.Run(fmt.Sprintf("%s/chunks of %d", l.name, chunk), func(t *testing.T) {
				r := newRig(t, e, l.make)
				out := r.outbound(r.far, engine.OutConfig{ChunkBytes: chunk})
				r.peer(func(net.Conn) error { return send(out, borders()) })
				receive(t, r.inbound(engine.InConfig{Chunked: true}), borders())
			})
		}
	}
}

// The same without chunks, by length and up to the connection's end.
func testRaw(t *testing.T, e Engine) {
	for _, l := range links {
		for name, length := range map[string]int64{"length": int64(len(dialogue(borders()...))), "until EOF": -1} {
			t.Run(l.name+"/"+name, func(t *testing.T) {
				r := newRig(t, e, l.make)
				out := r.outbound(r.far, engine.OutConfig{Raw: true})
				r.peer(func(far net.Conn) error {
					defer far.Close()
					return send(out, borders())
				})
				receive(t, r.inbound(engine.InConfig{Length: length}), borders())
			})
		}
	}
}

// However a peer frames, the payload is the same.
func testForeignFraming(t *testing.T, e Engine) {
	for _, f := range framers {
		bodies := borders()
		if f.name == "one byte" {
			bodies = []int64{0, 1, 65535, 65536, 65537, 150_000} // six bytes of wire for each
		}
		wire := f.frame(dialogue(bodies...))
		for _, l := range links {
			if testing.Short() && l.name != "tcp" {
				continue
			}
			t.Run(l.name+"/"+f.name, func(t *testing.T) {
				r := newRig(t, e, l.make)
				r.feed(wire)
				receive(t, r.inbound(engine.InConfig{Chunked: true}), bodies)
			})
		}
	}
}

// Where the packets are cut makes no difference, nor does how much of the
// stream was read with the head.
func testAnySplit(t *testing.T, e Engine) {
	few := []int64{0, 5, 66000, 1, 150_000, 300}
	wire := framers[3].frame(dialogue(few...))
	for _, pieces := range [][]int{{1, 2, 3}, {7, 70000}, {65536}, {1 << 30}} {
		for _, ahead := range []int{0, 1, 9, 1000, 100_000} {
			if testing.Short() && pieces[0] == 1 && ahead > 0 {
				continue // a hundred thousand writes each
			}
			t.Run(fmt.Sprintf("%v/%d ahead", pieces, ahead), func(t *testing.T) {
				r := newRig(t, e, func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() })
				r.peer(func(far net.Conn) error { return writeInPieces(far, wire[ahead:], pieces) })
				receive(t, r.inbound(engine.InConfig{Chunked: true, Ahead: wire[:ahead]}), few)
			})
		}
	}
}
