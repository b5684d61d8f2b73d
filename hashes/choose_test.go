package hashes

import (
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ringsync/ringsync/proto"
	"pgregory.net/rapid"
)

// summary is a Choice by names, in the shape of the captured ones.
type summary struct {
	Data, Meta, CType, TS string
	Obsolete              []string
	Reclaim               []string `json:"possible_reclaim"`
	Unexpected            []string
}

// goldenChoice is what Swift made of a hash directory. Digest is that of a
// suffix with nothing else; null if Swift found no suffix.
type goldenChoice struct {
	summary
	Names  []string
	Digest *string
}

func summarize(c Choice) summary {
	return summary{
		Data: nameOf(c.Data), Meta: nameOf(c.Meta), CType: nameOf(c.CType), TS: nameOf(c.Tombstone),
		Obsolete: namesOf(c.Obsolete), Reclaim: namesOf(c.Reclaim),
		Unexpected: slices.Sorted(slices.Values(c.Unexpected)),
	}
}

func nameOf(f *File) string {
	if f == nil {
		return ""
	}

	return f.Name
}

func namesOf(files []File) []string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	sort.Strings(names)

	return names
}

// TestChooseGolden: several hundred random directories come out as in Swift,
// and so do their digests.
func TestChooseGolden(t *testing.T) {
	for _, test := range golden[goldenChoice](t, "choices") {
		c := Choose(test.Names, replicated())
		if diff := cmp.Diff(test.summary, summarize(c), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.Names, diff)
		}

		if test.Digest == nil {
			continue
		}
		digest := NewSuffixDigest()
		digest.Add(c)
		if got := digest.Sum().String(); got != *test.Digest {
			t.Errorf("%q: digest %s, want %s", test.Names, got, *test.Digest)
		}
	}
}

// TestChooseModel compares with a second statement of the rules, slow and in
// other words: what makes a file obsolete, asked of each file by itself.
func TestChooseModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.Custom(drawName), 0, 8, rapid.ID[string]).Draw(t, "names")

		got := Choose(names, replicated())
		if diff := cmp.Diff(modelChoice(names), summarize(got), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%q (-model +got):\n%s", names, diff)
		}

		// All names are accounted for, and none is removed that counts.
		removable := namesOf(got.Removable(time.Unix(1<<33, 0), time.Hour))
		for _, f := range []*File{got.Data, got.Meta, got.CType} {
			if f != nil && slices.Contains(removable, f.Name) {
				t.Fatalf("%q: %s counts, and is removable", names, f.Name)
			}
		}
		for _, name := range got.Unexpected {
			if slices.Contains(removable, name) {
				t.Fatalf("%q: %s is unexpected, and removable", names, name)
			}
		}
	})
}

func drawName(t *rapid.T) string {
	at := proto.Timestamp{
		Raw:    rapid.Int64Range(1, 4).Draw(t, "raw"),
		Offset: rapid.SampledFrom([]uint64{0, 0, 0, 7}).Draw(t, "offset"),
	}

	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0, 1:
		return string(AppendDataName(nil, at))
	case 2:
		return string(AppendTombstoneName(nil, at))
	case 3:
		return string(AppendMetaName(nil, at, nil))
	case 4, 5:
		ctype := proto.Timestamp{Raw: rapid.Int64Range(1, 6).Draw(t, "ctype")}
		return string(AppendMetaName(nil, at, &ctype))
	default:
		return rapid.SampledFrom([]string{"junk", at.Internal() + ".durable", at.Internal() + ".x"}).Draw(t, "other")
	}
}

// modelChoice is the section "Which files count" of Swift's documentation in
// the form of predicates. Names must be in normal form.
func modelChoice(names []string) summary {
	var s summary
	var files []File
	for _, name := range names {
		if f, ok := ParseFile(name, replicated()); ok {
			files = append(files, f)
		} else {
			s.Unexpected = append(s.Unexpected, name)
		}
	}
	sort.Strings(s.Unexpected)
	sort.SliceStable(files, func(i, j int) bool { return files[i].Name > files[j].Name })

	newest := func(ext Ext, ok func(File) bool) (best *File) {
		for i, f := range files {
			if f.Ext == ext && ok(f) && (best == nil || f.Time.After(best.Time)) {
				best = &files[i]
			}
		}
		return best
	}

	ts := newest(Tombstone, func(File) bool { return true })
	alive := func(f File) bool { return ts == nil || f.Time.After(ts.Time) }
	data := newest(Data, alive)
	a := newest(Meta, alive)
	var b *File
	for i, f := range files {
		if f.Ext == Meta && alive(f) && f.CType.After(a.CType) &&
			(b == nil || f.CType.After(b.CType) || f.CType == b.CType && f.Time.After(b.Time)) {
			b = &files[i]
		}
	}
	if b != nil && b.Time == a.Time {
		a = b
	}

	for _, f := range files {
		kept := f.Ext == Tombstone && f.Name == ts.Name || f.Ext != Tombstone && alive(f)
		if f.Ext == Meta {
			kept = kept && (f.Name == a.Name || b != nil && f.Name == b.Name)
		}
		if data != nil && f.Name != data.Name {
			kept = kept && f.Time.After(data.Time)
		}

		switch {
		case !kept:
			s.Obsolete = append(s.Obsolete, f.Name)
		case f.Ext == Meta && data == nil:
			s.Reclaim = append(s.Reclaim, f.Name)
		case f.Ext == Meta && f.Name == a.Name:
			s.Meta = f.Name
		}
	}
	sort.Strings(s.Obsolete)
	sort.Strings(s.Reclaim)

	switch {
	case data == nil && ts != nil:
		s.TS = ts.Name
	case data != nil:
		s.Data = data.Name
		// The last Meta that was kept carries the content type; B may have
		// been dropped as not newer than the body.
		last := a
		if b != nil && b.Time.After(data.Time) {
			last = b
		}
		if s.Meta != "" && last.CType.After(data.Time) {
			s.CType = last.Name
		}
	}

	return s
}

