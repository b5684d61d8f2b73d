package hashes

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/proto"
)

const someDigest = "238771cc0a56bbe2c76322a2ab296086"

func md5Hex(data []byte) string {
	sum := md5.Sum(data)

	return hex.EncodeToString(sum[:])
}

// manyDigests are the captured ones: every seventh suffix was not hashed.
func manyDigests(n int) Digests {
	digests := Digests{}
	for i := range n {
		d := Digest{Suffix: proto.Suffix(i)}
		if i%7 != 6 {
			d = known(d.Suffix, md5Hex([]byte(strconv.Itoa(i))))
		}
		digests = append(digests, d)
	}

	return digests
}

func known(s proto.Suffix, digest string) Digest {
	sum, err := proto.ParseHash(digest)
	if err != nil {
		panic(err)
	}

	return Digest{Suffix: s, Known: true, Sum: sum}
}

// TestDigestsGolden: partitions of any size are written as Swift writes them,
// and read back.
func TestDigestsGolden(t *testing.T) {
	type goldenHashes struct {
		Suffixes int
		Answer   string
		Whole    string `json:"hashes.pkl"`
	}

	for _, test := range golden[goldenHashes](t, "hashes") {
		want := PartitionHashes{Valid: true, Updated: 1795414437.8179164, Digests: manyDigests(test.Suffixes)}

		whole := AppendHashesPkl(nil, want)
		if got := md5Hex(whole); got != test.Whole {
			t.Errorf("%d suffixes: hashes.pkl differs: %.200q", test.Suffixes, whole)
		}
		got, err := ParseHashesPkl(whole)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%d suffixes: %v (-want +got):\n%s", test.Suffixes, err, diff)
		}

		answer := AppendReplicateAnswer(nil, want.Digests)
		if got := md5Hex(answer); got != test.Answer {
			t.Errorf("%d suffixes: the answer differs: %.200q", test.Suffixes, answer)
		}
		digests, err := ParseReplicateAnswer(answer)
		if diff := cmp.Diff(want.Digests, digests); diff != "" || err != nil {
			t.Errorf("%d suffixes: %v (-want +got):\n%s", test.Suffixes, err, diff)
		}
	}
}

// TestScanDigests: the short way is taken for what Python 3 and we write, of any
// size, so that reading it is as cheap as it is measured to be.
func TestScanDigests(t *testing.T) {
	for _, n := range []int{0, 1, 2, 300, 999, 1000, 1001, 4096} {
		digests := manyDigests(n)
		if n > 0 {
			digests.Doubt(0) // None
		}
		if _, ok := scanDigests(AppendHashesPkl(nil, PartitionHashes{Updated: 1.5, Digests: digests})); !ok {
			t.Errorf("hashes.pkl of %d suffixes: not scanned", n)
		}
		if _, ok := scanDigests(AppendReplicateAnswer(nil, digests)); !ok {
			t.Errorf("an answer of %d suffixes: not scanned", n)
		}
	}
}

// TestScanDigestsOfASet: Swift writes suffixes as they came; one that is there twice is
// for the long way.
func TestScanDigestsOfASet(t *testing.T) {
	item := func(suffix string) string { return unicodeOp(suffix) + unicodeOp(someDigest) }
	h, ok := scanDigests([]byte("\x80\x02}(" + item("f81") + item("00a") + item("f80") + "u."))
	if want := (Digests{known(0x00a, someDigest), known(0xf80, someDigest), known(0xf81, someDigest)}); !ok || !slices.Equal(h.Digests, want) {
		t.Errorf("in another order: %v, %v", h.Digests, ok)
	}
	if h, ok := scanDigests([]byte("\x80\x02}(" + item("f81") + item("00a") + item("f81") + "u.")); ok {
		t.Errorf("one twice: %v", h.Digests)
	}
}

