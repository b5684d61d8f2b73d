package hashes

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/proto"
	"pgregory.net/rapid"
)

// goldenName is how Swift took a name apart under either kind of policy; nil:
// unexpected.
type goldenName struct {
	Name        string
	Replication *goldenFile
	EC          *goldenFile
}

type goldenFile struct {
	Time    string
	CType   *string
	Frag    *int
	Durable bool
}

func (g *goldenFile) of(tb testing.TB, name string) File {
	f := File{Name: name, Time: timestamp(tb, g.Time), Frag: -1, FragDurable: g.Durable}
	switch {
	case strings.HasSuffix(name, ".data"):
		f.Ext = Data
	case strings.HasSuffix(name, ".meta"):
		f.Ext = Meta
	case strings.HasSuffix(name, ".ts"):
		f.Ext = Tombstone
	case strings.HasSuffix(name, ".durable"):
		f.Ext = Durable
	}
	if g.CType != nil {
		f.CType, f.HasCType = timestamp(tb, *g.CType), true
	}
	if g.Frag != nil {
		f.Frag = *g.Frag
	}

	return f
}

// TestParseFileGolden takes several hundred good and bad names apart as Swift
// did.
func TestParseFileGolden(t *testing.T) {
	for _, test := range golden[goldenName](t, "names") {
		compareFile(t, test.Name, replicated(), test.Replication)
		compareFile(t, test.Name, coded(), test.EC)
	}
}

func compareFile(t *testing.T, name string, p Policy, want *goldenFile) {
	t.Helper()

	got, ok := ParseFile(name, p)
	if ok != (want != nil) {
		t.Errorf("%q, %s: expected is %v", name, p.Kind, ok)
		return
	}
	if !ok {
		return
	}
	if diff := cmp.Diff(want.of(t, name), got); diff != "" {
		t.Errorf("%q, %s (-want +got):\n%s", name, p.Kind, diff)
	}
}

func TestAppendNames(t *testing.T) {
	at := timestamp(t, "1700000005.12345")
	offset := timestamp(t, "1700000005.12345_a")
	earlier := timestamp(t, "1700000001.00000")
	later := timestamp(t, "1700000009.24690")
	zero := proto.Timestamp{}

	for _, test := range []struct {
		want string
		got  []byte
	}{
		{"1700000005.12345.data", AppendDataName(nil, at)},
		{"1700000005.12345_000000000000000a.data", AppendDataName(nil, offset)},
		{"1700000005.12345.ts", AppendTombstoneName(nil, at)},
		{"1700000005.12345.meta", AppendMetaName(nil, at, nil)},
		{"1700000005.12345_000000000000000a.meta", AppendMetaName(nil, offset, nil)},
		{"1700000005.12345-64ab9.meta", AppendMetaName(nil, at, &earlier)},
		{"1700000005.12345+0.meta", AppendMetaName(nil, at, &at)},
		{"1700000005.12345+64ab9.meta", AppendMetaName(nil, at, &later)},
		{"1700000005.12345_a-64ab9.meta", AppendMetaName(nil, offset, &earlier)},
		{"1700000005.12345.meta", AppendMetaName(nil, at, &zero)},
	} {
		if string(test.got) != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

// TestNameIdentity: a name that we write reads as what it was written from.
func TestNameIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, ctype := drawTimestamp(t), drawTimestamp(t)
		ctype.Offset = 0
		if ctype.Raw == at.Raw {
			ctype = at
		}

		f, ok := ParseFile(string(AppendMetaName(nil, at, &ctype)), replicated())
		if !ok || f.Ext != Meta || f.Time != at || f.HasCType == ctype.IsZero() || f.CType != ctype {
			t.Fatalf("meta %s of %s: got %+v", at, ctype, f)
		}

		f, ok = ParseFile(string(AppendDataName(nil, at)), replicated())
		if !ok || f.Ext != Data || f.Time != at || f.HasCType {
			t.Fatalf("data %s: got %+v", at, f)
		}

		f, ok = ParseFile(string(AppendTombstoneName(nil, at)), coded())
		if !ok || f.Ext != Tombstone || f.Time != at {
			t.Fatalf("tombstone %s: got %+v", at, f)
		}
	})
}

