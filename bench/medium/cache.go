package medium

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Cache is what memory holds of the disks when a run begins.
type Cache string

// The states of the cache.
const (
	Warm Cache = "warm" // the sender's disk has been read
	Cold Cache = "cold" // nothing
)

// ParseCache reads "warm" or "cold".
func ParseCache(name string) (Cache, error) {
	if c := Cache(name); c == Warm || c == Cold {
		return c, nil
	}
	return "", fmt.Errorf("cache %.20q is neither warm nor cold", name)
}

// How a cache was made cold.
const (
	Dropped   = "drop_caches"   // the whole machine's: data, directories and inodes
	Forgotten = "fadvise: data" // the data of the sender's files only
)

// Cool empties the cache, of all where root allows, else of the files below dir,
// and tells which.
func (v *Volume) Cool(dir string) (how string, err error) {
	if err := v.Sync(); err != nil {
		return "", err
	}
	err = os.WriteFile(dropCaches, []byte("3\n"), 0)
	if err == nil {
		return Dropped, nil
	}
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) {
		return "", err
	}
	return Forgotten, each(dir, forget)
}

// Heat reads everything below dir once.
func Heat(dir string) error {
	return each(dir, func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(io.Discard, f)
		return err
	})
}

// each calls f with every file below dir.
func each(dir string, f func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return f(path)
	})
}
