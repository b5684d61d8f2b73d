package proto_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// dechunk feeds stream to a Dechunker in pieces of at most piece bytes. It
// returns the payload, the number of bytes used up, the last error and the state
// in which the stream left it.
func dechunk(t testing.TB, stream []byte, piece int) (payload []byte, used int, inChunk bool, err error) {
	t.Helper()
	var d proto.Dechunker
	for used < len(stream) && err == nil {
		in := stream[used:min(len(stream), used+piece)]
		before := d.Left()
		var data []byte
		var n int
		data, n, err = d.Next(in)
		switch {
		case n < 0 || n > len(in):
			t.Fatalf("used %d of %d bytes", n, len(in))
		case n == 0 && err == nil:
			t.Fatalf("no progress at byte %d of %q", used, stream)
		case len(data) == 0 && err == nil && n < len(in):
			t.Fatalf("left %d bytes without a reason", len(in)-n)
		case len(data) > 0 && &data[len(data)-1] != &in[n-1]:
			t.Fatal("data is not the end of what was used")
		case len(data) > 0 && before > 0 && d.Left() != before-int64(len(data)):
			t.Fatalf("Left went from %d to %d over %d bytes", before, d.Left(), len(data))
		}
		payload = append(payload, data...)
		used += n
	}

	if err != nil {
		data, n, again := d.Next([]byte("5\r\nhello\r\n"))
		if len(data) > 0 || n != 0 || again != err {
			t.Fatalf("after %v came %q, %d, %v", err, data, n, again)
		}
	}
	return payload, used, d.InChunk(), err
}

func TestDechunker(t *testing.T) {
	tests := []struct {
		name, stream, payload string
		rest                  string // behind the body's end
	}{
		{"empty body", "0\r\n\r\n", "", ""},
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
		{"two", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", "abc", ""},
		{"blank chunk of a receiver", "2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""},
		{"bare LF", "5\nhello\n0\n\n", "hello", ""},
		{"upper-case hex", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
		{"16 digits", "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n", "hello", ""},
		{"blanks around the size", " \t5 \t\r\nhello\r\n 0 \r\n\r\n", "hello", ""},
		{"extensions", "5;a=b;c\r\nhello\r\n0 ;d\r\n\r\n", "hello", ""},
		{"trailers", "0\r\nA: b\r\nC\n\r\n", "", ""},
		{"the next request behind", "0\r\n\r\nGET /", "", "GET /"},
		{"line ends in the payload", "6\r\n0\r\n\r\n5\r\n0\r\n\r\n", "0\r\n\r\n5", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for piece := 1; piece <= len(test.stream); piece++ {
				payload, used, inChunk, err := dechunk(t, []byte(test.stream), piece)
				if string(payload) != test.payload || err != io.EOF || inChunk {
					t.Fatalf("pieces of %d: %q, %v, %t", piece, payload, err, inChunk)
				}
				if rest := test.stream[used:]; rest != test.rest {
					t.Fatalf("pieces of %d: left %q, want %q", piece, rest, test.rest)
				}
			}
		})
	}
}

func TestDechunkerRefuses(t *testing.T) {
	tests := []struct {
		name, stream string
		used         int
	}{
		{"no digit", "\r\n", 1},
		{"no digit, LF", "\n", 0},
		{"only an extension", ";a\r\n", 3},
		{"not hex", "5g\r\n", 1},
		{"0x", "0x5\r\n", 1},
		{"sign", "-5\r\n", 0},
		{"two numbers", "5 5\r\n", 2},
		{"17 digits", "00000000000000005\r\n", 16},
		{"beyond 2^62", "4000000000000001\r\n", 17},
		{"CR in the size line", "5\rx", 2},
		{"CR twice in the size line", "5\r\r\n", 2},
		{"extension behind CR", "5\r;a\n", 2},
		{"CR in the extension", "5;a\rb\n", 4},
		{"no line end behind data", "5\r\nhello5\r\n", 8},
		{"CR without LF behind data", "5\r\nhello\r5", 9},
		{"CR twice behind data", "5\r\nhello\r\r\n", 9},
		{"CR without LF at the end", "0\r\n\rx", 4},
		{"endless size line", strings.Repeat(" ", 2000), 1024},
		{"endless extension", "5;" + strings.Repeat("x", 2000), 1024},
		{"endless trailer", "0\r\n" + strings.Repeat("x", 9000), 3 + 8192},
		{"endless trailers", "0\r\n" + strings.Repeat("x\r\n", 3000), 3 + 8192},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, piece := range []int{1, 7, len(test.stream)} {
				_, used, inChunk, err := dechunk(t, []byte(test.stream), piece)
				var syntax *proto.SyntaxError
				if !errors.As(err, &syntax) || used != test.used {
					t.Errorf("pieces of %d: %v after %d bytes, want a SyntaxError after %d", piece, err, used, test.used)
				}
				if !inChunk {
					t.Errorf("pieces of %d: a broken stream looks whole", piece)
				}
			}
		})
	}
}

