package conformance

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// namesIn lists a directory, ascending; one that is not there is empty.
func namesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	slices.Sort(names)
	return names, err
}

// compare holds a fact against the disk, both in words.
func (d *disk) compare(w *world, f *Fact) (want, got string, err error) {
	hash := w.hash(f.Name)
	names, err := namesIn(d.dir(hash))
	if err != nil {
		return "", "", err
	}
	switch f.Kind {
	case HasFiles:
		for i, name := range names {
			names[i] = w.plain(name)
		}
		expected := slices.Sorted(slices.Values(f.Files))
		return "files " + strings.Join(expected, " "), "files " + strings.Join(names, " "), nil
	case IsQuarantined:
		matching, err := filepath.Glob(filepath.Join(d.root(), "quarantined", d.policy.DataDir(), hash.String()+"*"))
		got = "not quarantined"
		if len(matching) > 0 {
			got = "quarantined"
		}
		return "quarantined", got, err
	case IsNothing:
		if c := hashes.Choose(names, d.policy); !c.Exists() {
			return "nothing", "nothing", nil
		}
		return "nothing", "files " + strings.Join(names, " "), nil
	}
	return d.compareFile(w, f, d.dir(hash), names)
}

// compareFile holds the file that a fact is about, and all that is in it, against
// the one that counts.
func (d *disk) compareFile(w *world, f *Fact, dir string, names []string) (want, got string, err error) {
	md, err := f.metadata(w)
	if err != nil {
		return "", "", err
	}
	wantName, err := f.fileName(w, md)
	if err != nil {
		return "", "", err
	}
	choice := hashes.Choose(names, d.policy)
	there := map[FactKind]*hashes.File{IsData: choice.Data, IsMeta: choice.Meta, IsTombstone: choice.Tombstone}[f.Kind]
	if f.Kind == HasFile && slices.Contains(names, wantName) {
		there = &hashes.File{Name: wantName}
	}
	if there == nil {
		return wantName, "no such file among " + strings.Join(names, " "), nil
	}
	stored, err := readMetadata(filepath.Join(dir, there.Name))
	if err != nil {
		return "", "", err
	}
	body, err := os.ReadFile(filepath.Join(dir, there.Name))
	return describe(wantName, md, []byte(f.Body)), describe(there.Name, stored, body), err
}

// describe tells of a file in one line: fields sorted, and the body's digest.
func describe(name string, md hashes.Metadata, body []byte) string {
	fields := make([]string, len(md))
	for i, f := range md {
		fields[i] = fmt.Sprintf("%s=%q", printable(f.Key, len(f.Key)), f.Value)
	}
	slices.Sort(fields)
	return fmt.Sprintf("%s, %d bytes of MD5 %s, %s", name, len(body), etagOf(string(body)), strings.Join(fields, " "))
}

// readMetadata reads a file's metadata, however many xattrs it fills.
func readMetadata(path string) (hashes.Metadata, error) {
	var pickle []byte
	piece := make([]byte, xattrPiece)
	for i := 0; ; i++ {
		n, err := unix.Getxattr(path, pieceName(i), piece)
		if errors.Is(err, unix.ENODATA) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("getxattr %s: %w", path, err)
		}
		pickle = append(pickle, piece[:n]...)
	}
	return hashes.ParseMetadata(pickle)
}
