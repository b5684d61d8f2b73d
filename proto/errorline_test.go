package proto_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

func TestErrorLines(t *testing.T) {
	tests := []struct {
		name string
		code int
		text string
		line string
	}{
		{"lock timeout", 0, "14.9987211227417 seconds: /srv/node/d5/.lock",
			":ERROR: 0 '14.9987211227417 seconds: /srv/node/d5/.lock'\n"},
		{"single quotes", 0, "could not convert string to float: 'xyz'",
			":ERROR: 0 \"could not convert string to float: 'xyz'\"\n"},
		{"both quotes", 408, `'a' "b"`, `:ERROR: 408 '\'a\' "b"'` + "\n"},
		{"line ends", 500, "a\r\n\tb\\", `:ERROR: 500 'a\r\n\tb\\'` + "\n"},
		{"other bytes", 0, "\x00\x7f\xc3\xa9", `:ERROR: 0 '\x00\x7f\xc3\xa9'` + "\n"},
		{"empty", 503, "", ":ERROR: 503 ''\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			line := proto.AppendError(nil, test.code, test.text)
			if string(line) != test.line {
				t.Errorf("wrote %q, want %q", line, test.line)
			}
			if code, text, ok := proto.ParseError(line); !ok || code != test.code || text != test.text {
				t.Errorf("read %d %q %t", code, text, ok)
			}
		})
	}
}

func TestAppendErrorIsBounded(t *testing.T) {
	line := proto.AppendError(nil, 0, strings.Repeat("x", 5000))
	if want := ":ERROR: 0 '" + strings.Repeat("x", 1024) + "'\n"; string(line) != want {
		t.Errorf("wrote %d bytes, want %d", len(line), len(want))
	}
}

func TestParseErrorOfOthers(t *testing.T) {
	tests := []struct {
		name, line string
		code       int
		text       string
	}{
		{"Python 3 bytes", ":ERROR: 500 b'ERROR: With :UPDATES: 1 failures to 0 successes'\n", 500,
			"ERROR: With :UPDATES: 1 failures to 0 successes"},
		{"CRLF", ":ERROR: 408 '60.0 seconds: updates line'\r\n", 408, "60.0 seconds: updates line"},
		{"no quotes", ":ERROR: 503 busy", 503, "busy"},
		{"no text", ":ERROR: 503", 503, ""},
		{"no number", ":ERROR: 'busy'", 0, "busy"},
		{"huge number", ":ERROR: 99999999999999999999 'x'", 0, "99999999999999999999 'x'"},
		{"nothing", ":ERROR:", 0, ""},
		{"half a quote", ":ERROR: 0 'abc", 0, "'abc"},
		{"lone quote", ":ERROR: 0 '", 0, "'"},
		{"unknown escape", `:ERROR: 0 '\u20ac\xz1\`, 0, `'\u20ac\xz1\`},
		{"unknown escape, quoted", `:ERROR: 0 '\u20ac\xz1\'`, 0, `\u20ac\xz1\`},
		{"bounded", ":ERROR: 0 '" + strings.Repeat("y", 5000) + "'", 0, strings.Repeat("y", 1024)},
		{"bounded without quotes", ":ERROR: 0 " + strings.Repeat("y", 5000), 0, strings.Repeat("y", 1024)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if code, text, ok := proto.ParseError([]byte(test.line)); !ok || code != test.code || text != test.text {
				t.Errorf("read %d %q %t, want %d %q", code, text, ok, test.code, test.text)
			}
		})
	}
	for _, line := range []string{"", ":ERROR", "ERROR: 0 'x'", hashO1 + " dm", proto.UpdatesEnd} {
		if _, _, ok := proto.ParseError([]byte(line)); ok {
			t.Errorf("%q is taken for an error", line)
		}
	}
}

func TestIsMarker(t *testing.T) {
	for _, line := range []string{":UPDATES: END", ":UPDATES: END\r\n", "  :UPDATES: END \n"} {
		if !proto.IsMarker([]byte(line), proto.UpdatesEnd) {
			t.Errorf("%q is not the marker", line)
		}
	}
	for _, line := range []string{"", ":UPDATES: START", ":UPDATES:  END", ":UPDATES: ENDS", ":updates: end"} {
		if proto.IsMarker([]byte(line), proto.UpdatesEnd) {
			t.Errorf("%q is taken for the marker", line)
		}
	}
}

// FuzzErrorLine shows that an error line is one line of ASCII whatever its text
// holds, and reads as the text's first 1024 bytes; and that no line of a peer
// yields more.
func FuzzErrorLine(f *testing.F) {
	f.Add(408, "60.0 seconds: updates line")
	f.Add(-1, "'\"\\\r\n\x00é\xff")
	f.Add(0, `b'\x4`)
	f.Fuzz(func(t *testing.T, code int, text string) {
		line := proto.AppendError(nil, code, text)
		body, found := bytes.CutSuffix(line, []byte("\n"))
		for _, c := range body {
			if c < ' ' || c > '~' {
				t.Fatalf("%q was written as %q", text, line)
			}
		}
		gotCode, gotText, ok := proto.ParseError(line)
		if !found || !ok || gotCode != code || gotText != text[:min(len(text), 1024)] {
			t.Fatalf("%d %q became %d %q %t", code, text, gotCode, gotText, ok)
		}
		if _, foreign, ok := proto.ParseError([]byte(":ERROR:" + text)); !ok || len(foreign) > 1024 {
			t.Fatalf("a foreign text became %d bytes, %t", len(foreign), ok)
		}
	})
}
