package hashes

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/proto"
)

func TestParseInvalid(t *testing.T) {
	for _, test := range []struct {
		what, data string
		want       []string
	}{
		{"nothing", "", nil},
		{"two", "abc\n012\n", []string{"abc", "012"}},
		{"twice", "abc\n012\nabc\n", []string{"abc", "012"}},
		{"a last line cut short by a crash", "abc\n01", []string{"abc"}},
		{"a last line without its end", "abc\n012", []string{"abc", "012"}},
		{"other things", "ABC\nxyz\nabcd\n\n\x00\xff\nfff\n", []string{"fff"}},
		{"blanks and CR", " abc \r\n012\r345\n", []string{"abc", "012", "345"}},
		{"a long line", string(make([]byte, 1<<16)) + "\nabc\n", []string{"abc"}},
	} {
		var want []proto.Suffix
		for _, text := range test.want {
			want = append(want, suffix(t, text))
		}
		if diff := cmp.Diff(want, ParseInvalid([]byte(test.data))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

// FuzzInvalid: a slow and simple reader reads the same; what was read, written and
// read again is the same; and a suffix appended to a file that ends with a line is
// found there.
func FuzzInvalid(f *testing.F) {
	f.Add([]byte("abc\n012\nabc\n"), uint16(0xfff))
	f.Add([]byte(" abc \r\n\x00"), uint16(1))

	f.Fuzz(func(t *testing.T, data []byte, more uint16) {
		suffixes := ParseInvalid(data)
		if diff := cmp.Diff(slowInvalid(string(data)), suffixes); diff != "" {
			t.Fatalf("-slowly +read:\n%s", diff)
		}
		var lines []byte
		for _, s := range suffixes {
			lines = AppendInvalid(lines, s)
		}
		if diff := cmp.Diff(suffixes, ParseInvalid(lines)); diff != "" {
			t.Fatalf("-first +again:\n%s", diff)
		}

		s := proto.Suffix(more % maxSuffixes)
		found := false
		for _, got := range ParseInvalid(AppendInvalid(append(data, '\n'), s)) {
			found = found || got == s
		}
		if !found {
			t.Fatalf("%s is lost", s)
		}
	})
}

// slowInvalid splits lines, and looks for each among those before it.
func slowInvalid(text string) (suffixes []proto.Suffix) {
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n") {
		s, err := proto.ParseSuffix(strings.TrimSpace(line))
		if err == nil && !slices.Contains(suffixes, s) {
			suffixes = append(suffixes, s)
		}
	}
	return suffixes
}

// A line is appended for every object that is written.
func TestAppendInvalidAllocations(t *testing.T) {
	buf := make([]byte, 0, 16)
	if n := testing.AllocsPerRun(100, func() { AppendInvalid(buf, 0xabc) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkParseInvalid reads what a thousand writes into one partition leave.
func BenchmarkParseInvalid(b *testing.B) {
	var data []byte
	for i := range 1000 {
		data = AppendInvalid(data, proto.Suffix(i*37%4096))
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		ParseInvalid(data)
	}
}