// TestChooseErasureCoding: nothing of an erasure-coded policy is touched.
func TestChooseErasureCoding(t *testing.T) {
	names := []string{"1700000001.00000#1#d.data", "1600000001.00000#1#d.data", "1700000001.00000.ts"}

	c := Choose(names, coded())
	if diff := cmp.Diff(Choice{Unexpected: names}, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := c.Removable(time.Now(), 0); len(got) != 0 {
		t.Errorf("removable: %v", got)
	}
}

// TestChoiceTimes gives what an offer says about an object.
func TestChoiceTimes(t *testing.T) {
	for _, test := range []struct {
		what              string
		names             []string
		data, meta, ctype string
		exists            bool
	}{
		{"nothing", nil, "0", "0", "0", false},
		{"a body", []string{"5.00000.data"}, "5", "5", "5", true},
		{"a tombstone", []string{"5.00000.ts"}, "5", "5", "5", true},
		{"a lone meta", []string{"5.00000.meta"}, "0", "0", "0", false},
		{"a body and a meta", []string{"5.00000.data", "7.00000.meta"}, "5", "7", "5", true},
		{"with a content type", []string{"5.00000.data", "7.00000-1.meta"}, "5", "7", "6.99999", true},
		{"with an older content type", []string{"5.00000.data", "7.00000-30d40.meta"}, "5", "7", "5", true},
		{"two metas", []string{"5.00000.data", "7.00000.meta", "6.00000+0.meta"}, "5", "7", "6", true},
	} {
		c := Choose(test.names, replicated())
		if got := c.DataTime(); got != timestamp(t, test.data) {
			t.Errorf("%s: data time %s", test.what, got)
		}
		if got := c.MetaTime(); got != timestamp(t, test.meta) {
			t.Errorf("%s: meta time %s", test.what, got)
		}
		if got := c.CTypeTime(); got != timestamp(t, test.ctype) {
			t.Errorf("%s: content-type time %s", test.what, got)
		}
		if c.Exists() != test.exists {
			t.Errorf("%s: exists %v", test.what, c.Exists())
		}
	}
}

// TestRemovable: obsolete files go at once, tombstones and stray metas only
// when more than a reclaim age old.
func TestRemovable(t *testing.T) {
	const week = 7 * 24 * time.Hour
	born := time.Unix(1700000000, 0)

	for _, test := range []struct {
		what    string
		names   []string
		age     time.Duration
		want    []string
		cleaned summary
	}{
		{"a young tombstone", []string{"1700000000.00000.ts"}, week, nil, summary{TS: "1700000000.00000.ts"}},
		{"an old tombstone", []string{"1700000000.00000.ts"}, week + 1, []string{"1700000000.00000.ts"}, summary{}},
		{
			"a tombstone and what it covers",
			[]string{"1700000000.00000.ts", "1600000000.00000.data", "1600000000.00000.ts"}, 0,
			[]string{"1600000000.00000.data", "1600000000.00000.ts"}, summary{TS: "1700000000.00000.ts"},
		},
		{"a young stray", []string{"1700000000.00000.meta"}, week, nil, summary{Reclaim: []string{"1700000000.00000.meta"}}},
		{"an old stray", []string{"1700000000.00000.meta"}, week + 1, []string{"1700000000.00000.meta"}, summary{}},
		{"an old body", []string{"1700000000.00000.data"}, 100 * week, nil, summary{Data: "1700000000.00000.data"}},
		{"what is not Swift's", []string{"junk"}, 100 * week, nil, summary{Unexpected: []string{"junk"}}},
	} {
		c := Choose(test.names, replicated())
		now := born.Add(test.age)
		if diff := cmp.Diff(test.want, namesOf(c.Removable(now, week))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
		if diff := cmp.Diff(test.cleaned, summarize(c.Cleaned(now, week)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s, cleaned (-want +got):\n%s", test.what, diff)
		}
	}
}

// TestRemovableKeepsObsolete: two calls do not write over each other.
func TestRemovableKeepsObsolete(t *testing.T) {
	c := Choose([]string{"3.00000.ts", "2.00000.ts", "4.00000.meta"}, replicated())
	c.Obsolete = append(make([]File, 0, 8), c.Obsolete...)
	first := c.Removable(time.Unix(1e9, 0), 0)
	c.Removable(time.Unix(1e9, 0), 0)[1].Name = "changed"

	if got := namesOf(first); !slices.Equal(got, []string{"2.00000.ts", "3.00000.ts", "4.00000.meta"}) {
		t.Errorf("got %q", got)
	}
}

// TestChooseAllocations: one for the files of an ordinary directory.
func TestChooseAllocations(t *testing.T) {
	p := replicated()
	for _, names := range [][]string{
		{"1700000005.12345.data"},
		{"1700000005.12345.ts"},
		{"1700000005.12345.data", "1700000006.12345+0.meta"},
	} {
		n := testing.AllocsPerRun(100, func() {
			c := Choose(names, p)
			c.Removable(time.Time{}, time.Hour)
		})
		if n > 1 {
			t.Errorf("%q: %v allocations", names, n)
		}
	}
}

func BenchmarkChoose(b *testing.B) {
	p := replicated()
	for _, bench := range []struct {
		name  string
		names []string
	}{
		{"body", []string{"1700000005.12345.data"}},
		{"body and meta", []string{"1700000005.12345.data", "1700000006.12345+0.meta"}},
		{"superseded", []string{"1700000005.12345.data", "1700000006.12345.ts"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Choose(bench.names, p)
			}
		})
	}
}
