package proto_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

func TestFrameInPlace(t *testing.T) {
	tests := []struct {
		name    string
		payload int
		ext     string
		line    string
	}{
		{"one byte", 1, "", "1\r\n"},
		{"two digits", 0x17, "", "17\r\n"},
		{"a disk chunk", 65536, "", "10000\r\n"},
		{"a mebibyte", 1 << 20, "", "100000\r\n"},
		{"digest", 5, "xxh64=0123456789abcdef", "5;xxh64=0123456789abcdef\r\n"},
		{"longest extension", 5, strings.Repeat("e", 47), "5;" + strings.Repeat("e", 47) + "\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const start = proto.ChunkHeadroom
			end := start + test.payload
			buf := bytes.Repeat([]byte{'.'}, end+proto.ChunkTail+1)
			payload := bytes.Repeat([]byte{'p'}, test.payload)
			copy(buf[start:], payload)

			got := proto.FrameInPlaceExt(buf, start, end, test.ext)
			want := test.line + string(payload) + "\r\n"
			if string(got) != want {
				t.Fatalf("framed as %.80q, want %.80q", got, want)
			}
			if &got[len(test.line)] != &buf[start] {
				t.Error("the payload was moved")
			}
			if before := buf[:start-len(test.line)]; len(bytes.Trim(before, ".")) > 0 {
				t.Errorf("wrote before the size line: %q", before)
			}
			if buf[len(buf)-1] != '.' {
				t.Error("wrote behind the tail")
			}
			if test.ext == "" {
				if plain := proto.AppendChunk(nil, payload); string(plain) != want {
					t.Errorf("AppendChunk wrote %.80q", plain)
				}
			}
		})
	}
}

// A size line alone is the one that FrameInPlace writes.
func TestHeadInPlace(t *testing.T) {
	for _, size := range []int{1, 0x17, 65536, 1 << 20} {
		buf := bytes.Repeat([]byte{'.'}, proto.ChunkHeadroom+size+proto.ChunkTail)
		framed := string(proto.FrameInPlace(buf, proto.ChunkHeadroom, proto.ChunkHeadroom+size))
		line := framed[:len(framed)-size-proto.ChunkTail]
		got := proto.HeadInPlace(bytes.Repeat([]byte{'.'}, 128), 100, size)
		if alone := proto.AppendSizeLine(nil, size); string(got) != line || string(alone) != line || len(line) > proto.SizeLineBytes {
			t.Errorf("size line of %d is %q and %q, want %q", size, got, alone, line)
		}
	}
}

// TestFrameInPlaceUsesCapacity shows that a buffer cut at its payload's end will
// do, as long as the two bytes are behind it.
func TestFrameInPlaceUsesCapacity(t *testing.T) {
	const start, end = proto.ChunkHeadroom, proto.ChunkHeadroom + 5
	buf := make([]byte, end+proto.ChunkTail)
	copy(buf[start:], "hello")
	if got := proto.FrameInPlace(buf[:end], start, end); string(got) != "5\r\nhello\r\n" {
		t.Errorf("framed as %q", got)
	}
}

func TestFrameInPlacePanics(t *testing.T) {
	const start, end = proto.ChunkHeadroom, proto.ChunkHeadroom + 5
	buf := make([]byte, end+proto.ChunkTail)
	tests := map[string]func(){
		"empty":             func() { proto.FrameInPlace(buf, start, start) },
		"backwards":         func() { proto.FrameInPlace(buf, end, start) },
		"no headroom":       func() { proto.FrameInPlace(buf, start-1, end) },
		"no tail":           func() { proto.FrameInPlace(buf[:end:end+1], start, end) },
		"no size":           func() { proto.HeadInPlace(buf, start, 0) },
		"no size alone":     func() { proto.AppendSizeLine(nil, 0) },
		"no room for size":  func() { proto.HeadInPlace(buf, start-1, 1) },
		"extension too big": func() { proto.FrameInPlaceExt(buf, start, end, strings.Repeat("e", 48)) },
	}
	for name, frame := range tests {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: framed", name)
				}
			}()
			frame()
		}()
	}
}

func TestAppendChunkOfNothing(t *testing.T) {
	if got := string(proto.AppendChunk([]byte("x"), nil)); got != "x" {
		t.Errorf("wrote %q: a zero chunk would end the stream", got)
	}
}
