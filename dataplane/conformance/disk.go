package conformance

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// disk is a device, written and read with the words of package hashes alone.
type disk struct {
	devices, device string
	policy          hashes.Policy
	partition       uint32
}

func (d *disk) root() string { return filepath.Join(d.devices, d.device) }

func (d *disk) dir(h proto.Hash) string {
	return filepath.Join(d.root(), d.policy.DataDir(), strconv.FormatUint(uint64(d.partition), 10), h.Suffix().String(), h.String())
}

// metadata is what is stored with a fact's file, name and all.
func (f *Fact) metadata(w *world) (hashes.Metadata, error) {
	var md hashes.Metadata
	if f.Kind != HasFile {
		ts, err := w.timestamp(f.Time)
		if err != nil {
			return nil, err
		}
		md.Set("name", w.name(f.Name))
		md.Set("X-Timestamp", ts.Internal())
	}
	if f.Kind == IsData {
		md.Set("Content-Type", "application/octet-stream")
		md.Set("Content-Length", strconv.Itoa(len(f.Body)))
		md.Set("ETag", etagOf(f.Body))
	}
	for _, field := range f.Fields {
		value, err := w.expand(field.Value)
		if err != nil {
			return nil, err
		}
		md.Set(field.Key, value)
	}
	return md, nil
}

func etagOf(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// fileName is the name of a fact's file.
func (f *Fact) fileName(w *world, md hashes.Metadata) (string, error) {
	if f.Kind == HasFile {
		return w.expand(f.Files[0])
	}
	ts, err := w.timestamp(f.Time)
	if err != nil {
		return "", err
	}
	switch f.Kind {
	case IsData:
		return string(hashes.AppendDataName(nil, ts)), nil
	case IsTombstone:
		return string(hashes.AppendTombstoneName(nil, ts)), nil
	}
	var ctype *proto.Timestamp
	if text, ok := md.Get("Content-Type-Timestamp"); ok {
		at, err := proto.ParseTimestamp(text)
		if err != nil {
			return "", err
		}
		ctype = &at
	}
	return string(hashes.AppendMetaName(nil, ts, ctype)), nil
}

// make brings a fact about.
func (d *disk) make(w *world, f *Fact) error {
	dir := d.dir(w.hash(f.Name))
	switch f.Kind {
	case IsNothing:
		return os.RemoveAll(dir)
	case IsDamaged:
		return damage(dir, f.How)
	case IsQuarantined, HasFiles:
		return errors.New("this can only be asked for")
	}
	md, err := f.metadata(w)
	if err != nil {
		return err
	}
	name, err := f.fileName(w, md)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, name), f.Body, md)
}

const (
	metadataXattr = "user.swift.metadata"
	checksumXattr = "user.swift.metadata_checksum"

	// xattrPiece is Swift's own: diskfile.py, write_metadata.
	xattrPiece = 65536
)

// writeFile writes a file as Swift's diskfile leaves it.
func writeFile(path, body string, md hashes.Metadata) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		return err
	}
	if md == nil {
		return nil
	}
	pickle := hashes.AppendMetadata(nil, md)
	for i, rest := 0, pickle; len(rest) > 0; i++ {
		piece := rest[:min(len(rest), xattrPiece)]
		rest = rest[len(piece):]
		if err := unix.Setxattr(path, pieceName(i), piece, 0); err != nil {
			return fmt.Errorf("setxattr %s: %w", path, err)
		}
	}
	return os.NewSyscallError("setxattr", unix.Setxattr(path, checksumXattr, []byte(hashes.Checksum(pickle)), 0))
}

func pieceName(i int) string {
	if i == 0 {
		return metadataXattr
	}
	return metadataXattr + strconv.Itoa(i)
}

// damage spoils the newest file of a hash directory.
func damage(dir, how string) error {
	names, err := namesIn(dir)
	if err != nil || len(names) == 0 {
		return fmt.Errorf("nothing to damage in %s: %w", dir, err)
	}
	path := filepath.Join(dir, names[len(names)-1])
	switch how {
	case "checksum":
		return os.NewSyscallError("setxattr", unix.Setxattr(path, checksumXattr, []byte(strings.Repeat("0", 32)), 0))
	case "pickle":
		pickle := []byte("\x80\x02}X\xff\x00\x00\x00cut off") // a text said to have 255 bytes
		err = errors.Join(unix.Setxattr(path, metadataXattr, pickle, 0), unix.Setxattr(path, checksumXattr, []byte(hashes.Checksum(pickle)), 0))
		return os.NewSyscallError("setxattr", err)
	case "no-metadata":
		return errors.Join(unix.Removexattr(path, metadataXattr), unix.Removexattr(path, checksumXattr))
	case "not-a-directory":
		return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o644))
	}
	body, err := os.ReadFile(path)
	if err != nil || len(body) == 0 {
		return fmt.Errorf("no body to damage in %s: %w", path, err)
	}
	if how == "short" {
		return os.Truncate(path, int64(len(body)-1))
	}
	body[0] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // the inode keeps its xattrs
	if err != nil {
		return err
	}
	_, err = f.Write(body[:1])
	return errors.Join(err, f.Close())
}

// sortedHeaders are stored fields in the order that Swift's sender gives them.
func sortedHeaders(md hashes.Metadata) []proto.Header {
	headers := make([]proto.Header, len(md))
	for i, f := range md {
		headers[i] = proto.Header{Name: f.Key, Value: f.Value}
	}
	slices.SortFunc(headers, func(a, b proto.Header) int { return strings.Compare(a.Name, b.Name) })
	return headers
}
