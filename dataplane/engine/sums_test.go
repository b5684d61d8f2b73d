package engine

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/proto"
)

// written keeps what is written to it.
type written struct {
	fakeConn
	bytes.Buffer
}

func (w *written) Read(p []byte) (int, error)  { return w.Buffer.Read(p) }
func (w *written) Write(p []byte) (int, error) { return w.Buffer.Write(p) }

func summed(p string) string {
	return fmt.Sprintf("%x;xxh64=%016x\r\n%s\r\n", len(p), xxhash.Sum64String(p), p)
}

// The bytes of a stream with sums: a chunk that announces a body ends before it;
// with nothing pending there is nothing to announce by.
func TestSummedWire(t *testing.T) {
	conn := &written{}
	out, err := NewOutbound(t.Context(), conn, OutConfig{Pool: newPool(t, 1), ChunkBytes: 20, Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if out.Announce(1) {
		t.Error("announced by no chunk")
	}
	body := strings.NewReader("thirty bytes of some large body"[:30])
	out.Text([]byte("head\r\n"))
	if !out.Announce(0xabc) {
		t.Error("not announced")
	}
	if _, err := out.Body(body, 0, 30, nil); err != nil {
		t.Fatal(err)
	}
	out.Text([]byte("line\r\n"))
	if err := out.End(); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(summed("head\r\n"), "\r\n", ";stored=0000000000000abc\r\n", 1) +
		summed("thirty bytes of some") + summed(" large bodline\r\n") + "0\r\n\r\n"
	if got := conn.String(); got != want {
		t.Errorf("sent %q\nwant %q", got, want)
	}
	if alone := string(AppendChunk(nil, []byte("\r\n"), true)); alone != summed("\r\n") {
		t.Errorf("%q", alone)
	}
	if alone := string(AppendChunk(nil, []byte("\r\n"), false)); alone != "2\r\n\r\n\r\n" {
		t.Errorf("%q", alone)
	}
}

// Without sums a chunk has none, and nothing can be announced.
func TestNoSums(t *testing.T) {
	conn := &written{}
	out, err := NewOutbound(t.Context(), conn, OutConfig{Pool: newPool(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	out.Text([]byte("head\r\n"))
	if out.Announce(1) {
		t.Error("announced")
	}
	out.End()
	if got := conn.String(); got != "6\r\nhead\r\n\r\n0\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

// summedStream is three chunks: lines, a line with a small body, and the end.
func summedStream() (wire []byte, lines []string) {
	wire = AppendChunk(nil, []byte("first\r\nsecond\r\n"), true)
	wire = AppendChunk(wire, []byte("third\r\n0123456789"), true)
	wire = AppendChunk(wire, []byte("last\r\n"), true)
	return append(wire, proto.LastChunk...), []string{"first", "second", "third", "0123456789", "last"}
}

// read takes such a stream apart.
func readSummed(t testing.TB, pool *buffer.Pool, wire []byte, pieces []byte) (lines []string, err error) {
	in, err := NewInbound(context.Background(), fakeConn{r: &cut{r: bytes.NewReader(wire), sizes: pieces}}, InConfig{Pool: pool, Chunked: true, Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for {
		if len(lines) == 3 {
			body := make(memory, 10)
			if _, err := in.Body(context.Background(), 10, body, nil); err != nil {
				return lines, err
			}
			lines = append(lines, string(body))
		}
		line, err := in.Line()
		if err != nil {
			return lines, err
		}
		lines = append(lines, string(line))
	}
}

// Whichever bit of a stream flips, what is read is what was sent, as far as it
// goes; and a bit of payload never goes unnoticed. Without sums it would.
func TestEveryBit(t *testing.T) {
	pool := newPool(t, 2)
	wire, want := summedStream()
	for _, pieces := range [][]byte{{255}, {0}, {6}} {
		if got, err := readSummed(t, pool, wire, pieces); err != io.EOF || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q, %v", got, err)
		}
	}
	unnoticed := 0
	for bit := range 8 * len(wire) {
		damaged := bytes.Clone(wire)
		damaged[bit/8] ^= 1 << (bit % 8)
		got, err := readSummed(t, pool, damaged, []byte{255})
		if len(got) > len(want) || fmt.Sprint(got) != fmt.Sprint(want[:len(got)]) {
			t.Errorf("bit %d: %q was read", bit, got)
		}
		if err == io.EOF && len(got) == len(want) {
			unnoticed++ // a semicolon's neighbour that is a blank, say
		} else if err == nil {
			t.Errorf("bit %d: no error", bit)
		}
	}
	if unnoticed > 40 { // the trailer's bytes, and CRs that may be left out
		t.Errorf("%d bits make no difference", unnoticed)
	}
}

// Lines may not come in a chunk without a sum, nor in one that is too long, and an
// extension of another kind is none.
func TestSumsAreAsked(t *testing.T) {
	pool := newPool(t, 2)
	long := strings.Repeat("x", maxSummed) + "\n"
	for name, test := range map[string]struct {
		wire string
		want string
	}{
		"none":         {"6\r\nline\r\n\r\n", ErrNoSum.Error()},
		"another word": {"6;xxh65=0123456789abcdef\r\nline\r\n\r\n", "chunk extension"},
		"wrong":        {"6;xxh64=0123456789abcdef\r\nline\r\n\r\n", ErrDamaged.Error()},
		"too long":     {summed(long), "more than"},
	} {
		got, err := readSummed(t, pool, []byte(test.wire+"0\r\n\r\n"), nil)
		if len(got) > 0 || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %d lines, %v", name, len(got), err)
		}
	}
}

// A large body may come in chunks without sums, or with them, in any mixture; then
// it has proved whole when Land returns, and lines behind it still want theirs. A
// body that has found no buffer goes by way of the text buffer, and is the same.
func TestLargeBodies(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	for _, buffers := range []int{1, 8} {
		pool := newPool(t, buffers)
		if buffers == 1 {
			held := pool.TryGet()
			defer held.Release()
		}
		land := func(wire []byte, pieces []byte) (line string, err error) {
			in, err := NewInbound(context.Background(), fakeConn{r: &cut{r: bytes.NewReader(wire), sizes: pieces}}, InConfig{Pool: pool, Chunked: true, Sums: true})
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			got, sum, sum2 := make(memory, len(body)), md5.New(), xxhash.New()
			landing, _, err := in.Land(context.Background(), int64(len(body)), got, sum, nil, sum2)
			if err != nil {
				return "", err
			}
			if err := landing.Wait(); err != nil || !bytes.Equal(got, body) || sum2.Sum64() != xxhash.Sum64(body) || [16]byte(sum.Sum(nil)) != md5.Sum(body) {
				t.Errorf("landed otherwise: %v", err)
			}
			text, err := in.Line()
			return string(text), err
		}
		end := string(AppendChunk(nil, []byte("line\n"), true))
		for name, wire := range map[string]string{
			"without":             string(proto.AppendChunk(nil, body)) + end,
			"with":                string(AppendChunk(nil, body, true)) + end,
			"tail among lines":    string(proto.AppendChunk(nil, body[:100_000])) + string(AppendChunk(nil, append(bytes.Clone(body[100_000:]), "line\n"...), true)),
			"tail with, then one": string(AppendChunk(nil, body[:3], true)) + string(proto.AppendChunk(nil, body[3:150_000])) + string(AppendChunk(nil, body[150_000:], true)) + end,
		} {
			for _, pieces := range [][]byte{nil, {255}, {1, 100}} {
				if line, err := land([]byte(wire), pieces); err != nil || line != "line" {
					t.Errorf("%s, %d buffers: %q, %v", name, buffers, line, err)
				}
			}
		}
		tail := AppendChunk(nil, append(bytes.Clone(body[100_000:]), "line\n"...), true)
		tail[len(tail)-4] ^= 1 // in the line: the body is sound, and is not returned
		if _, err := land(append(proto.AppendChunk(nil, body[:100_000]), tail...), nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("damage behind the body's end: %v", err)
		}
		if _, err := land(append(proto.AppendChunk(nil, append(bytes.Clone(body), "line\n"...)), "0\r\n\r\n"...), nil); !errors.Is(err, ErrNoSum) {
			t.Errorf("a line behind a body without a sum: %v", err)
		}
	}
}

// An announcement is there when its chunk has been read to its end, and no longer
// when what follows has begun.
func TestAnnounced(t *testing.T) {
	ext := string(proto.AppendExtension(nil, proto.Extension{Sum: xxhash.Sum64String("head\r\n\r\n"), Stored: 7, Announces: true}))
	wire := proto.AppendChunkExt(nil, []byte("head\r\n\r\n"), ext)
	wire = AppendChunk(wire, []byte("next\r\nmore\r\n"), true)
	in, err := NewInbound(t.Context(), fakeConn{r: bytes.NewReader(wire)}, InConfig{Pool: newPool(t, 1), Chunked: true, Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for i, want := range []bool{false, true, false, false} {
		if _, err := in.Line(); err != nil {
			t.Fatal(err)
		}
		if sum, ok := in.Announced(); ok != want || ok && sum != 7 {
			t.Errorf("behind line %d: %d, %v", i, sum, ok)
		}
	}
}

// Framing with sums allocates nothing, and the buffer grows once.
func TestSumsAllocations(t *testing.T) {
	out, err := NewOutbound(t.Context(), fakeConn{}, OutConfig{Pool: newPool(t, 1), Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if n := testing.AllocsPerRun(100, func() { out.Text([]byte("line\r\n")); out.Flush() }); n != 0 {
		t.Errorf("Flush: %v allocations", n)
	}
	wire := AppendChunk(nil, bytes.Repeat([]byte("a line of some length\r\n"), 10_000), true)
	in, err := NewInbound(t.Context(), fakeConn{r: &endless{p: wire}}, InConfig{Pool: newPool(t, 1), Chunked: true, Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for range 10_000 {
		in.Line()
	}
	if n := testing.AllocsPerRun(100_000, func() {
		if _, err := in.Line(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Line: %v allocations", n)
	}
}

// FuzzSums shows that a stream with sums reads as its payload, however it is
// chunked and however it arrives; and that with a byte changed what is read is a
// beginning of it.
func FuzzSums(f *testing.F) {
	f.Add([]byte("one\r\nbody of 3\ntwo\n"), []byte{3, 0, 7}, []byte{1, 200}, uint16(0), byte(0))
	f.Add([]byte("a\r\n\r\n\r\nabcdefghijklmnop"), []byte{0}, []byte{0}, uint16(30), byte(1))
	f.Add(bytes.Repeat([]byte("longer than the text buffer\n"), 400), []byte{255, 1}, []byte{255}, uint16(300), byte(128))
	pool, err := buffer.New(buffer.Config{Bytes: 4096, Count: 6})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload, chunks, cuts []byte, at uint16, flip byte) {
		var wire []byte
		for rest, i := payload, 0; len(rest) > 0; i++ {
			n := len(rest)
			if len(chunks) > 0 {
				n = min(n, 1+int(chunks[i%len(chunks)])*(1+i%30))
			}
			wire, rest = AppendChunk(wire, rest[:n], true), rest[n:]
		}
		wire = append(wire, proto.LastChunk...)
		if flip == 0 || int(at) >= len(wire) {
			compare(t, summedInbound(t, pool, wire, cuts), payload)
			return
		}
		wire[at] ^= flip
		in := summedInbound(t, pool, wire, cuts)
		for {
			want, rest, _ := reference(payload, 256)
			line, err := in.Line()
			if err != nil {
				return
			}
			if !bytes.Equal(line, want) {
				t.Fatalf("read %q, of %q", line, payload)
			}
			payload = rest
		}
	})
}

func summedInbound(t *testing.T, pool *buffer.Pool, wire, cuts []byte) *Inbound {
	in, err := NewInbound(context.Background(), fakeConn{r: &cut{r: bytes.NewReader(wire), sizes: cuts}},
		InConfig{Pool: pool, Chunked: true, TextBytes: 256, Sums: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Close)
	return in
}

var _ hash.Hash = xxhash.New()
