package engine

import (
	"bytes"
	"context"
	"crypto/md5"
	"hash"
	"io"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/proto"
)

// However a payload is chunked, however the chunks arrive, and whichever way a
// body takes, lines and bodies are the ones of the payload.
func FuzzInbound(f *testing.F) {
	f.Add([]byte("one\r\nbody of 3\ntwo\n"), []byte{3, 0, 7}, []byte{1, 200}, uint16(0))
	f.Add([]byte("a\r\n\r\n\r\nabcdefghijklmnop"), []byte{0}, []byte{0}, uint16(7))
	f.Add(bytes.Repeat([]byte("longer than the text buffer"), 400), []byte{255, 1}, []byte{255}, uint16(300))
	pool, err := buffer.New(buffer.Config{Bytes: 4096, Count: 6})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, payload, chunks, cuts []byte, ahead uint16) {
		wire := frame(payload, chunks)
		k := min(int(ahead), len(wire))
		conn := fakeConn{r: &cut{r: bytes.NewReader(wire[k:]), sizes: cuts}}
		in, err := NewInbound(context.Background(), conn,
			InConfig{Pool: pool, Chunked: true, Ahead: wire[:k], TextBytes: 256})
		if err != nil {
			t.Fatal(err)
		}
		compare(t, in, payload)
		in.Close()
		if n := pool.InUse(); n != 0 {
			t.Fatalf("%d buffers are still in use", n)
		}
	})
}

// frame chunks payload in sizes taken from chunks, large ones among them.
func frame(payload, chunks []byte) (wire []byte) {
	for i := 0; len(payload) > 0; i++ {
		n := len(payload)
		if len(chunks) > 0 {
			n = min(n, 1+int(chunks[i%len(chunks)])*(1+i%30))
		}
		wire = proto.AppendChunk(wire, payload[:n])
		payload = payload[n:]
	}
	return append(wire, proto.LastChunk...)
}

// compare takes lines and bodies in turn, a body as long as its line is squared,
// and checks each against the payload.
func compare(t *testing.T, in *Inbound, payload []byte) {
	for turn := 0; ; turn++ {
		want, rest, wantErr := reference(payload, 256)
		line, err := in.Line()
		if err != wantErr || !bytes.Equal(line, want) {
			t.Fatalf("got line %q, error %v; want %q, %v", line, err, want, wantErr)
		}
		if err != nil {
			return
		}
		n := min(len(line)*len(line), len(rest))
		compareBody(t, in, rest[:n], turn)
		payload = rest[n:]
	}
}

// reference is Line over a payload in one piece.
func reference(payload []byte, limit int) (line, rest []byte, err error) {
	line, rest, ok := bytes.Cut(payload, []byte{'\n'})
	switch {
	case len(line) >= limit:
		return nil, payload, ErrLineTooLong
	case ok:
		return bytes.TrimSuffix(line, []byte{'\r'}), rest, nil
	case len(line) > 0:
		return line, nil, ErrUnterminated
	}
	return nil, nil, io.EOF
}

func compareBody(t *testing.T, in *Inbound, want []byte, turn int) {
	got, digest := make(memory, len(want)), md5.New()
	var n int64
	var err error
	switch size := int64(len(want)); turn % 3 {
	case 0:
		n, err = in.landText(size, got, []hash.Hash{digest})
	case 1:
		var l *Landing
		if l, n, err = in.landLarge(size, got, []hash.Hash{digest}); err == nil {
			err = l.Wait()
		}
	default:
		if err := in.Discard(size); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil || n != int64(len(want)) || !bytes.Equal(got, want) {
		t.Fatalf("body of %d: got %d, error %v, equal %v", len(want), n, err, bytes.Equal(got, want))
	}
	if sum := md5.Sum(want); !bytes.Equal(digest.Sum(nil), sum[:]) {
		t.Fatal("digest differs")
	}
}