func TestDechunkerInChunk(t *testing.T) {
	const stream = "2\r\nab\r\n0\r\n\r\n"
	const between = "f......f....f" // f: nothing is cut there; before each byte, and at the end
	for i := range len(stream) + 1 {
		_, _, inChunk, _ := dechunk(t, []byte(stream[:i]), 1)
		want := i < len(between) && between[i] != 'f'
		if inChunk != want {
			t.Errorf("after %q: InChunk() = %t", stream[:i], inChunk)
		}
	}
}

// TestDechunkerTake reads a payload past the Dechunker, as a splice does.
func TestDechunkerTake(t *testing.T) {
	var d proto.Dechunker
	data, n, err := d.Next([]byte("a\r\n01"))
	if string(data) != "01" || n != 5 || err != nil || d.Left() != 8 {
		t.Fatalf("%q, %d, %v, left %d", data, n, err, d.Left())
	}
	d.Take(5)
	if d.Left() != 3 || !d.InChunk() {
		t.Fatalf("left %d, in chunk %t", d.Left(), d.InChunk())
	}
	d.Take(0)
	d.Take(3)
	if d.Left() != 0 || !d.InChunk() {
		t.Fatalf("left %d, in chunk %t: the CRLF is still to come", d.Left(), d.InChunk())
	}
	d.Take(0)

	data, n, err = d.Next([]byte("\r\n1\r\nx"))
	if string(data) != "x" || n != 6 || err != nil {
		t.Fatalf("%q, %d, %v", data, n, err)
	}

	defer func() {
		if recover() == nil {
			t.Error("took a byte that is not there")
		}
	}()
	d.Take(1)
}

func TestDechunkerLargestChunk(t *testing.T) {
	var d proto.Dechunker
	if _, _, err := d.Next([]byte("4000000000000000\r\n")); err != nil || d.Left() != 1<<62 {
		t.Fatalf("left %d, %v", d.Left(), err)
	}
	if data, n, err := d.Next([]byte("abc")); string(data) != "abc" || n != 3 || err != nil {
		t.Fatalf("%q, %d, %v", data, n, err)
	}
}

func TestDechunkerExt(t *testing.T) {
	tests := []struct {
		name, line, want string
	}{
		{"none", "5\r\n", ""},
		{"empty", "5;\r\n", ""},
		{"digest", "5;xxh64=0123456789abcdef\r\n", "xxh64=0123456789abcdef"},
		{"blanks kept", "5 ; a \n", " a "},
		{"second semicolon kept", "5;a;b\r\n", "a;b"},
		{"cut", "5;" + strings.Repeat("x", 100) + "\r\n", strings.Repeat("x", 64)},
	}
	var d proto.Dechunker
	for _, test := range tests {
		data, _, err := d.Next([]byte(test.line + "hello"))
		if string(data) != "hello" || err != nil {
			t.Fatalf("%s: %q, %v", test.name, data, err)
		}
		if got := string(d.Ext()); got != test.want {
			t.Errorf("%s: Ext() = %q, want %q", test.name, got, test.want)
		}
		if _, _, err := d.Next([]byte("\r\n")); err != nil {
			t.Fatal(err)
		}
		if got := string(d.Ext()); got != test.want {
			t.Errorf("%s: Ext() = %q behind the chunk, want %q", test.name, got, test.want)
		}
	}
}

