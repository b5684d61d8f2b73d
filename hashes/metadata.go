package hashes

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// Field is a header that is stored with an object. Both strings are the bytes
// as they go over the wire.
type Field struct {
	Key, Value string
}

// Metadata is the headers of a .data, .meta or .ts file in stored order, with
// distinct keys. Keys are matched by their exact spelling, as Swift's are.
type Metadata []Field

// nameKey holds an object's own name, "/a/c/o". It is stored as it is, while
// every other string goes through a WSGI string first.
const nameKey = "name"

// Get returns the value of a key.
func (m Metadata) Get(key string) (string, bool) {
	if i := m.find(key); i >= 0 {
		return m[i].Value, true
	}

	return "", false
}

// Set replaces the value of a key where it stands, or adds it at the end.
func (m *Metadata) Set(key, value string) {
	if i := m.find(key); i >= 0 {
		(*m)[i].Value = value
		return
	}

	*m = append(*m, Field{key, value})
}

// Del removes a key if it is there.
func (m *Metadata) Del(key string) {
	if i := m.find(key); i >= 0 {
		*m = slices.Delete(*m, i, i+1)
	}
}

// Equal reports whether both hold the same fields, in whatever order.
func (m Metadata) Equal(other Metadata) bool {
	if len(m) != len(other) {
		return false
	}
	for _, f := range m {
		if value, ok := other.Get(f.Key); !ok || value != f.Value {
			return false
		}
	}

	return true
}

func (m Metadata) find(key string) int {
	for i := range m {
		if m[i].Key == key {
			return i
		}
	}

	return -1
}

// pythonThreeMark within the first pythonThreeHead bytes of a pickle says that
// Python 3 wrote it: only there are byte strings a call. Source: diskfile.py,
// read_metadata.
const (
	pythonThreeMark = "_codecs\nencode"
	pythonThreeHead = 32
)

func writtenByPython3(pickle []byte) bool {
	head := pickle[:min(len(pickle), pythonThreeHead)]

	return bytes.Contains(head, []byte(pythonThreeMark))
}

// AppendMetadata appends the value of the xattr user.swift.metadata, cut into
// as many attributes as the file system needs: the very pickle that Swift on
// Python 3 writes for the same headers in the same order.
//
// A byte of a key or value is there as a code point, stored in UTF-8, and the
// pickle again holds each stored byte as a code point in UTF-8; so é, on the
// wire c3 a9, is stored as c3 83 c2 a9 and takes eight bytes in the pickle. The
// value of "name" is stored as it is. Source: diskfile.py, write_metadata.
func AppendMetadata(dst []byte, m Metadata) []byte {
	p := pickler{dst: slices.Grow(dst, pickledSize(m))}
	p.begin(len(m))
	for i, f := range m {
		p.bytes(f.Key, 2)
		if f.Key == nameKey {
			p.bytes(f.Value, 1)
		} else {
			p.bytes(f.Value, 2)
		}
		p.wrote(i+1, len(m))
	}

	return p.end()
}

// pickledSize estimates the pickle of m: 18 bytes around each of two strings
// in a field, 40 for the frame and what is written once.
func pickledSize(m Metadata) int {
	size := 40
	for _, f := range m {
		size += 36 + len(f.Key) + len(f.Value)
	}

	return size
}

// Checksum returns the value of the xattr user.swift.metadata_checksum for a
// pickle: its MD5 in hex. Source: diskfile.py, write_metadata.
func Checksum(pickle []byte) string {
	sum := md5.Sum(pickle)

	return hex.EncodeToString(sum[:])
}

// ParseMetadata reads the joined xattrs of an object's file, written by Python
// 3 or 2 or by [AppendMetadata]. Integers come back in decimal. The fields
// share memory with one copy of the pickle.
//
// What Python 3 stored for a header, and is not the UTF-8 of code points up to
// 0xff, never was a WSGI string; it is taken as it is, as everything is that
// Python 2 stored. Errors are [*PickleError]. Source: diskfile.py,
// read_metadata and _decode_metadata.
func ParseMetadata(pickle []byte) (Metadata, error) {
	if m, ok := scanMetadata(pickle); ok {
		return m, nil
	}

	v, err := Unpickle(pickle, Limits{})
	if err != nil {
		return nil, err
	}

	d, ok := v.(*Dict)
	if !ok {
		return nil, &PickleError{Reason: fmt.Sprintf("metadata of type %T", v)}
	}

	return metadataOf(d, writtenByPython3(pickle))
}

// metadataOf converts what a pickle holds to wire bytes.
func metadataOf(d *Dict, python3 bool) (Metadata, error) {
	m := make(Metadata, 0, len(d.Items))
	seen := make(map[string]bool, len(d.Items))

	for _, item := range d.Items {
		key, ok := storedText(item.Key)
		if !ok {
			return nil, &PickleError{Reason: fmt.Sprintf("metadata key of type %T", item.Key)}
		}
		value, ok := storedText(item.Value)
		if !ok {
			return nil, &PickleError{Reason: fmt.Sprintf("metadata %.64q of type %T", key, item.Value)}
		}
		if python3 {
			key, value = wireBytes(key), wireValue(key, value)
		}

		// A byte string and a text can be one key twice; the later holds, as
		// when Python's decoding joins them.
		if seen[key] {
			m.Set(key, value)
			continue
		}
		seen[key] = true
		m = append(m, Field{key, value})
	}

	return m, nil
}

// storedText returns the bytes of a stored string, or an integer in decimal:
// a fragment index may be one.
func storedText(v Value) (string, bool) {
	switch v := v.(type) {
	case Bytes:
		return string(v), true
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	default:
		return "", false
	}
}

// wireValue returns the wire bytes of a stored value.
func wireValue(key, stored string) string {
	if key == nameKey {
		return stored
	}

	return wireBytes(stored)
}

// wireBytes undoes the UTF-8 of a WSGI string.
func wireBytes(stored string) string {
	if wire, ok := decodeLatin1(stored); ok {
		return wire
	}

	return stored
}
