package proto_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// The two forms of an extension, and what is none.
func TestExtension(t *testing.T) {
	for text, want := range map[string]proto.Extension{
		"xxh64=0123456789abcdef":                         {Sum: 0x0123456789abcdef},
		"xxh64=0000000000000000":                         {},
		"xxh64=ffffffffffffffff;stored=00000000000000ff": {Sum: 1<<64 - 1, Stored: 0xff, Announces: true},
	} {
		got, err := proto.ParseExtension([]byte(text))
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
		if again := proto.AppendExtension(nil, want); string(again) != text || len(again) > proto.ExtensionBytes {
			t.Errorf("%+v is written as %s", want, again)
		}
	}
	for _, text := range []string{
		"", "xxh64", "xxh64=", "xxh64=0123456789abcde", "xxh64=0123456789abcdef0", "xxh64=0123456789ABCDEF", "XXH64=0123456789abcdef",
		" xxh64=0123456789abcdef", "xxh64=0123456789abcdef ", "xxh64=0123456789abcdef;", "xxh64=0123456789abcdeg", "stored=0123456789abcdef",
		"xxh64=0123456789abcdef;stored=0123456789abcde", "xxh64=0123456789abcdef; stored=0123456789abcdef", "xxh64=0123456789abcdef;stored=0123456789abcdef;",
		"xxh64=0123456789abcdef;xxh64=0123456789abcdef", strings.Repeat("x", 64),
	} {
		if e, err := proto.ParseExtension([]byte(text)); err == nil {
			t.Errorf("%q was taken as %+v", text, e)
		}
	}
}

// FuzzExtension shows that what is taken has one spelling.
func FuzzExtension(f *testing.F) {
	f.Add([]byte("xxh64=0123456789abcdef"))
	f.Add([]byte("xxh64=0123456789abcdef;stored=fedcba9876543210"))
	f.Add([]byte("xxh64=0123456789abcdeF"))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := proto.ParseExtension(text)
		if err == nil && !bytes.Equal(proto.AppendExtension(nil, e), text) {
			t.Fatalf("%q is %+v", text, e)
		}
	})
}

// A chunk with the longest extension reads as it was written, and Swift's rule for
// the size, all before the semicolon, finds it.
func TestExtensionInChunk(t *testing.T) {
	ext := proto.AppendExtension(nil, proto.Extension{Sum: 1, Stored: 2, Announces: true})
	chunk := proto.AppendChunkExt(nil, []byte("hello"), string(ext))
	if want := "5;xxh64=0000000000000001;stored=0000000000000002\r\nhello\r\n"; string(chunk) != want {
		t.Fatalf("%q, want %q", chunk, want)
	}
	var d proto.Dechunker
	data, _, err := d.Next(chunk)
	if err != nil || string(data) != "hello" || !bytes.Equal(d.Ext(), ext) {
		t.Errorf("%q with %q, %v", data, d.Ext(), err)
	}
}

// Unknown words are passed over, and the rest is a set.
func TestFeatures(t *testing.T) {
	for value, want := range map[string]string{
		"":                                  "",
		"xxh64,results":                     "xxh64,results",
		" results ,xxh64, xxh64":            "xxh64,results",
		"zstd,xxh64,level=3":                "xxh64",
		"XXH64":                             "",
		"none,stored":                       "stored,none",
		"xxh64 results":                     "",
		strings.Repeat("x,", 1000) + "none": "none",
	} {
		if got := proto.ParseFeatures(value).String(); got != want {
			t.Errorf("%.40q is %q, want %q", value, got, want)
		}
	}
	if both := proto.FeatureXXH64 | proto.FeatureResults; !both.Has(proto.FeatureResults) || both.Has(both|proto.FeatureNone) {
		t.Error("Has")
	}
}

// FuzzFeatures shows that what is read of a header reads the same again.
func FuzzFeatures(f *testing.F) {
	f.Add("xxh64,results,stored")
	f.Add(" none\t,,x")
	f.Fuzz(func(t *testing.T, value string) {
		set := proto.ParseFeatures(value)
		if again := proto.ParseFeatures(set.String()); again != set {
			t.Fatalf("%q is %q, and that %q", value, set, again)
		}
	})
}
