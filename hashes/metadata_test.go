package hashes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// goldenMetadata is what Swift stored for some headers. Fields are the hex of
// wire bytes; Pickle is empty where it would be long.
type goldenMetadata struct {
	Case     string
	Fields   [][2]string
	Checksum string
	Length   int
	Pickle   string
}

func (g goldenMetadata) metadata(tb testing.TB) Metadata {
	m := make(Metadata, 0, len(g.Fields))
	for _, f := range g.Fields {
		m = append(m, Field{string(unhex(tb, f[0])), string(unhex(tb, f[1]))})
	}

	return m
}

// TestMetadataGolden: our pickles are Swift's to the byte, and read back.
func TestMetadataGolden(t *testing.T) {
	for _, test := range golden[goldenMetadata](t, "metadata") {
		want := test.metadata(t)
		pickle := AppendMetadata(nil, want)
		if got := Checksum(pickle); got != test.Checksum || len(pickle) != test.Length {
			t.Errorf("%s: %d bytes with checksum %s, want %d with %s",
				test.Case, len(pickle), got, test.Length, test.Checksum)
		}
		if test.Pickle != "" && !bytes.Equal(pickle, unhex(t, test.Pickle)) {
			t.Errorf("%s: got %x\nwant %s", test.Case, pickle, test.Pickle)
		}

		got, err := ParseMetadata(pickle)
		if err != nil {
			t.Errorf("%s: %v", test.Case, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.Case, diff)
		}
	}
}

// TestMetadataDocumented is a tombstone's pickle as an operator would see it
// with getfattr.
func TestMetadataDocumented(t *testing.T) {
	pickle := AppendMetadata([]byte("before"), Metadata{
		{"X-Timestamp", "1795000009.00000"}, {"name", "/AUTH_a/c/o3"},
	})
	pickle, found := bytes.CutPrefix(pickle, []byte("before"))
	if !found {
		t.Fatal("what was in dst is gone")
	}

	want := "\x80\x02}q\x00(" +
		"c_codecs\nencode\nq\x01X\x0b\x00\x00\x00X-Timestampq\x02X\x06\x00\x00\x00latin1q\x03\x86q\x04Rq\x05" +
		"h\x01X\x10\x00\x00\x001795000009.00000q\x06h\x03\x86q\x07Rq\x08" +
		"h\x01X\x04\x00\x00\x00nameq\x09h\x03\x86q\x0aRq\x0b" +
		"h\x01X\x0c\x00\x00\x00/AUTH_a/c/o3q\x0ch\x03\x86q\x0dRq\x0eu."
	if string(pickle) != want || len(pickle) != 146 {
		t.Errorf("got %q", pickle)
	}
	if got := Checksum(pickle); got != "2b134cac23767c07696932753e1c3eaa" {
		t.Errorf("checksum %s", got)
	}
	if !writtenByPython3(pickle) {
		t.Error("Swift would take it for Python 2's")
	}
}

// stringOp is Python 2's str in protocol 2.
func stringOp(s string) string {
	if len(s) < 256 {
		return string([]byte{opShortBinString, byte(len(s))}) + s
	}

	return string(binary.LittleEndian.AppendUint32([]byte{opBinString}, uint32(len(s)))) + s
}

// callOp is Python 3's bytes in protocol 2, without numbers.
func callOp(text string) string {
	return "c_codecs\nencode\n" + unicodeOp(text) + unicodeOp("latin1") + "\x86R"
}

func unicodeOp(text string) string {
	return string(binary.LittleEndian.AppendUint32([]byte{opBinUnicode}, uint32(len(text)))) + text
}

