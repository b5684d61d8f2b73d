package verify

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

func (f *InspectedFile) problem(format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf(format, args...))
}

// readFile reads what a file's name, inode and metadata say, and holds them
// against each other.
func (in *inspector) readFile(f *InspectedFile, path string) {
	st, err := os.Lstat(path)
	if err != nil {
		f.problem("%v", without(err))
		return
	}
	f.Bytes, f.Mode, f.Modified = st.Size(), st.Mode().String(), st.ModTime().UTC()
	parsed, ok := hashes.ParseFile(f.Name, in.policy)
	if !ok || parsed.Ext == hashes.Other || parsed.Ext == hashes.Durable {
		return // without metadata of Swift's
	}
	f.takeName(parsed)
	open, err := openRegular(path)
	if err != nil {
		f.problem("%v", without(err))
		return
	}
	defer open.Close()
	md, err := f.readMetadata(open)
	if err != nil {
		f.problem("%v", err)
		return
	}
	in.checkMetadata(f, parsed, md)
	if parsed.Ext == hashes.Data {
		sum, summed := in.readBeside(f, open, md)
		in.checkBody(f, open, md, sum, summed)
	}
}

// readBeside reads what ringsync keeps beside a body, which is nothing to Swift: so
// nothing in it makes an object unsound.
func (in *inspector) readBeside(f *InspectedFile, open *os.File, md hashes.Metadata) (sum uint64, summed bool) {
	var err error
	if f.Unchecked, err = isUnchecked(open); err != nil {
		f.problem("%s: %v", hashes.UncheckedXattr, err)
	}
	value, err := fileXattr(open, hashes.StoredSumXattr)
	if errors.Is(err, unix.ENODATA) {
		return 0, false
	}
	if err != nil {
		f.problem("%s: %v", hashes.StoredSumXattr, err)
		return 0, false
	}
	s, ok := hashes.ParseStoredSum(value)
	etag, _ := md.Get("ETag")
	if !ok || s.Length != f.Bytes || s.ETag != etag {
		in.remark("%s: the stored xxhash64 %.80q is of another body: it is passed over", plain(f.Name), value)
		return 0, false
	}
	f.StoredSum = fmt.Sprintf("%016x", s.Sum)
	return s.Sum, true
}

// isUnchecked tells whether a body was landed and held against nothing.
func isUnchecked(open *os.File) (bool, error) {
	_, err := fileXattr(open, hashes.UncheckedXattr)
	if errors.Is(err, unix.ENODATA) {
		return false, nil
	}
	return err == nil, err
}

// takeName tells what the file's name says.
func (f *InspectedFile) takeName(parsed hashes.File) {
	f.Time = timeOf(parsed.Time)
	if parsed.HasCType {
		f.CType = timeOf(parsed.CType)
	}
	if parsed.Frag >= 0 {
		f.Fragment, f.Durable = &parsed.Frag, parsed.FragDurable
	}
}

func (f *InspectedFile) readMetadata(open *os.File) (hashes.Metadata, error) {
	s, err := readStored(open)
	f.Xattrs, f.Pickle = s.pieces, len(s.pickle)
	if err != nil {
		f.Checksum = "not read"
		return nil, err
	}
	switch s.sum {
	case "":
		f.Checksum = "none"
	case hashes.Checksum(s.pickle):
		f.Checksum = "fits"
	default:
		f.Checksum = "does not fit"
	}
	md, err := s.parse()
	for _, field := range md {
		f.Metadata = append(f.Metadata, fieldOf(field.Key, field.Value))
	}
	return md, err
}

// checkMetadata holds the name against the directory and the times against the
// file's name.
func (in *inspector) checkMetadata(f *InspectedFile, parsed hashes.File, md hashes.Metadata) {
	name, ok := md.Get("name")
	switch {
	case !ok:
		f.problem("metadata without a name")
	case in.cfg.Cluster != nil:
		if got := in.cfg.Cluster.Secret.Hash(name); got != in.place.Hash {
			f.problem("its name %.512q hashes to %s: either it does not belong here, or the hash prefix and suffix are not this cluster's", name, got)
		}
	}
	if in.counts(f) {
		in.out.Name = name // all that count have the same one, or a problem
	}
	f.checkTime(md, "X-Timestamp", parsed.Time)
	if parsed.HasCType {
		f.checkTime(md, "Content-Type-Timestamp", parsed.CType)
	}
	in.checkExpiry(f, md)
}

func (f *InspectedFile) checkTime(md hashes.Metadata, key string, want proto.Timestamp) {
	text, ok := md.Get(key)
	if !ok {
		f.problem("metadata without %s", key)
		return
	}
	got, err := proto.ParseTimestamp(text)
	switch {
	case err != nil:
		f.problem("metadata: %s: %v", key, err)
	case key == "Content-Type-Timestamp" && got.Raw == want.Raw:
		// a file's name has no room for this one's offset
	case got != want:
		f.problem("metadata: %s is %s, and the file's name says %s", key, got, want)
	}
}

// checkExpiry reads X-Delete-At; that it has come is no fault of the object's.
func (in *inspector) checkExpiry(f *InspectedFile, md hashes.Metadata) {
	text, ok := md.Get("X-Delete-At")
	if !ok {
		return
	}
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f.problem("metadata: X-Delete-At %.64q is no number", text)
		return
	}
	if at <= in.cfg.Now.Unix() && f.Role == RoleCounts {
		in.remark("%s: expired at %s", plain(f.Name), timeOf(proto.Timestamp{Raw: min(max(at, 0), 9_999_999_999) * 100_000}).At)
	}
}

// checkBody holds the body's length against its metadata, and its digests too if
// that is asked for.
func (in *inspector) checkBody(f *InspectedFile, open *os.File, md hashes.Metadata, sum uint64, summed bool) {
	if f.Role == RoleCounts {
		in.body = f.Bytes
	}
	length, _ := md.Get("Content-Length")
	if n, err := strconv.ParseInt(length, 10, 64); err != nil {
		f.problem("metadata: Content-Length %.64q is no length", length)
	} else if n != f.Bytes {
		f.problem("%d bytes, and its metadata says %d", f.Bytes, n)
	}
	etag, _ := md.Get("ETag")
	if !in.cfg.MD5 || !in.counts(f) {
		return
	}
	digest, beside := md5.New(), xxhash.New()
	if _, err := io.Copy(io.MultiWriter(digest, beside), &until{in, open}); err != nil {
		f.problem("body: %v", without(err))
		return
	}
	f.MD5 = hex.EncodeToString(digest.Sum(nil))
	if f.MD5 != etag {
		f.problem("the body's MD5 is %s, its ETag %.64q", f.MD5, etag)
	} else if got := beside.Sum64(); summed && got != sum {
		in.remark("%s: the body's xxhash64 is %016x, and not the stored one", plain(f.Name), got)
	}
}

// until reads a body as long as somebody waits for it.
type until struct {
	in   *inspector
	body *os.File
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.in.ctx.Err(); err != nil {
		return 0, err
	}
	return u.body.Read(p)
}