// drawTimestamp draws from few values, so that equal ones are frequent.
func drawTimestamp(t *rapid.T) proto.Timestamp {
	return proto.Timestamp{
		Raw:    rapid.SampledFrom([]int64{0, 1, 170000000000000, 170000000000001, 999999999999999}).Draw(t, "raw"),
		Offset: rapid.SampledFrom([]uint64{0, 0, 1, 1 << 63}).Draw(t, "offset"),
	}
}

func TestParseFileAllocations(t *testing.T) {
	p, ec := replicated(), coded()

	n := testing.AllocsPerRun(100, func() {
		ParseFile("1700000005.12345.data", p)
		ParseFile("1700000005.12345_a-64ab9.meta", p)
		ParseFile("1700000005.12345.ts", p)
		ParseFile("1700000005.12345#3#d.data", ec)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var (
	slowExtension = regexp.MustCompile(`(?s)^(\.*[^.].*)(\.[^.]*)$`)
	slowMeta      = regexp.MustCompile(`(?s)^([^+-]*)(?:([+-])([^+-]*))?(?:([+-])([^+-]*))?(?:[+-].*)?$`)
)

// slowFile takes a name of a replication policy apart by regular expressions.
func slowFile(name string) (f File, ok bool) {
	f = File{Name: name, Frag: -1}
	stem := name
	if found := slowExtension.FindStringSubmatch(name); found != nil {
		stem = found[1]
		f.Ext = map[string]Ext{".data": Data, ".meta": Meta, ".ts": Tombstone, ".durable": Durable}[found[2]]
	}
	var err error
	if f.Ext != Meta {
		f.Time, err = proto.ParseTimestamp(stem)
		return f, err == nil
	}
	found := slowMeta.FindStringSubmatch(stem)
	if f.Time, err = proto.ParseTimestamp(found[1]); err != nil {
		return f, false
	}
	at := f.Time
	for i := 2; i < 6 && found[i] != ""; i += 2 {
		delta, isNumber := ParsePythonInt(found[i+1], 16)
		if !isNumber {
			return f, false
		}
		if found[i] == "-" {
			delta = -delta
		}
		if delta != 0 {
			if at, err = at.Plus(delta); err != nil {
				return f, false
			}
		}
		if i == 2 {
			f.CType, f.HasCType = at, true
		}
	}
	return f, true
}

// FuzzParseFile: a slow and simple reader takes a name apart in the same way, and
// one that is accepted means the same when written in normal form.
func FuzzParseFile(f *testing.F) {
	for _, name := range []string{
		"1700000005.12345.data", "1e9.ts", "1700000005.12345_a-64ab9.meta",
		"5.00000+1-1.meta", "1700000001.00000#01#d.data", "..5.x", ".data",
	} {
		f.Add(name)
	}

	f.Fuzz(func(t *testing.T, name string) {
		if f, ok := ParseFile(name, coded()); ok && f.Ext == Data {
			if f.Frag < 0 || f.Frag >= coded().Fragments {
				t.Errorf("%q: index %d", name, f.Frag)
			}
		}

		f, ok := ParseFile(name, replicated())
		if slow, slowOK := slowFile(name); slowOK != ok || ok && slow != f {
			t.Fatalf("%q: %+v, %t; slowly %+v, %t", name, f, ok, slow, slowOK)
		}
		if !ok {
			return
		}
		if f.Name != name || f.Frag != -1 || (f.HasCType && f.Ext != Meta) {
			t.Errorf("%q: got %+v", name, f)
		}

		var normal []byte
		switch {
		case f.Ext == Data:
			normal = AppendDataName(nil, f.Time)
		case f.Ext == Tombstone:
			normal = AppendTombstoneName(nil, f.Time)
		case f.Ext == Meta && f.HasCType && !f.CType.IsZero():
			normal = AppendMetaName(nil, f.Time, &f.CType)
		default:
			return
		}
		again, ok := ParseFile(string(normal), replicated())
		again.Name = name
		if !ok || again != f {
			t.Errorf("%q: %+v, but %s is %+v", name, f, normal, again)
		}
	})
}

func BenchmarkParseFile(b *testing.B) {
	p := replicated()
	b.ReportAllocs()
	for b.Loop() {
		ParseFile("1700000005.12345_a-64ab9.meta", p)
	}
}