// TestParseMetadataForms reads what other writers leave on disks.
func TestParseMetadataForms(t *testing.T) {
	for _, test := range []struct {
		what, pickle string
		want         Metadata
	}{
		{"nothing", "\x80\x02}q\x00.", Metadata{}},
		{
			"Python 2: stored bytes are wire bytes",
			"\x80\x02}q\x01(" + stringOp("X-Object-Meta-A") + "q\x02" + stringOp("caf\xc3\xa9") + "q\x03" +
				stringOp("name") + stringOp("/a/c/\xc3\xa9") + "u.",
			Metadata{{"X-Object-Meta-A", "caf\xc3\xa9"}, {"name", "/a/c/\xc3\xa9"}},
		},
		{
			"Python 2, a long value",
			"\x80\x02}" + stringOp("K") + stringOp(strings.Repeat("v", 300)) + "s.",
			Metadata{{"K", strings.Repeat("v", 300)}},
		},
		{
			"Python 2, text",
			"\x80\x02}(" + unicodeOp("K") + unicodeOp("é") + stringOp("L") + "K\x05u.",
			Metadata{{"K", "\xc3\xa9"}, {"L", "5"}},
		},
		{
			"Python 2, protocol 0",
			"(dp1\nS'X-Timestamp'\np2\nS'1795000009.00000'\np3\nsS'name'\np4\nS'/a/c/\\xc3\\xa9\\'\\n'\np5\ns.",
			Metadata{{"X-Timestamp", "1795000009.00000"}, {"name", "/a/c/\xc3\xa9'\n"}},
		},
		{
			"Python 3 without numbers",
			"\x80\x02}(" + callOp("name") + callOp("/a/c/\u00c3\u00a9") + callOp("K") + callOp("caf\u00c3\u0083\u00c2\u00a9") + "u.",
			Metadata{{"name", "/a/c/\xc3\xa9"}, {"K", "caf\xc3\xa9"}},
		},
		{
			"Python 3, a fragment index that is a number",
			"\x80\x02}(" + callOp("X-Object-Sysmeta-Ec-Frag-Index") + "K\x03" + callOp("K") + callOp("v") + "u.",
			Metadata{{"X-Object-Sysmeta-Ec-Frag-Index", "3"}, {"K", "v"}},
		},
		{
			"Python 3, bytes that never were a WSGI string",
			"\x80\x02}(" + callOp("A") + callOp("\u00ff") + callOp("B") + callOp("\u00e4\u00b8\u0096") + "u.",
			Metadata{{"A", "\xff"}, {"B", "\xe4\xb8\x96"}},
		},
		{
			"a key twice: the later value in the earlier place",
			"\x80\x02}(" + callOp("A") + callOp("1") + callOp("B") + callOp("2") + callOp("A") + callOp("3") + "u.",
			Metadata{{"A", "3"}, {"B", "2"}},
		},
		{
			"a key as bytes and as text",
			"\x80\x02}(" + callOp("A") + callOp("1") + unicodeOp("A") + callOp("3") + "u.",
			Metadata{{"A", "3"}},
		},
		{
			"bytes after the end",
			"\x80\x02}(" + callOp("A") + callOp("1") + "u.garbage",
			Metadata{{"A", "1"}},
		},
		{
			"numbers out of order",
			"\x80\x02}q\x07(c_codecs\nencode\nq\x05X\x01\x00\x00\x00AX\x06\x00\x00\x00latin1q\x01\x86R" +
				"h\x05X\x01\x00\x00\x00Bq\x05h\x01\x86Ru.",
			Metadata{{"A", "B"}},
		},
	} {
		got, err := ParseMetadata([]byte(test.pickle))
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

func TestParseMetadataErrors(t *testing.T) {
	good := AppendMetadata(nil, Metadata{{"X-Timestamp", "1"}, {"name", "/a/c/o"}})
	for n := range len(good) {
		if m, err := ParseMetadata(good[:n]); err == nil {
			t.Errorf("cut at %d: got %v", n, m)
		}
	}

	for _, test := range []struct{ what, pickle, err string }{
		{"a list", "\x80\x02].", "metadata of type"},
		{"a value of None", "\x80\x02}U\x01ANs.", `metadata "A" of type <nil>`},
		{"a key of True", "\x80\x02}\x88U\x01As.", "metadata key of type bool"},
		{"a number that was replaced", "\x80\x02}q\x00(c_codecs\nencode\nq\x01X\x01\x00\x00\x00Aq\x01X\x06\x00\x00\x00latin1q\x03\x86R" +
			"h\x01X\x01\x00\x00\x00Bh\x03\x86Ru.", "no global"},
		{"a call of text", "\x80\x02}q\x00(c_codecs\nencode\nq\x01X\x01\x00\x00\x00Aq\x02X\x06\x00\x00\x00latin1q\x03\x86R" +
			"h\x02X\x01\x00\x00\x00Bh\x03\x86Ru.", "no global"},
	} {
		_, err := ParseMetadata([]byte(test.pickle))
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got error %v", test.what, err)
		}
	}
}

func TestMetadataFields(t *testing.T) {
	m := Metadata{{"A", "1"}, {"B", "2"}}
	m.Set("C", "3")
	m.Set("A", "4")
	m.Del("B")
	m.Del("absent")
	if diff := cmp.Diff(Metadata{{"A", "4"}, {"C", "3"}}, m); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if v, ok := m.Get("a"); ok {
		t.Errorf("another spelling: got %q", v)
	}

	for _, test := range []struct {
		what  string
		other Metadata
		equal bool
	}{
		{"another order", Metadata{{"C", "3"}, {"A", "4"}}, true},
		{"another value", Metadata{{"C", "3"}, {"A", "5"}}, false},
		{"another key", Metadata{{"C", "3"}, {"D", "4"}}, false},
		{"one less", Metadata{{"C", "3"}}, false},
	} {
		if m.Equal(test.other) != test.equal {
			t.Errorf("%s: equal is %v", test.what, !test.equal)
		}
	}
}

// TestMetadataIdentity: any bytes come back, in Python's form by the short way
// and without numbers by the long one.
func TestMetadataIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Metadata{}
		for range rapid.IntRange(0, 140).Draw(t, "fields") {
			key := string(rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(t, "key"))
			want.Set(key, string(rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "value")))
		}

		got, err := ParseMetadata(AppendMetadata(nil, want))
		if err != nil || !cmp.Equal(want, got) {
			t.Fatalf("got %q, %v", got, err)
		}
	})
}

