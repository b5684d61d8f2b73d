package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// newPartition is partition 0 of a fresh d1, at a time when the tests' timestamps
// are young.
func newPartition(tb testing.TB, edit ...func(*store.Config)) *store.Partition {
	tb.Helper()
	return storetest.Partition(tb, storetest.New(tb, append([]func(*store.Config){keepTombstones}, edit...)...))
}

// watched lets a witness stand at the seam.
func watched(w store.Witness) func(*store.Config) {
	return func(c *store.Config) { c.Witness = w }
}

// noticed collects notices.
func noticed(notices *[]string) func(*store.Config) {
	return func(c *store.Config) { c.Notice = func(n store.Notice) { *notices = append(*notices, n.Text) } }
}

func hashDir(p *store.Partition, name string) string {
	h := storetest.Hash(name)
	return filepath.Join(p.Path(), h.Suffix().String(), h.String())
}

// metadata of a file that is what it says.
func metadata(name string, ts proto.Timestamp, fields ...hashes.Field) hashes.Metadata {
	return append(hashes.Metadata{{Key: "name", Value: name}, {Key: "X-Timestamp", Value: ts.Internal()}}, fields...)
}

// dataMetadata is that of a .data with a body.
func dataMetadata(name string, ts proto.Timestamp, body string, fields ...hashes.Field) hashes.Metadata {
	md := metadata(name, ts, hashes.Field{Key: "Content-Length", Value: strconv.Itoa(len(body))},
		hashes.Field{Key: "ETag", Value: hashes.Checksum([]byte(body))}, hashes.Field{Key: "Content-Type", Value: "text/plain"})
	for _, f := range fields {
		md.Set(f.Key, f.Value)
	}
	return md
}

// plant writes a file into name's hash directory as any other daemon might have
// done, and returns its path.
func plant(tb testing.TB, p *store.Partition, name, file, body string, md hashes.Metadata) string {
	tb.Helper()
	pickle := hashes.AppendMetadata(nil, md)
	path := plantBare(tb, p, name, file, body)
	setxattr(tb, path, "user.swift.metadata", string(pickle))
	setxattr(tb, path, "user.swift.metadata_checksum", hashes.Checksum(pickle))
	return path
}

// plantBare writes a file without metadata.
func plantBare(tb testing.TB, p *store.Partition, name, file, body string) string {
	tb.Helper()
	path := filepath.Join(hashDir(p, name), file)
	must(tb, os.MkdirAll(filepath.Dir(path), 0o755))
	must(tb, os.WriteFile(path, []byte(body), 0o644))
	return path
}

func setxattr(tb testing.TB, path, attr, value string) {
	tb.Helper()
	must(tb, unix.Setxattr(path, attr, []byte(value), 0))
}

// ls lists a directory in order; one that is not there is empty.
func ls(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// invalid lists the suffixes in hashes.invalid.
func invalid(tb testing.TB, p *store.Partition) []proto.Suffix {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(p.Path(), "hashes.invalid"))
	if err != nil && !os.IsNotExist(err) {
		tb.Fatal(err)
	}
	return hashes.ParseInvalid(text)
}
