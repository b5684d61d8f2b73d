package hashes

import (
	"bytes"
	"strconv"

	"github.com/ringsync/ringsync/proto"
)

// UncheckedXattr marks a body that was landed and held against nothing: neither its
// ETag nor a stored xxhash64. Its value says nothing. Swift reads no such name, and a
// file that takes this one's place has none.
const UncheckedXattr = "user.ringsync.unchecked"

// StoredSumXattr is where a body's xxhash64 lies beside what Swift stores. Swift
// reads no such name.
const StoredSumXattr = "user.ringsync.xxh64"

// StoredSum is its value, for bodies whose MD5 was found to be the ETag while the
// xxhash64 was reckoned:
//
//	1 <xxhash64: 16 hex> <length: decimal> <ETag: 32 hex>
//
// The 1 is the form's version. Length and ETag say which body it is of: where they
// are not those of the metadata, the metadata is another's, and so the sum too.
type StoredSum struct {
	Sum    uint64
	Length int64
	ETag   string
}

const (
	storedSumVersion = "1"

	// StoredSumBytes is more than the longest value.
	StoredSumBytes = 80
)

// AppendStoredSum appends s, whose ETag is an MD5, to dst.
func AppendStoredSum(dst []byte, s StoredSum) []byte {
	dst = append(dst, storedSumVersion...)
	dst = proto.AppendHex64(append(dst, ' '), s.Sum)
	dst = strconv.AppendInt(append(dst, ' '), s.Length, 10)
	return append(append(dst, ' '), s.ETag...)
}

// ParseStoredSum reads a value; false for one of another form or version, which is
// as good as none.
func ParseStoredSum(value []byte) (s StoredSum, ok bool) {
	var words [4][]byte
	if len(value) > StoredSumBytes || bytes.Count(value, []byte{' '}) != len(words)-1 {
		return s, false
	}
	copy(words[:], bytes.Split(value, []byte{' '}))
	if string(words[0]) != storedSumVersion || !IsMD5(string(words[3])) {
		return s, false
	}
	if s.Sum, ok = proto.ParseHex64(words[1]); !ok {
		return s, false
	}
	length, err := strconv.ParseInt(string(words[2]), 10, 64)
	if err != nil || length < 0 || string(strconv.AppendInt(nil, length, 10)) != string(words[2]) {
		return StoredSum{}, false
	}
	s.Length, s.ETag = length, string(words[3])
	return s, true
}

// IsMD5 tells an ETag as Swift writes it: 32 lower-case hex digits.
func IsMD5(etag string) bool {
	_, err := proto.ParseHash(etag)
	return err == nil
}
