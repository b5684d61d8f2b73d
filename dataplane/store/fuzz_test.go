package store_test

import (
	"path"
	"regexp"
	"strconv"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
)

var canonical = regexp.MustCompile(`^(0|[1-9][0-9]{0,9})$`)

// isPartition is the slow and simple reader: of two numbers the longer one is
// greater, and of two as long the one that sorts later.
func isPartition(name string) bool {
	const most = "4294967295"
	return canonical.MatchString(name) && (len(name) < len(most) || name <= most)
}

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
		if (err == nil) != isPartition(name) {
			t.Fatalf("%q: %v", name, err)
		}
		if err == nil && strconv.FormatUint(uint64(n), 10) != name {
			t.Fatalf("%q is partition %d", name, n)
		}
	})
}
