package store_test

import (
	"path"
	"strconv"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
)

// FuzzNames shows that a device's name that is valid is one step below the devices
// directory, and that a partition has one spelling.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"sda", "..", ".", "", "0", "00", "4294967295", "4294967296", "-1", "a/b", "d1\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if store.ValidDeviceName(name) == nil && (path.Join("/srv/node", name) != "/srv/node/"+name || len(name) > 255) {
			t.Fatalf("%q leads to %s", name, path.Join("/srv/node", name))
		}
		n, err := store.ParsePartition(name)
		if err == nil && strconv.FormatUint(uint64(n), 10) != name {
			t.Fatalf("%q is partition %d", name, n)
		}
	})
}

// FuzzReserve shows that a reserve is never negative, and no percentage above all.
func FuzzReserve(f *testing.F) {
	for _, text := range []string{"1%", "10000000", " 0.5 %", "nan%", "inf%", "-1", "1e3", "101%", "%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := store.ParseReserve(text)
		if err == nil && !(r.Bytes >= 0 && r.Percent >= 0 && r.Percent <= 100 && (r.Bytes == 0 || r.Percent == 0)) {
			t.Fatalf("%q is %+v", text, r)
		}
	})
}
