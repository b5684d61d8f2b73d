package hashes

import (
	"errors"
	"strings"
	"testing"
)

// TestHash compares with hashes and partitions that Swift computed.
func TestHash(t *testing.T) {
	secret := Secret{Prefix: "pre", Suffix: "suf"}

	for _, test := range []struct {
		name, hash string
		partition  uint32 // at a part power of 4
	}{
		{"/AUTH_a/c/o1", "df49ee409148dfec4ff8451914278f80", 13},
		{"/AUTH_a/c/o 2/é", "a3a1b350cfb252559263e5cc3aef2c4d", 10},
		{"/AUTH_a/c/o3", "ab2dfdb934e3ee6455a2e699e9017972", 10},
		{"/AUTH_a/c/o4", "2c17b770fb79c616461bb63684b63ac0", 2},
	} {
		hash := secret.Hash(test.name)
		if hash.String() != test.hash {
			t.Errorf("%s: got %s, want %s", test.name, hash, test.hash)
		}
		if got := hash.Partition(4); got != test.partition {
			t.Errorf("%s: got partition %d, want %d", test.name, got, test.partition)
		}
	}
}

// TestHashLongName: a name that outgrows the room on the stack hashes alike.
func TestHashLongName(t *testing.T) {
	name := "/a/c/" + strings.Repeat("o", 2000)

	if (Secret{"x", "y"}).Hash(name) != (Secret{"x/a", "y"}).Hash(name[2:]) {
		t.Error("the hash depends on where the prefix ends")
	}
}

func TestHashAllocations(t *testing.T) {
	secret := Secret{Prefix: "pre", Suffix: "suf"}
	name := "/AUTH_account/container/a/rather/long/object-name"

	if n := testing.AllocsPerRun(100, func() { secret.Hash(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSplitName(t *testing.T) {
	for _, test := range []struct {
		name                       string
		account, container, object string
		ok                         bool
	}{
		{"/a/c/o", "a", "c", "o", true},
		{"/a/c/o/p//q/", "a", "c", "o/p//q/", true},
		{"/a/c//", "a", "c", "/", true},
		{"/a/c/", "", "", "", false},
		{"/a/c", "", "", "", false},
		{"/a//o", "", "", "", false},
		{"//c/o", "", "", "", false},
		{"a/c/o", "", "", "", false},
		{"", "", "", "", false},
	} {
		account, container, object, err := SplitName(test.name)
		if account != test.account || container != test.container || object != test.object {
			t.Errorf("%q: got %q, %q, %q", test.name, account, container, object)
		}
		if (err == nil) != test.ok || (err != nil && !errors.Is(err, ErrName)) {
			t.Errorf("%q: got error %v", test.name, err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	secret := Secret{Prefix: "pre", Suffix: "suf"}
	b.ReportAllocs()
	for b.Loop() {
		secret.Hash("/AUTH_account/container/a/rather/long/object-name")
	}
}
