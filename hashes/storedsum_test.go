package hashes_test

import (
	"strings"
	"testing"

	"github.com/ringsync/ringsync/hashes"
)

const emptyMD5 = "d41d8cd98f00b204e9800998ecf8427e"

// The one form of a stored sum, and what is as good as none.
func TestStoredSum(t *testing.T) {
	want := hashes.StoredSum{Sum: 0xef46db3751d8e999, Length: 67108864, ETag: emptyMD5}
	const text = "1 ef46db3751d8e999 67108864 " + emptyMD5
	if got := string(hashes.AppendStoredSum(nil, want)); got != text {
		t.Errorf("%q, want %q", got, text)
	}
	if got, ok := hashes.ParseStoredSum([]byte(text)); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, bad := range []string{
		"", "1", text + " ", text + "\n", " " + text, strings.Replace(text, "1 ", "2 ", 1), strings.Replace(text, " ", "  ", 1), strings.ToUpper(text),
		strings.Replace(text, "67108864", "-1", 1), strings.Replace(text, "67108864", "+1", 1), strings.Replace(text, "67108864", "01", 1), strings.Replace(text, "67108864", "", 1),
		strings.Replace(text, "67108864", "9223372036854775808", 1), text[:len(text)-1], strings.Replace(text, "ef46", "ef4", 1), strings.Replace(text, "ef46", "gf46", 1),
	} {
		if s, ok := hashes.ParseStoredSum([]byte(bad)); ok {
			t.Errorf("%q was taken as %+v", bad, s)
		}
	}
}

// FuzzStoredSum shows that what is taken has one spelling and fits its bounds.
func FuzzStoredSum(f *testing.F) {
	f.Add([]byte("1 ef46db3751d8e999 0 " + emptyMD5))
	f.Add([]byte("1 0000000000000000 9223372036854775807 " + emptyMD5))
	f.Fuzz(func(t *testing.T, value []byte) {
		s, ok := hashes.ParseStoredSum(value)
		if ok && (string(hashes.AppendStoredSum(nil, s)) != string(value) || len(value) > hashes.StoredSumBytes || s.Length < 0) {
			t.Fatalf("%q is %+v", value, s)
		}
	})
}
