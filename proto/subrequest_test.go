package proto_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringsync/ringsync/proto"
)

func TestAppendSubrequest(t *testing.T) {
	tests := []struct {
		name, method, object string
		headers              []proto.Header
		want                 string
	}{
		{
			"PUT", "PUT", "/AUTH_a/c/o1",
			[]proto.Header{{"Content-Length", "5"}, {"ETag", "5d41402abc4b2a76b9719d911017c592"}},
			"PUT /AUTH_a/c/o1\r\nContent-Length: 5\r\nETag: 5d41402abc4b2a76b9719d911017c592\r\n\r\n",
		},
		{
			"DELETE", "DELETE", "/AUTH_a/c/o3",
			[]proto.Header{{"X-Timestamp", "1795000009.00000"}},
			"DELETE /AUTH_a/c/o3\r\nX-Timestamp: 1795000009.00000\r\n\r\n",
		},
		{"no headers", "POST", "/a/c/o", nil, "POST /a/c/o\r\n\r\n"},
		{"blank and é", "PUT", "/AUTH_a/c/o 2/é", nil, "PUT /AUTH_a/c/o%202/%C3%A9\r\n\r\n"},
		{"delimiters of URLs", "PUT", "/a/c/o;x?y#z&=+%", nil, "PUT /a/c/o%3Bx%3Fy%23z%26%3D%2B%25\r\n\r\n"},
		{"unreserved", "PUT", "/a/c/AZaz09_.-~", nil, "PUT /a/c/AZaz09_.-~\r\n\r\n"},
		{"not normalised", "PUT", "/a/c//./../o/", nil, "PUT /a/c//./../o/\r\n\r\n"},
		{"line end in the name", "PUT", "/a/c/o\r\nX: y", nil, "PUT /a/c/o%0D%0AX%3A%20y\r\n\r\n"},
		{
			"bytes of a value", "POST", "/a/c/o",
			[]proto.Header{{"X-Object-Meta-Caf\xc3\xa9", "caf\xc3\xa9\xff"}},
			"POST /a/c/o\r\nX-Object-Meta-Caf\xc3\xa9: caf\xc3\xa9\xff\r\n\r\n",
		},
		{
			"forged header", "POST", "/a/c/o",
			[]proto.Header{{"X-Object-Meta-A\r\nB", "x\r\nX-Delete-At: 1\n\r\n\x00DELETE /a/c/p"}},
			"POST /a/c/o\r\nX-Object-Meta-A  B: x  X-Delete-At: 1    DELETE /a/c/p\r\n\r\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := proto.AppendSubrequest(nil, test.method, test.object, test.headers)
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSubrequestLine(t *testing.T) {
	tests := []struct {
		name, line, method, object string
	}{
		{"plain", "PUT /AUTH_a/c/o1", "PUT", "/AUTH_a/c/o1"},
		{"quoted", "PUT /AUTH_a/c/o%202/%C3%A9", "PUT", "/AUTH_a/c/o 2/é"},
		{"lower-case hex", "PUT /a/c/%c3%a9", "PUT", "/a/c/é"},
		{"URL delimiters kept", "PUT /a/c/o;x?y=1&z#f", "PUT", "/a/c/o;x?y=1&z#f"},
		{"plus kept", "PUT /a/c/o+p", "PUT", "/a/c/o+p"},
		{"blank inside", "PUT /a/c/o p  q", "PUT", "/a/c/o p  q"},
		{"not normalised", "DELETE /a/c//./../o//", "DELETE", "/a/c//./../o//"},
		{"object is a slash", "PUT /a/c//", "PUT", "/a/c//"},
		{"stray percent signs", "PUT /a/c/%%4%zz%2", "PUT", "/a/c/%%4%zz%2"},
		{"unquoted once", "PUT /a/c/%2541", "PUT", "/a/c/%41"},
		{"line end quoted", "PUT /a/c/o%0D%0A", "PUT", "/a/c/o\r\n"},
		{"invalid UTF-8", "PUT /a/c/%FF", "PUT", "/a/c/\xff"},
		{"a reserved name", "PUT /a/%00versions%00c/%00o%001", "PUT", "/a/\x00versions\x00c/\x00o\x001"},
		{"any method", "GIVE /a/c/o", "GIVE", "/a/c/o"},
		{"blanks around", "  POST \t /a/c/o \r\n", "POST", "/a/c/o"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			method, object, err := proto.ParseSubrequestLine([]byte(test.line))
			if err != nil || method != test.method || object != test.object {
				t.Errorf("got %q %q %v, want %q %q", method, object, err, test.method, test.object)
			}
		})
	}

	refused := map[string]string{
		"blank":             "",
		"one word":          "PUT",
		"one word, blank":   "PUT ",
		"not rooted":        "PUT a/c/o",
		"account only":      "PUT /a",
		"no object":         "PUT /a/c",
		"empty object":      "PUT /a/c/",
		"empty account":     "PUT //c/o",
		"empty container":   "PUT /a//o",
		"NUL":               "PUT /a/c/o\x00",
		"all parts missing": "PUT /",
	}
	for name, line := range refused {
		if method, object, err := proto.ParseSubrequestLine([]byte(line)); err == nil {
			t.Errorf("%s: got %q %q", name, method, object)
		}
	}
}

func TestParseHeaderLine(t *testing.T) {
	tests := []struct {
		name, line string
		want       proto.Header
	}{
		{"plain", "X-Timestamp: 1700000001.00000", proto.Header{Name: "X-Timestamp", Value: "1700000001.00000"}},
		{"spelling kept", "eTaG:x", proto.Header{Name: "eTaG", Value: "x"}},
		{"blanks around", " A \t:\t b c \r\n", proto.Header{Name: "A", Value: "b c"}},
		{"empty value", "A:", proto.Header{Name: "A"}},
		{"colons in the value", "A: b: c:", proto.Header{Name: "A", Value: "b: c:"}},
		{"bytes kept", "Caf\xc3\xa9: \xff\xfe", proto.Header{Name: "Caf\xc3\xa9", Value: "\xff\xfe"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, err := proto.ParseHeaderLine([]byte(test.line)); err != nil || got != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	for _, line := range []string{"", "X-Timestamp", ": x", "  : x", ":"} {
		if got, err := proto.ParseHeaderLine([]byte(line)); err == nil {
			t.Errorf("%q parsed as %q", line, got)
		}
	}
}

func TestTitleCase(t *testing.T) {
	tests := map[string]string{
		"":                      "",
		"etag":                  "Etag",
		"ETag":                  "Etag",
		"x-object-meta-a1b":     "X-Object-Meta-A1B",
		"X-OBJECT-META-COLOR":   "X-Object-Meta-Color",
		"x-object-meta-foo_bar": "X-Object-Meta-Foo_Bar",
		"caf\xc3\xa9s":          "Caf\xc3\xa9S",
		"it's":                  "It'S",
	}
	for name, want := range tests {
		if got := proto.TitleCase(name); got != want {
			t.Errorf("TitleCase(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestLowerASCII(t *testing.T) {
	tests := map[string]string{
		"":                "",
		"etag":            "etag",
		"X-Object-Meta-Z": "x-object-meta-z",
		"Caf\xc3\x89":     "caf\xc3\x89",
		"[@]{`}":          "[@]{`}",
	}
	for name, want := range tests {
		if got := proto.LowerASCII(name); got != want {
			t.Errorf("LowerASCII(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestIsTrue(t *testing.T) {
	for _, word := range []string{"true", "True", "TRUE", "1", "yes", "on", "t", "Y"} {
		if !proto.IsTrue(word) {
			t.Errorf("%q is not true", word)
		}
	}
	for _, word := range []string{"", "0", "false", "no", "off", "tr", "truer", " true", "2"} {
		if proto.IsTrue([]byte(word)) {
			t.Errorf("%q is true", word)
		}
	}
}

// FuzzQuote shows that quoting is undone by unquoting, leaves nothing on the line
// that a reader could take for a delimiter, and that a slow and simple reader
// unquotes whatever there is to the same.
func FuzzQuote(f *testing.F) {
	f.Add("/AUTH_a/c/o 2/é")
	f.Add("/a/c/%41;?#+\r\n")
	f.Add("\x00%")
	f.Fuzz(func(t *testing.T, name string) {
		plain, err := proto.Unquote(name)
		if slow, ok := slowUnquote(name); ok != (err == nil) || ok && slow != plain {
			t.Fatalf("%q is unquoted as %q, %v; slowly %q, %t", name, plain, err, slow, ok)
		}
		quoted := proto.AppendQuoted(nil, name)
		if i := bytes.IndexAny(quoted, " \r\n;?#\x00+"); i >= 0 {
			t.Fatalf("%q is quoted as %q", name, quoted)
		}
		again, err := proto.Unquote(quoted)
		if err != nil || again != name {
			t.Fatalf("%q became %q by way of %q (%v)", name, again, quoted, err)
		}
	})
}

// FuzzSubrequestLine shows that a slow and simple reader reads the same, and that a
// line that parses can be written again, by AppendSubrequest, and reads as the same
// method and name.
func FuzzSubrequestLine(f *testing.F) {
	f.Add([]byte("PUT /AUTH_a/c/o%202/%C3%A9"))
	f.Add([]byte(" DELETE  /a/c//../o;x?y#z% "))
	f.Fuzz(func(t *testing.T, line []byte) {
		method, name, err := proto.ParseSubrequestLine(line)
		if m, n, ok := slowSubrequestLine(string(line)); ok != (err == nil) || ok && (m != method || n != name) {
			t.Fatalf("%q: read %q %q, %v; slowly %q %q, %t", line, method, name, err, m, n, ok)
		}
		if err != nil {
			return
		}
		if parts := strings.SplitN(name, "/", 4); len(parts) != 4 || parts[0] != "" || parts[1] == "" ||
			parts[2] == "" || parts[3] == "" {
			t.Fatalf("%q names %q", line, name)
		}
		if strings.Contains(method, "\x00") {
			return // written as a blank
		}

		head := proto.AppendSubrequest(nil, method, name, nil)
		again, rest, found := bytes.Cut(head, []byte("\r\n"))
		if !found || string(rest) != "\r\n" {
			t.Fatalf("%q was written as %q", line, head)
		}
		method2, name2, err := proto.ParseSubrequestLine(again)
		if err != nil || method2 != method || name2 != name {
			t.Fatalf("%q: %q %q became %q %q (%v)", line, method, name, method2, name2, err)
		}
	})
}

// FuzzHeaderLine shows that any header, whatever it holds, is written as exactly
// one line, and that what parses reads the same again.
func FuzzHeaderLine(f *testing.F) {
	f.Add([]byte("X-Timestamp: 1700000001.00000"))
	f.Add([]byte(" a : b:c\x85 "))
	f.Add([]byte("x: y\r\nz: w"))
	f.Fuzz(func(t *testing.T, line []byte) {
		read, err := proto.ParseHeaderLine(line)
		name, value, found := strings.Cut(string(line), ":")
		slow := proto.Header{Name: strings.Trim(name, blanks), Value: strings.Trim(value, blanks)}
		if ok := found && slow.Name != ""; ok != (err == nil) || ok && slow != read {
			t.Fatalf("%q: read %q, %v; slowly %q, %t", line, read, err, slow, ok)
		}
		if err != nil {
			return
		}
		head := proto.AppendSubrequest(nil, "POST", "/a/c/o", []proto.Header{read})
		lines := bytes.Split(head, []byte("\n"))
		if len(lines) != 4 { // request line, header, blank line, nothing
			t.Fatalf("%q was written as %q", line, head)
		}
		again, err := proto.ParseHeaderLine(lines[1])
		if bytes.ContainsAny(line, "\r\n\x00") {
			return // became blanks
		}
		if err != nil || again != read {
			t.Fatalf("%q: %q became %q (%v)", line, read, again, err)
		}
	})
}
