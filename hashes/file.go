package hashes

import (
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// Ext is the kind of a file in a hash directory, by its extension.
type Ext int

const (
	// Other is any extension Swift does not write. Such a file counts for
	// nothing, but goes when a newer one makes it obsolete.
	Other Ext = iota
	// Data is ".data": an object's body.
	Data
	// Meta is ".meta": what a POST replaced.
	Meta
	// Tombstone is ".ts": a deletion.
	Tombstone
	// Durable is ".durable": Swift below 2.11 marked erasure-coded objects so.
	Durable
)

// File is a name of a hash directory, taken apart.
type File struct {
	Name string
	Ext  Ext
	Time proto.Timestamp

	// CType is when the Content-Type that a Meta carries was set; only with
	// HasCType.
	CType    proto.Timestamp
	HasCType bool

	Frag        int  // fragment index of a Data of an erasure-coded policy, else -1
	FragDurable bool // its name says that the fragment is committed
}

// ParseFile takes a file name apart:
//
//	<timestamp>.data                replication
//	<timestamp>#<index>[#d].data    erasure coding
//	<timestamp>[±<hex delta>].meta  delta in 10 µs from the file's own time
//	<timestamp>.ts
//	<timestamp>.<anything else>
//
// It is as lenient as Swift: the timestamp is whatever [proto.ParseTimestamp]
// takes, short forms included. False means a name that Swift calls unexpected:
// ignored, and never removed. Source: diskfile.py, parse_on_disk_filename of
// both disk file managers.
func ParseFile(name string, p Policy) (File, bool) {
	stem, ext := splitExt(name)

	f := File{Name: name, Ext: extOf(ext), Frag: -1}

	switch {
	case f.Ext == Meta:
		return f, f.parseMetaStem(stem)
	case f.Ext == Data && p.Kind == ErasureCoding:
		return f, f.parseFragmentStem(stem, p.Fragments)
	default:
		return f, f.parseTime(stem)
	}
}

// parseTime sets Time from text.
func (f *File) parseTime(text string) bool {
	t, err := proto.ParseTimestamp(text)
	f.Time = t

	return err == nil
}

// parseMetaStem mirrors utils/timestamp.py, decode_timestamps with explicit:
// up to two deltas, each counted from the time before it. Swift writes one and
// has no use for the second here, but a name with a bad one is unexpected.
func (f *File) parseMetaStem(stem string) bool {
	head, deltas := cutDeltas(stem)
	if !f.parseTime(head) {
		return false
	}
	if deltas == "" {
		return true
	}

	first, second := cutDeltas(deltas[1:])
	ctype, ok := shift(f.Time, deltas[0], first)
	if !ok {
		return false
	}
	f.CType, f.HasCType = ctype, true

	if second != "" {
		third, _ := cutDeltas(second[1:])
		_, ok = shift(ctype, second[0], third)
	}

	return ok
}

// cutDeltas splits s before its first sign.
func cutDeltas(s string) (head, deltas string) {
	if i := strings.IndexAny(s, "+-"); i >= 0 {
		return s[:i], s[i:]
	}

	return s, ""
}

// shift adds a signed delta in hex to t. Without a difference the time is t
// itself, offset included; with one the offset is dropped.
func shift(t proto.Timestamp, sign byte, hex string) (proto.Timestamp, bool) {
	delta, ok := ParsePythonInt(hex, 16)
	if !ok {
		return proto.Timestamp{}, false
	}
	if delta == 0 {
		return t, true
	}
	if sign == '-' {
		delta = -delta
	}

	shifted, err := t.Plus(delta)

	return shifted, err == nil
}

// parseFragmentStem mirrors diskfile.py,
// ECDiskFileManager.parse_on_disk_filename: only a third part that is exactly
// "d" says durable, and what follows it is not looked at.
func (f *File) parseFragmentStem(stem string, fragments int) bool {
	head, rest, _ := strings.Cut(stem, "#")
	if !f.parseTime(head) {
		return false
	}

	index, rest, _ := strings.Cut(rest, "#")
	n, ok := ParsePythonInt(index, 10)
	if !ok || n < 0 || n >= int64(fragments) {
		return false
	}

	mark, _, _ := strings.Cut(rest, "#")
	f.Frag, f.FragDurable = int(n), mark == "d"

	return true
}

// AppendDataName appends the name of a replicated object's body.
func AppendDataName(dst []byte, t proto.Timestamp) []byte {
	return append(t.AppendInternal(dst), ".data"...)
}

// AppendTombstoneName appends the name of a deletion.
func AppendTombstoneName(dst []byte, t proto.Timestamp) []byte {
	return append(t.AppendInternal(dst), ".ts"...)
}

// AppendMetaName appends the name of a POST's file. ctype is when its
// Content-Type was set, nil when it carries none. The delta loses the offset
// of ctype, as it does in Swift. Source: diskfile.py, make_on_disk_filename;
// utils/timestamp.py, encode_timestamps.
func AppendMetaName(dst []byte, t proto.Timestamp, ctype *proto.Timestamp) []byte {
	// A zero time is false to Python, so Swift names the file without it.
	if ctype == nil || ctype.IsZero() {
		return append(t.AppendInternal(dst), ".meta"...)
	}

	delta := ctype.Raw - t.Raw
	dst = t.AppendShort(dst)
	if delta >= 0 {
		dst = append(dst, '+')
	}
	dst = strconv.AppendInt(dst, delta, 16)

	return append(dst, ".meta"...)
}

// extOf names an extension, dot included.
func extOf(ext string) Ext {
	switch ext {
	case ".data":
		return Data
	case ".meta":
		return Meta
	case ".ts":
		return Tombstone
	case ".durable":
		return Durable
	default:
		return Other
	}
}

// splitExt mirrors Python's os.path.splitext: cut before the last dot, but
// dots at the beginning start no extension.
func splitExt(name string) (stem, ext string) {
	dot := strings.LastIndexByte(name, '.')
	if strings.Trim(name[:max(dot, 0)], ".") == "" {
		return name, ""
	}

	return name[:dot], name[dot:]
}