// TestReplicateBodies are the short bodies as they were seen on the wire.
func TestReplicateBodies(t *testing.T) {
	one := Digests{known(0xf80, someDigest)}

	for _, test := range []struct {
		what, want string
		got        []byte
	}{
		{"none", "\x80\x02N.", AppendNone(nil)},
		{"an empty partition", "\x80\x02}q\x00.", AppendReplicateAnswer(nil, nil)},
		{
			"one suffix",
			"\x80\x02}q\x00X\x03\x00\x00\x00f80q\x01X\x20\x00\x00\x00" + someDigest + "q\x02s.",
			AppendReplicateAnswer(nil, one),
		},
		{
			"hashes.pkl",
			"\x80\x02}q\x00(X\x05\x00\x00\x00validq\x01\x88X\x03\x00\x00\x00f80q\x02X\x20\x00\x00\x00" + someDigest +
				"q\x03X\x07\x00\x00\x00updatedq\x04GA\xda\xc0\xf6^\x15o&u.",
			AppendHashesPkl(nil, PartitionHashes{
				Valid: true, Updated: math.Float64frombits(0x41dac0f65e156f26), Digests: one,
			}),
		},
	} {
		if string(test.got) != test.want {
			t.Errorf("%s: got %q\nwant %q", test.what, test.got, test.want)
		}
	}
}

func TestParseHashesPkl(t *testing.T) {
	one := Digests{known(0xf80, someDigest)}

	for _, test := range []struct {
		what, pickle string
		want         PartitionHashes
	}{
		{
			"Python 3",
			"\x80\x02}q\x00(X\x05\x00\x00\x00validq\x01\x88X\x03\x00\x00\x00f80q\x02X\x20\x00\x00\x00" + someDigest +
				"q\x03X\x07\x00\x00\x00updatedq\x04GA\xda\xc0\xf6^\x15o&u.",
			PartitionHashes{Valid: true, Updated: 1795414392.334909, Digests: one},
		},
		{
			"Python 2, before 2.13",
			"\x80\x02}q\x01" + stringOp("f80") + "q\x02" + stringOp(someDigest) + "q\x03s.",
			PartitionHashes{Valid: true, Updated: -1, Digests: one},
		},
		{
			"protocol 0",
			"(dp1\nS'f80'\np2\nS'" + someDigest + "'\np3\nsS'valid'\nI00\nsS'updated'\nF1.5\ns.",
			PartitionHashes{Valid: false, Updated: 1.5, Digests: one},
		},
		{
			"a digest to be made again",
			"\x80\x02}(" + unicodeOp("f80") + "N" + unicodeOp("f81") + unicodeOp("") + unicodeOp("f82") + "\x89u.",
			PartitionHashes{Valid: true, Updated: -1, Digests: Digests{{Suffix: 0xf80}, {Suffix: 0xf81}, {Suffix: 0xf82}}},
		},
		{
			"a digest of bytes equals no text",
			"\x80\x02}" + unicodeOp("f80") + callOp(someDigest) + "s.",
			PartitionHashes{Valid: true, Updated: -1, Digests: Digests{{Suffix: 0xf80}}},
		},
		{
			"a digest that is none",
			"\x80\x02}" + unicodeOp("f80") + unicodeOp("23") + "s.",
			PartitionHashes{Valid: true, Updated: -1, Digests: Digests{{Suffix: 0xf80}}},
		},
	} {
		got, err := ParseHashesPkl([]byte(test.pickle))
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.what, err, diff)
		}
	}
}

// erasureCoded is an answer as captured: the digests of fragment 1, and of
// all.
const erasureCoded = "\x80\x02}q\x00X\x03\x00\x00\x00519q\x01}q\x02(K\x01X\x20\x00\x00\x00af03f13a9648c1396461c47c421c0ed5q\x03" +
	"NX\x20\x00\x00\x00dcad15c06788e1037a8864d367a52e97q\x04us."

func TestParseHashesPklErrors(t *testing.T) {
	for _, test := range []struct{ what, pickle, err string }{
		{"nothing", "", "ends in the middle"},
		{"a list", "\x80\x02].", "instead of a dict"},
		{"a key of bytes", "\x80\x02}" + callOp("f80") + unicodeOp(someDigest) + "s.", "is no suffix"},
		{"a key that is no suffix", "\x80\x02}" + unicodeOp("F80") + "Ns.", `key "F80" is no suffix`},
		{"a key of None", "\x80\x02}NNs.", "is no suffix"},
		{"text that is not ASCII", "\x80\x02}" + stringOp("\xff80") + "Ns.", "not ASCII"},
		{"an erasure-coded policy", erasureCoded, "erasure-coded"},
	} {
		_, err := ParseHashesPkl([]byte(test.pickle))
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got error %v", test.what, err)
		}
	}
}