// TestScanMetadata: the short way is taken for the usual pickles, so that
// reading them is as cheap as it is measured to be.
func TestScanMetadata(t *testing.T) {
	for _, test := range golden[goldenMetadata](t, "metadata") {
		switch test.Case {
		case "a tombstone", "a body", "not ASCII":
			if _, ok := scanMetadata(unhex(t, test.Pickle)); !ok {
				t.Errorf("%s: not scanned", test.Case)
			}
		}
	}

	bare := "\x80\x02}(" + callOp("A") + callOp("1") + "u."
	if _, ok := scanMetadata([]byte(bare)); !ok {
		t.Error("without numbers: not scanned")
	}
}

// FuzzMetadata: the short way agrees with the long one, and what was read is
// read again after writing.
func FuzzMetadata(f *testing.F) {
	for _, test := range golden[goldenMetadata](f, "metadata") {
		if test.Pickle != "" {
			f.Add(unhex(f, test.Pickle))
		}
	}
	f.Add([]byte("\x80\x02}(" + callOp("name") + callOp("/a/c/o") + "u."))
	f.Add([]byte("\x80\x02}q\x01(" + stringOp("name") + stringOp("/a/c/\xc3\xa9") + "u."))
	f.Add([]byte("(dp1\nS'name'\np2\nS'/a/c/\\xc3\\xa9'\np3\ns."))

	f.Fuzz(func(t *testing.T, pickle []byte) {
		m, err := ParseMetadata(pickle)
		if scanned, ok := scanMetadata(pickle); ok {
			v, err := Unpickle(pickle, Limits{})
			if err != nil {
				t.Fatalf("scanned, but %v", err)
			}
			long, err := metadataOf(v.(*Dict), true)
			if diff := cmp.Diff(long, scanned); diff != "" || err != nil {
				t.Fatalf("%v, -long +scanned:\n%s", err, diff)
			}
		}
		if err != nil {
			return
		}

		again, err := ParseMetadata(AppendMetadata(nil, m))
		if len(m) > 0 && m[0].Key == "" {
			return // written as bytes(), after which nothing says Python 3
		}
		if diff := cmp.Diff(m, again); diff != "" || err != nil {
			t.Fatalf("%v, -first +again:\n%s", err, diff)
		}
	})
}

// usual is the metadata of an ordinary object.
func usual() Metadata {
	return Metadata{
		{"X-Timestamp", "1700000001.00000"},
		{"Content-Type", "application/octet-stream"},
		{"Content-Length", "1048576"},
		{"ETag", "5d41402abc4b2a76b9719d911017c592"},
		{"X-Object-Meta-Color", "blue"},
		{"X-Object-Meta-Mtime", "1700000000.123456"},
		{"name", "/AUTH_account/container/a/rather/long/object-name"},
	}
}

// TestMetadataAllocations: one for the text and one for the fields of a parse,
// none for a write into a buffer with room.
func TestMetadataAllocations(t *testing.T) {
	m := usual()
	pickle := AppendMetadata(nil, m)
	buf := make([]byte, 0, 2*len(pickle))

	if n := testing.AllocsPerRun(100, func() { _, _ = ParseMetadata(pickle) }); n > 2 {
		t.Errorf("ParseMetadata: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { AppendMetadata(buf, m) }); n != 0 {
		t.Errorf("AppendMetadata: %v allocations", n)
	}
}

func BenchmarkParseMetadata(b *testing.B) {
	pickle := AppendMetadata(nil, usual())
	many := Metadata{}
	for i := range 90 {
		many.Set(fmt.Sprintf("X-Object-Meta-%d", i), "value")
	}

	for _, bench := range []struct {
		name   string
		pickle []byte
	}{
		{"usual", pickle},
		{"Python 2", []byte("(dp1\nS'X-Timestamp'\np2\nS'1795000009.00000'\np3\nsS'name'\np4\nS'/a/c/o'\np5\ns.")},
		{"90 fields", AppendMetadata(nil, many)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.pickle)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseMetadata(bench.pickle); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendMetadata(b *testing.B) {
	m := usual()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendMetadata(buf[:0], m)
	}
}
