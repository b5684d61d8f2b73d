package proto_test

import (
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// TestHashPartition has the names and partitions of Swift itself: prefix "pre",
// suffix "suf", part_power 4.
func TestHashPartition(t *testing.T) {
	tests := []struct {
		name, hash, suffix string
		partition          uint32
	}{
		{"/AUTH_a/c/o1", "df49ee409148dfec4ff8451914278f80", "f80", 13},
		{"/AUTH_a/c/o 2/é", "a3a1b350cfb252559263e5cc3aef2c4d", "c4d", 10},
		{"/AUTH_a/c/o3", "ab2dfdb934e3ee6455a2e699e9017972", "972", 10},
		{"/AUTH_a/c/o4", "2c17b770fb79c616461bb63684b63ac0", "ac0", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hash, err := proto.ParseHash(test.hash)
			if err != nil {
				t.Fatal(err)
			}
			if got := hash.String(); got != test.hash {
				t.Errorf("String() = %s", got)
			}
			if got := string(hash.AppendTo([]byte("x"))); got != "x"+test.hash {
				t.Errorf("AppendTo = %s", got)
			}
			if got := hash.Suffix().String(); got != test.suffix {
				t.Errorf("Suffix() = %s, want %s", got, test.suffix)
			}
			if got, err := proto.ParseSuffix(test.suffix); err != nil || got != hash.Suffix() {
				t.Errorf("ParseSuffix = %v, %v", got, err)
			}
			if got := hash.Partition(4); got != test.partition {
				t.Errorf("Partition(4) = %d, want %d", got, test.partition)
			}
			if got := hash.Partition(0); got != 0 {
				t.Errorf("Partition(0) = %d, want the only one", got)
			}
		})
	}
}

func TestParseHashRefuses(t *testing.T) {
	tests := map[string]string{
		"empty":       "",
		"short":       "df49ee409148dfec4ff8451914278f8",
		"long":        "df49ee409148dfec4ff8451914278f800",
		"upper case":  "DF49ee409148dfec4ff8451914278f80",
		"not hex":     "gf49ee409148dfec4ff8451914278f80",
		"a path":      "../../../../../../../../etc/hosts",
		"with blanks": " df49ee409148dfec4ff8451914278f8 ",
		"last byte":   "df49ee409148dfec4ff8451914278f8/",
		"quoted":      "%64f49ee409148dfec4ff8451914278f80",
	}
	for name, text := range tests {
		if hash, err := proto.ParseHash(text); err == nil {
			t.Errorf("%s: %q parsed as %v", name, text, hash)
		}
	}
}

func TestParseSuffix(t *testing.T) {
	for suffix := proto.Suffix(0); suffix < 0x1000; suffix++ {
		got, err := proto.ParseSuffix(suffix.AppendTo(nil))
		if err != nil || got != suffix {
			t.Fatalf("ParseSuffix(%q) = %v, %v", suffix.String(), got, err)
		}
	}
	for _, text := range []string{"", "ab", "abcd", "ABC", "g00", "..a", "a/b"} {
		if suffix, err := proto.ParseSuffix(text); err == nil {
			t.Errorf("%q parsed as %v", text, suffix)
		}
	}
}
