package proto_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/proto"
)

func ts(t testing.TB, text string) proto.Timestamp {
	t.Helper()
	at, err := proto.ParseTimestamp(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestTimestampForms(t *testing.T) {
	tests := []struct {
		name                    string
		at                      proto.Timestamp
		normal, internal, short string
	}{
		{"epoch", proto.Timestamp{}, "0000000000.00000", "0000000000.00000", "0000000000.00000"},
		{"early", proto.Timestamp{Raw: 150000}, "0000000001.50000", "0000000001.50000", "0000000001.50000"},
		{"offset", proto.Timestamp{Raw: 170000000512345, Offset: 10},
			"1700000005.12345", "1700000005.12345_000000000000000a", "1700000005.12345_a"},
		{"last", proto.Timestamp{Raw: 999999999999999, Offset: 1<<64 - 1},
			"9999999999.99999", "9999999999.99999_ffffffffffffffff", "9999999999.99999_ffffffffffffffff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.at.Normal(); got != test.normal {
				t.Errorf("Normal() = %s, want %s", got, test.normal)
			}
			if got := test.at.Internal(); got != test.internal {
				t.Errorf("Internal() = %s, want %s", got, test.internal)
			}
			if got := test.at.Short(); got != test.short {
				t.Errorf("Short() = %s, want %s", got, test.short)
			}
			if got := test.at.String(); got != test.internal {
				t.Errorf("String() = %s, want %s", got, test.internal)
			}
			for _, form := range []string{test.internal, test.short} {
				if got := ts(t, form); got != test.at {
					t.Errorf("%s parsed as %v", form, got)
				}
			}
		})
	}
}

// TestParseTimestampLeniency has what Python's float and int accept beside the
// three forms. Swift 2.30.1 reads each to the same value, save that it writes -0
// with its sign.
func TestParseTimestampLeniency(t *testing.T) {
	tests := []struct {
		text, want string
	}{
		{"5", "0000000005.00000"},
		{"5.", "0000000005.00000"},
		{".5", "0000000000.50000"},
		{"+5", "0000000005.00000"},
		{"1e3", "0000001000.00000"},
		{"1E+3", "0000001000.00000"},
		{"15e-1", "0000000001.50000"},
		{"0.0000000012e9", "0000000001.20000"},
		{"12000000000e-10", "0000000001.20000"},
		{"00000000000000000000001.5", "0000000001.50000"},
		{"1e-99999", "0000000000.00000"},
		{"0e99999", "0000000000.00000"},
		{" \t\n\v\f\r5 ", "0000000005.00000"},
		{"5_", "0000000005.00000"},
		{"5_a", "0000000005.00000_000000000000000a"},
		{"5_A", "0000000005.00000_000000000000000a"},
		{" 5 _ a ", "0000000005.00000_000000000000000a"},
		{"5_0x1", "0000000005.00000_0000000000000001"},
		{"5_+1", "0000000005.00000_0000000000000001"},
		{"5_0", "0000000005.00000"},
		{"5_ffffffffffffffff", "0000000005.00000_ffffffffffffffff"},
		{"1_0e1", "0000000001.00000_00000000000000e1"},
		{"-0", "0000000000.00000"},
		{"9999999999.999994", "9999999999.99999"},
	}
	for _, test := range tests {
		if got := ts(t, test.text).Internal(); got != test.want {
			t.Errorf("%q parsed as %s, want %s", test.text, got, test.want)
		}
		if got, err := proto.ParseTimestamp([]byte(test.text)); err != nil || got.Internal() != test.want {
			t.Errorf("bytes %q parsed as %s, %v, want %s", test.text, got, err, test.want)
		}
	}
}

// TestParseTimestampRounds shows that the sixth decimal decides, a tie goes to
// the even tick, and any digit behind a five breaks the tie.
func TestParseTimestampRounds(t *testing.T) {
	tests := []struct {
		text, want string
	}{
		{"1700000005.123454", "1700000005.12345"},
		{"1700000005.123456", "1700000005.12346"},
		{"1700000005.123455", "1700000005.12346"},
		{"1700000005.123465", "1700000005.12346"},
		{"1700000005.123445", "1700000005.12344"},
		{"1700000005.12346500", "1700000005.12346"},
		{"1700000005.12346501", "1700000005.12347"},
		{"1700000005.999995", "1700000006.00000"},
		{"0.000005", "0000000000.00000"},
		{"0.0000051", "0000000000.00001"},
		{"0.000015", "0000000000.00002"},
		{"15e-6", "0000000000.00002"},
		{"0.0000009", "0000000000.00000"},
		{"-0.000001", "0000000000.00000"},
		{"-0.000005", "0000000000.00000"},
	}
	for _, test := range tests {
		if got := ts(t, test.text).Internal(); got != test.want {
			t.Errorf("%s rounds to %s, want %s", test.text, got, test.want)
		}
	}
}