func TestParseReplicateAnswer(t *testing.T) {
	one := Digests{known(0xf80, someDigest)}

	for _, test := range []struct {
		what, pickle string
		want         Digests
	}{
		{"none", "\x80\x02N.", nil},
		{"an empty partition", "\x80\x02}q\x00.", Digests{}},
		{"protocol 0", "(dp1\nS'f80'\np2\nS'" + someDigest + "'\np3\ns.", one},
		{"protocol 0, text", "(dp1\nVf80\np2\nV" + someDigest + "\np3\ns.", one},
		{"other keys", "\x80\x02}(" + unicodeOp("valid") + "\x88NN" + unicodeOp("f80") + unicodeOp(someDigest) + "u.", one},
	} {
		got, err := ParseReplicateAnswer([]byte(test.pickle))
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", test.what, err, diff)
		}
	}

	if _, err := ParseReplicateAnswer([]byte(erasureCoded)); !errors.Is(err, ErrErasureCoded) {
		t.Errorf("erasure coded: got error %v", err)
	}
	var pickleError *PickleError
	if _, err := ParseReplicateAnswer([]byte("<html>")); !errors.As(err, &pickleError) {
		t.Errorf("a page: got error %v", err)
	}
}

// FuzzHashesPkl: the short way agrees with the long one, and what was read is read
// again after writing.
func FuzzHashesPkl(f *testing.F) {
	f.Add(AppendHashesPkl(nil, PartitionHashes{Valid: true, Updated: 1.5, Digests: manyDigests(8)}))
	f.Add([]byte("(dp1\nS'f80'\np2\nS'" + someDigest + "'\np3\nsS'valid'\nI00\nsS'updated'\nF1.5\ns."))
	f.Add([]byte("\x80\x02}" + unicodeOp("f80") + callOp(someDigest) + "s."))
	f.Add([]byte(erasureCoded))

	for _, n := range []int{0, 1, 2, 5} {
		f.Add(AppendReplicateAnswer(nil, manyDigests(n)))
	}

	f.Fuzz(func(t *testing.T, data []byte) {
		if h, ok := scanDigests(data); ok && !math.IsNaN(h.Updated) {
			long, err := unpickleHashesPkl(data)
			if diff := cmp.Diff(long, h); diff != "" || err != nil {
				t.Fatalf("hashes.pkl: %v, -long +scanned:\n%s", err, diff)
			}
			answer, err := unpickleReplicateAnswer(data)
			if diff := cmp.Diff(answer, h.Digests); diff != "" || err != nil {
				t.Fatalf("answer: %v, -long +scanned:\n%s", err, diff)
			}
		}
		h, err := ParseHashesPkl(data)
		if err == nil && !math.IsNaN(h.Updated) {
			again, err := ParseHashesPkl(AppendHashesPkl(nil, h))
			if diff := cmp.Diff(h, again); diff != "" || err != nil {
				t.Fatalf("%v, -first +again:\n%s", err, diff)
			}
		}

		digests, err := ParseReplicateAnswer(data)
		if err == nil && digests != nil {
			again, err := ParseReplicateAnswer(AppendReplicateAnswer(nil, digests))
			if diff := cmp.Diff(digests, again); diff != "" || err != nil {
				t.Fatalf("%v, -first +again:\n%s", err, diff)
			}
		}
	})
}

func BenchmarkHashesPkl(b *testing.B) {
	for _, n := range []int{312, 4096} {
		h := PartitionHashes{Valid: true, Updated: 1.5, Digests: manyDigests(n)}
		data := AppendHashesPkl(nil, h)

		b.Run(fmt.Sprintf("append %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				AppendHashesPkl(data[:0], h)
			}
		})
		b.Run(fmt.Sprintf("parse %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseHashesPkl(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReplicateAnswer is what two nodes tell each other of a partition.
func BenchmarkReplicateAnswer(b *testing.B) {
	digests := manyDigests(4096)
	answer := AppendReplicateAnswer(nil, digests)
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(answer)))
		b.ReportAllocs()
		for b.Loop() {
			AppendReplicateAnswer(answer[:0], digests)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(answer)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseReplicateAnswer(answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
