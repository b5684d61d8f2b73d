package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// A symlink planted anywhere between a device and an object leads nowhere: every
// operation on the way fails, or sees a name that is no hash directory, and what
// the link points to is neither read nor changed.
func TestSymlinksLeadNowhere(t *testing.T) {
	name := storetest.Hash("/a/c/o")
	suffix, hash := name.Suffix().String(), name.String()
	for _, test := range []struct{ what, link string }{
		{"objects", "objects"},
		{"a partition", "objects/0"},
		{"a suffix", "objects/0/" + suffix},
		{"a hash directory", "objects/0/" + suffix + "/" + hash},
		{"a partition's lock", "objects/0/.lock"},
		{"the list of changes", "objects/0/hashes.invalid"},
		{"quarantine", "quarantined"},
		{"a policy's quarantine", "quarantined/objects"},
	} {
		t.Run(test.what, func(t *testing.T) {
			p := newPartition(t)
			device := filepath.Dir(filepath.Dir(p.Path()))
			outside := plantOutside(t, p, test.link)
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(device, test.link)), 0o755))
			must(t, os.Symlink(outside, filepath.Join(device, test.link)))
			if strings.HasPrefix(test.link, "quarantined") {
				must(t, os.MkdirAll(filepath.Join(p.Path(), suffix), 0o755))
				must(t, os.WriteFile(filepath.Join(p.Path(), suffix, "strange"), nil, 0o644))
			}
			before := tree(t, filepath.Dir(outside))

			tryEverything(t, p)
			if diff := cmp.Diff(before, tree(t, filepath.Dir(outside))); diff != "" {
				t.Errorf("outside of the device (-before +after):\n%s", diff)
			}
		})
	}
}

// plantOutside makes what a link in the place of link would lead to: for a
// directory one with a sound object where the device would have it.
func plantOutside(t *testing.T, p *store.Partition, link string) string {
	t.Helper()
	other := newPartition(t)
	must(t, storetest.Put(other, "/a/c/o", storetest.Time(1), []byte("body of somebody else")))
	_, err := other.Digests(context.Background(), nil, true)
	must(t, err)
	device := filepath.Dir(filepath.Dir(other.Path()))
	must(t, os.MkdirAll(filepath.Join(device, "quarantined/objects"), 0o755))
	return filepath.Join(device, link)
}

// tryEverything does what sessions, digests and audits do.
func tryEverything(t *testing.T, p *store.Partition) {
	h := storetest.Hash("/a/c/o")
	if o, err := p.Held(h); err == nil && o != nil {
		t.Errorf("an object is held that is not on the device")
		o.Close()
	}
	log := func(what string, err error) {
		if err != nil {
			t.Logf("%s: %v", what, err)
		}
	}
	log("put", storetest.Put(p, "/a/c/o", storetest.Time(2), []byte("ours")))
	log("post", storetest.Post(p, "/a/c/o", storetest.Time(3)))
	log("delete", storetest.Delete(p, "/a/c/o", storetest.Time(4)))
	lock, err := p.LockReplication(context.Background(), 0)
	log("lock", err)
	lock.Release()
	suffixes, err := p.Suffixes()
	log("suffixes", err)
	_, err = p.Digests(context.Background(), suffixes, true)
	log("digests", err)
}

// tree lists all that lies below a directory, with sizes, times of change and
// where links lead.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		if !d.IsDir() {
			found[path] = d.Type().String() + " " + fmt.Sprint(st.Size, st.Ino, st.Nlink, st.Mtim)
			return nil
		}
		found[path] = "directory"
		return nil
	})
	must(t, err)
	return found
}

// BenchmarkOpen is what keeping below the device costs: an open of an object's
// file, and a mkdir of a directory that is there, by a path of four parts.
func BenchmarkOpen(b *testing.B) {
	p := newPartition(b)
	must(b, storetest.Put(p, "/a/c/o", storetest.Time(1), nil))
	h := storetest.Hash("/a/c/o")
	for b.Loop() {
		o, err := p.Open(h)
		must(b, err)
		o.Close()
	}
}

func BenchmarkPut(b *testing.B) {
	p := newPartition(b)
	for i := 0; b.Loop(); i++ {
		must(b, storetest.Put(p, "/a/c/o", storetest.Time(float64(i)), nil))
	}
}
