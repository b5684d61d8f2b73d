package dataplane

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
)

// FuzzSplit shows that a path which is accepted is made of what it was taken apart
// into, and that none of it leads out of the devices directory.
func FuzzSplit(f *testing.F) {
	for _, path := range []string{"/d1/0", "/d1/0/", "/d1/4294967295/abc-def", "/../0", "//0", "/d1/00", "/d1/-1", "d1/0", "/d1", "/d1/0//x"} {
		f.Add(path, true)
		f.Add(path, false)
	}
	f.Fuzz(func(t *testing.T, path string, withRest bool) {
		var got target
		if refused := got.split(path, withRest); refused != nil {
			if refused.status != 400 || refused.text == "" {
				t.Errorf("%q: %+v", path, refused)
			}
			return
		}
		whole := fmt.Sprintf("/%s/%d", got.device, got.partition)
		if path != whole && path != whole+"/"+got.rest || got.rest != "" && !withRest {
			t.Errorf("%q became %+v", path, got)
		}
		if got.device == "." || got.device == ".." || got.device == "" || strings.Contains(got.device, "/") {
			t.Errorf("%q leads to device %q", path, got.device)
		}
		if _, err := store.ParsePartition(fmt.Sprint(got.partition)); err != nil {
			t.Error(err)
		}
	})
}
