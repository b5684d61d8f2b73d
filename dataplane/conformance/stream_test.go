package conformance

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// pipe is a stream of what is written to it, a byte at a time.
func pipe(t *testing.T, chunked bool, length int64, text string) *stream {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		for i := range text {
			if _, err := fmt.Fprint(theirs, text[i:i+1]); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { ours.Close(); <-done })
	return &stream{conn: ours, patience: 5 * time.Second, chunked: chunked, length: length}
}

// How a stream ends is told apart: by its last chunk, by a hang-up, by what is no
// chunk; and what came before is understood.
func TestStreamEnds(t *testing.T) {
	for _, test := range []struct {
		name, text string
		chunked    bool
		length     int64
		lines      string
		end        ending
	}{
		{"a last chunk", "3\r\na\r\n\r\n2\r\nb\n\r\n0\r\n\r\n", true, 0, "a b", ended},
		{"a line over two chunks", "1\r\na\r\n3\r\nb\r\n\r\n0\r\n\r\n", true, 0, "ab", ended},
		{"no last chunk", "3\r\na\r\n\r\n", true, 0, "a", hungUp},
		{"a chunk cut short", "ff\r\na\r\nb", true, 0, "a", hungUp},
		{"no size", "3\r\na\r\n\r\nzz\r\n", true, 0, "a", broken},
		{"a length", "a\r\nb\r\nignored", false, 6, "a b", ended},
		{"a length without line end", "a\r\nb", false, 4, "a b", ended},
		{"a length not reached", "a\r\nb", false, 9, "a", hungUp},
		{"no length", "a\r\nb\r\n", false, -1, "a b", ended},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := pipe(t, test.chunked, test.length, test.text)
			var lines []string
			for {
				line, ok := s.line()
				if !ok {
					break
				}
				lines = append(lines, line)
			}
			if got := strings.Join(lines, " "); got != test.lines || s.end != test.end {
				t.Errorf("%q, %s; want %q, %s", got, endWords[s.end], test.lines, endWords[test.end])
			}
		})
	}
}

// Silence is told, once and for all.
func TestStreamSilence(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	defer ours.Close()
	s := &stream{conn: ours, patience: time.Millisecond, chunked: true}
	for range 2 {
		if _, ok := s.line(); ok || s.end != silent || !strings.Contains(s.said(), "silence") {
			t.Errorf("%s", s.said())
		}
	}
}

// What was read may be read again, from where an alternative begins.
func TestStreamAgain(t *testing.T) {
	s := pipe(t, true, 0, "6\r\na\r\nb\r\n\r\n0\r\n\r\n")
	for range 2 {
		s.at = 0
		if first, _ := s.line(); first != "a" {
			t.Errorf("%q", first)
		}
		if data, ok := s.bytes(3); !ok || string(data) != "b\r\n" {
			t.Errorf("%q", data)
		}
		if _, ok := s.bytes(1); ok {
			t.Error("a byte more than there is")
		}
		if end, clean := s.over(false); end != ended || !clean {
			t.Error(endWords[end])
		}
	}
}
