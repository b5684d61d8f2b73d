package proto_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

var (
	slowHash   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	slowSuffix = regexp.MustCompile(`^[0-9a-f]{3}$`)
)

// FuzzWords shows that hashes, suffixes and markers are those that a slow and
// simple reader takes for such, and are written as they were read.
func FuzzWords(f *testing.F) {
	for _, word := range []string{hashO1, strings.ToUpper(hashO1), "abc", "ab", "ABC", "..", ":UPDATES: END\r\n", " :UPDATES: END", ":UPDATES: END x", ""} {
		f.Add([]byte(word))
	}
	f.Fuzz(func(t *testing.T, word []byte) {
		h, err := proto.ParseHash(word)
		if (err == nil) != slowHash.Match(word) || strings.HasSuffix(string(word), "\n") && err == nil || err == nil && h.String() != string(word) {
			t.Fatalf("%q is hash %s, %v", word, h, err)
		}
		s, err := proto.ParseSuffix(word)
		if (err == nil) != slowSuffix.Match(word) || err == nil && s.String() != string(word) {
			t.Fatalf("%q is suffix %s, %v", word, s, err)
		}
		for _, marker := range []string{proto.MissingCheckStart, proto.MissingCheckEnd, proto.UpdatesStart, proto.UpdatesEnd} {
			if proto.IsMarker(word, marker) && !strings.Contains(string(word), marker) {
				t.Fatalf("%q is taken for %s", word, marker)
			}
		}
	})
}
