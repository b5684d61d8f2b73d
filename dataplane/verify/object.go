package verify

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/ringsync/ringsync/hashes"
)

// object is what one hash directory holds on one side.
type object struct {
	files   []string // that count, in ascending order
	md      map[string]hashes.Metadata
	name    string
	deleted bool
	bytes   int64

	unchecked int // 1: its body is marked so
}

func (o *object) String() string { return fmt.Sprintf("%q, %v", o.name, o.files) }

// read reads a hash directory; nil where nothing in it counts. What is wrong with
// it by itself is told at once.
func (c *comparison) read(device, place string) *object {
	dir := filepath.Join(device, c.cfg.Policy.DataDir(), place)
	names, err := namesIn(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.differ("%s: %v", dir, err)
		return nil
	}
	choice := hashes.Choose(names, c.cfg.Policy)
	for _, name := range choice.Unexpected {
		c.differ("%s/%s: a name that no Swift writes", dir, name)
	}
	o := &object{md: map[string]hashes.Metadata{}, deleted: choice.Tombstone != nil}
	for _, f := range []*hashes.File{choice.Data, choice.Meta, choice.CType, choice.Tombstone} {
		if f != nil && !slices.Contains(o.files, f.Name) {
			o.files = append(o.files, f.Name)
		}
	}
	if choice.Data == nil && choice.Tombstone == nil {
		return nil
	}
	slices.Sort(o.files)
	for _, name := range o.files {
		c.readFile(o, filepath.Join(dir, name), filepath.Base(place))
	}
	if choice.Data != nil {
		c.readBody(o, filepath.Join(dir, choice.Data.Name), o.md[choice.Data.Name])
	}
	return o
}

func namesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (c *comparison) readFile(o *object, path, hash string) {
	md, err := readMetadata(path)
	if err != nil {
		c.differ("%s: %v", path, err)
		return
	}
	o.md[filepath.Base(path)] = md
	o.name, _ = md.Get("name")
	if got := c.cfg.Cluster.Secret.Hash(o.name).String(); got != hash {
		c.differ("%s: its name %.128q hashes to %s", path, o.name, got)
	}
}

// readMetadata reads the pickle from its xattrs, however many, and checks it.
func readMetadata(path string) (hashes.Metadata, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := readStored(f)
	if err != nil {
		return nil, err
	}
	return s.parse()
}

// readBody holds a body against what its metadata says of it.
func (c *comparison) readBody(o *object, path string, md hashes.Metadata) {
	f, err := openRegular(path)
	if err != nil {
		c.differ("%v", err)
		return
	}
	defer f.Close()
	if unchecked, err := isUnchecked(f); err != nil {
		c.differ("%s: %v", path, err)
	} else if unchecked {
		o.unchecked = 1
	}
	digest := md5.New()
	if o.bytes, err = io.Copy(digest, f); err != nil {
		c.differ("%v", err)
	}
	length, _ := md.Get("Content-Length")
	if strconv.FormatInt(o.bytes, 10) != length {
		c.differ("%s: %d bytes, and its metadata says %.32q", path, o.bytes, length)
	}
	etag, _ := md.Get("ETag")
	if got := hex.EncodeToString(digest.Sum(nil)); got != etag {
		c.differ("%s: the body's MD5 is %s, its ETag %.64q", path, got, etag)
	}
}

// differences between two objects of one hash.
func (o *object) differences(other *object) (list []string) {
	if !slices.Equal(o.files, other.files) {
		return []string{fmt.Sprintf("%q has files %v, and %v", o.name, o.files, other.files)}
	}
	for _, name := range o.files {
		if !o.md[name].Equal(other.md[name]) {
			list = append(list, fmt.Sprintf("%q: metadata of %s: %.512q, and %.512q", o.name, name, o.md[name], other.md[name]))
		}
	}
	return list
}
