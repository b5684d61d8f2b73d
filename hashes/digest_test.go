package hashes

import "testing"

// TestSuffixDigest compares with digests that Swift computed.
func TestSuffixDigest(t *testing.T) {
	for _, test := range []struct {
		what  string
		dirs  [][]string
		wants string
	}{
		{"no objects", nil, "d41d8cd98f00b204e9800998ecf8427e"},
		{"nothing that counts", [][]string{{"junk"}, {"5.00000.meta"}}, "d41d8cd98f00b204e9800998ecf8427e"},
		{
			"a body with metadata and content type",
			[][]string{{"1700000001.00000.data", "1700000005.00000+0.meta"}},
			"238771cc0a56bbe2c76322a2ab296086",
		},
		{
			"a body with metadata",
			[][]string{{"1700000011.00000.data", "1700000012.00000.meta"}},
			"3f1d1f83409322f858fdccade6e054f5",
		},
		{"a tombstone", [][]string{{"1795000009.00000.ts"}}, "76b4181e7244cf9f7b365b8299824c8a"},
	} {
		d := NewSuffixDigest()
		for _, names := range test.dirs {
			d.Add(Choose(names, replicated()))
		}
		if got := d.Sum().String(); got != test.wants {
			t.Errorf("%s: got %s, want %s", test.what, got, test.wants)
		}
	}
}

// TestSuffixDigestOrder: the digest of two directories is that of their words
// one after the other, and another than in the other order.
func TestSuffixDigestOrder(t *testing.T) {
	one := Choose([]string{"1.00000.data"}, replicated())
	two := Choose([]string{"2.00000.ts"}, replicated())
	sum := func(choices ...Choice) string {
		d := NewSuffixDigest()
		for _, c := range choices {
			d.Add(c)
		}
		return d.Sum().String()
	}

	// md5("0000000001.00000.data0000000002.00000.ts")
	if got, want := sum(one, two), "b16027c965bf05e74b53bcd63f21eeef"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if sum(one, two) == sum(two, one) {
		t.Error("the order does not matter")
	}
}

func TestSuffixDigestAllocations(t *testing.T) {
	d := NewSuffixDigest()
	c := Choose([]string{"1700000001.00000.data", "1700000005.00000+0.meta"}, replicated())

	if n := testing.AllocsPerRun(100, func() { d.Add(c) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSuffixDigest(b *testing.B) {
	d := NewSuffixDigest()
	c := Choose([]string{"1700000001.00000.data"}, replicated())
	b.ReportAllocs()
	for b.Loop() {
		d.Add(c)
	}
}

// BenchmarkSuffix hashes a suffix as large as those of a partition of a million
// objects: each directory's names chosen from, then taken in.
func BenchmarkSuffix(b *testing.B) {
	const directories = 256
	p := replicated()
	names := []string{"1700000001.00000.data", "1700000005.00000+0.meta"}
	b.ReportAllocs()
	for b.Loop() {
		d := NewSuffixDigest()
		for range directories {
			d.Add(Choose(names, p))
		}
		d.Sum()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/directories, "ns/dir")
}