// slowDechunk does the same to a whole stream, by cutting it at its line ends.
// ok is false if the stream breaks a rule; a cut stream does not.
func slowDechunk(stream string) (payload string, ended, ok bool) {
	for {
		line, rest, found := strings.Cut(stream, "\n")
		if !found {
			return payload, false, plausibleSizeLine(line)
		}
		size, ok := slowSize(line)
		if !ok {
			return payload, false, false
		}
		if size == 0 {
			ended, ok = slowTrailers(rest)
			return payload, ended, ok
		}
		if uint64(len(rest)) <= size {
			return payload + rest, false, true
		}
		payload += rest[:size]
		rest = rest[size:]
		switch {
		case rest == "\r":
			return payload, false, true
		case strings.HasPrefix(rest, "\r\n"):
			stream = rest[2:]
		case strings.HasPrefix(rest, "\n"):
			stream = rest[1:]
		default:
			return payload, false, false
		}
	}
}

func slowSize(line string) (size uint64, ok bool) {
	if len(line)+1 > 1024 {
		return 0, false
	}
	line = strings.TrimSuffix(line, "\r")
	number, _, _ := strings.Cut(line, ";")
	number = strings.Trim(number, " \t")
	if len(number) < 1 || len(number) > 16 || strings.Contains(line, "\r") ||
		strings.Trim(number, "0123456789abcdefABCDEF") != "" {
		return 0, false
	}
	for _, c := range strings.ToLower(number) {
		size = size*16 + uint64(strings.IndexRune("0123456789abcdef", c))
	}
	return size, size <= 1<<62
}

// plausibleSizeLine tells whether a size line may begin like this. That it holds
// no digit at all shows only at its end.
func plausibleSizeLine(cut string) bool {
	before, after, _ := strings.Cut(cut, "\r")
	number, _, _ := strings.Cut(before, ";")
	number = strings.Trim(number, " \t")
	return len(cut) <= 1024 && after == "" && len(number) <= 16 &&
		strings.Trim(number, "0123456789abcdefABCDEF") == ""
}

func slowTrailers(rest string) (ended, ok bool) {
	for room := 8192; ; {
		line, after, found := strings.Cut(rest, "\n")
		switch {
		case strings.HasPrefix(line, "\r") && line != "\r":
			return false, false
		case len(rest)-len(after) > room:
			return false, false
		case !found:
			return false, true
		case line == "" || line == "\r":
			return true, true
		}
		room -= len(line) + 1
		rest = after
	}
}

// FuzzDechunker shows that a stream, cut in two or into pieces of any size, gives
// what the slow reader makes of it whole; and that payloads framed as chunks come
// back as they were.
func FuzzDechunker(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\nrest"), uint16(3))
	f.Add([]byte(" A ;x=y\n0123456789\n0;\nA: b\r\n\r\n"), uint16(1))
	f.Add([]byte("2\r\n\r\n\r\n17\r\n:MISSING_CHECK: START\r\n\r\n"), uint16(9))
	f.Add([]byte("0\r\n\rx"), uint16(2))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		piece := int(cut)%64 + 1
		payload, used, inChunk, err := dechunk(t, stream, len(stream)+1)
		payload2, used2, inChunk2, err2 := dechunk(t, stream, piece)
		if !bytes.Equal(payload, payload2) || used != used2 || inChunk != inChunk2 || (err == nil) != (err2 == nil) {
			t.Fatalf("whole: %q %d %t %v\nin pieces of %d: %q %d %t %v",
				payload, used, inChunk, err, piece, payload2, used2, inChunk2, err2)
		}

		want, ended, ok := slowDechunk(string(stream))
		if string(payload) != want || (err == io.EOF) != ended || (err != nil && err != io.EOF) == ok {
			t.Fatalf("got %q, %v\nwant %q, ended %t, ok %t", payload, err, want, ended, ok)
		}

		var framed []byte
		for rest := stream; len(rest) > 0; {
			n := min(piece, len(rest))
			framed = proto.AppendChunk(framed, rest[:n])
			rest = rest[n:]
		}
		framed = append(framed, proto.LastChunk...)
		back, used, _, err := dechunk(t, framed, piece)
		if !bytes.Equal(back, stream) || used != len(framed) || err != io.EOF {
			t.Fatalf("%q came back as %q, %v", stream, back, err)
		}
	})
}