func TestParseTimestampRefuses(t *testing.T) {
	texts := []string{
		"", " ", "_", "_5", ".", "e5", "1e", "1e+", "1e5.5", "1e1e1", "1.2.3", "--5", "+-5", "x", "5x", "5 5",
		"nan", "inf", "infinity", "-inf", "0x10", "1,5", "170000000x.00000", "1700000001,00000", "\u0665", "\x1c5",
		"-1", "-0.00001", "-5_a",
		"10000000000", "1e10", "1e9999", "1e99999999999999999999999", "9999999999.999995", "99999999999999999999",
		"5__1", "5_1_0", "5_1_", "5_g", "5_-1", "5_ ", "5_0x", "5_10000000000000000",
		strings.Repeat("9", 4096),
	}
	for _, text := range texts {
		if got, err := proto.ParseTimestamp(text); err == nil {
			t.Errorf("%.40q parsed as %v", text, got)
		}
	}
}

func TestTimestampPlus(t *testing.T) {
	tests := []struct {
		name, from string
		delta      int64
		want       string // empty: refused
	}{
		{"forward", "1700000001.00000", 0x61a80, "1700000005.00000"},
		{"back", "1700000005.12345", -0x64ab9, "1700000001.00000"},
		{"drops the offset", "1700000005.12345_a", 0, "1700000005.12345"},
		{"to the epoch", "0000000001.00000", -100000, "0000000000.00000"},
		{"before the epoch", "0000000001.00000", -100001, ""},
		{"to the last", "9999999999.99998", 1, "9999999999.99999"},
		{"beyond the last", "9999999999.99999", 1, ""},
		{"least delta", "0000000001.00000", -1 << 63, ""},
		{"greatest delta", "0000000001.00000", 1<<63 - 1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ts(t, test.from).Plus(test.delta)
			if test.want == "" {
				if err == nil {
					t.Fatalf("got %v, want an error", got)
				}
				return
			}
			if err != nil || got.Internal() != test.want {
				t.Fatalf("got %v, %v, want %s", got, err, test.want)
			}
		})
	}
}

func TestTimestampOf(t *testing.T) {
	tests := []struct {
		name string
		at   time.Time
		want string
	}{
		{"exact", time.Unix(1700000005, 123450000), "1700000005.12345"},
		{"down", time.Unix(1700000005, 123454999), "1700000005.12345"},
		{"up", time.Unix(1700000005, 123455001), "1700000005.12346"},
		{"tie to even, up", time.Unix(1700000005, 123455000), "1700000005.12346"},
		{"tie to even, down", time.Unix(1700000005, 123445000), "1700000005.12344"},
		{"carry", time.Unix(1700000005, 999999999), "1700000006.00000"},
		{"too early", time.Unix(-1, 999999999), "0000000000.00000"},
		{"zero time", time.Time{}, "0000000000.00000"},
		{"too late", time.Unix(10000000000, 0), "9999999999.99999"},
		{"rounded too late", time.Unix(9999999999, 999999999), "9999999999.99999"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := proto.TimestampOf(test.at).Internal(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}

	at := ts(t, "1700000005.12345_a")
	if got, want := at.Time(), time.Unix(1700000005, 123450000); !got.Equal(want) {
		t.Errorf("Time() = %v, want %v", got, want)
	}
}

func TestTimestampOrder(t *testing.T) {
	ascending := []string{"0", "0_1", "1.00000", "1.00000_5", "1.00000_a", "1.00001", "9999999999.99999_ffffffffffffffff"}
	for i, a := range ascending {
		for j, b := range ascending {
			x, y := ts(t, a), ts(t, b)
			if got, want := x.Compare(y), cmp.Compare(i, j); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
			if x.Before(y) != (i < j) || x.After(y) != (i > j) {
				t.Errorf("%s against %s: Before %t, After %t", a, b, x.Before(y), x.After(y))
			}
		}
		if got := ts(t, a).IsZero(); got != (i == 0) {
			t.Errorf("%s: IsZero() = %t", a, got)
		}
	}
}

func TestAppendNormalPanicsOutOfRange(t *testing.T) {
	for _, raw := range []int64{-1, 1e15} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("raw %d was written", raw)
				}
			}()
			proto.Timestamp{Raw: raw}.AppendNormal(nil)
		}()
	}
}

// FuzzTimestamp shows that fractions come to the same time, that what parses
// survives each form, and that the order of two is the string order of their
// internal forms.
func FuzzTimestamp(f *testing.F) {
	f.Add("1700000005.12345_000000000000000a", "1700000005.12346")
	f.Add("1e3", " 5_ ")
	f.Add("-0.000001", "9999999999.99999_ffffffffffffffff")
	f.Add("0.00000000000000000005e15", "1700000005.123465")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, err := proto.ParseTimestamp(a)
		if slow, ok, judged := slowTimestamp(a); judged && (ok != (err == nil) || ok && slow != x) {
			t.Fatalf("%q: read %v, %v; slowly %v, %t", a, x, err, slow, ok)
		}
		if err != nil {
			return
		}
		for _, form := range []string{x.Internal(), x.Short()} {
			if again, err := proto.ParseTimestamp(form); err != nil || again != x {
				t.Fatalf("%q became %v, its form %q became %v (%v)", a, x, form, again, err)
			}
		}
		if tick := proto.TimestampOf(x.Time()); tick.Raw != x.Raw {
			t.Fatalf("%v became %v by way of time.Time", x, tick)
		}

		y, err := proto.ParseTimestamp([]byte(b))
		if err != nil {
			return
		}
		if got, want := x.Compare(y), strings.Compare(x.Internal(), y.Internal()); got != want {
			t.Fatalf("Compare(%v, %v) = %d, string order %d", x, y, got, want)
		}
	})
}
