package proto

import (
	"encoding/binary"
	"encoding/hex"
)

// Hash names an object's directory: the MD5 of the cluster's prefix, the
// object's full name and the cluster's suffix. Its text is 32 lower-case hex
// digits. Source: swift/common/utils, hash_path.
type Hash [16]byte

// ParseHash reads exactly 32 lower-case hex digits. Swift would take anything
// and join it into a path; we never do.
func ParseHash[T ~string | ~[]byte](s T) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) {
		return Hash{}, syntaxError("hash", "32 lower-case hex digits", s)
	}
	all := byte(0)
	for i := range h {
		high, low := unhexLower(s[2*i]), unhexLower(s[2*i+1])
		all |= high | low
		h[i] = high<<4 | low
	}
	if all == notHex {
		return Hash{}, syntaxError("hash", "32 lower-case hex digits", s)
	}
	return h, nil
}

// AppendTo appends the 32 digits to dst.
func (h Hash) AppendTo(dst []byte) []byte { return hex.AppendEncode(dst, h[:]) }

// String returns the 32 digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Suffix returns the hash's last three digits.
func (h Hash) Suffix() Suffix {
	return Suffix(binary.BigEndian.Uint16(h[len(h)-2:])) & maxSuffix
}

// Partition returns the partition that the hash falls into, in a ring of
// 2^partPower partitions; partPower is 0 to 32. Source: swift/common/ring,
// Ring.get_part.
func (h Hash) Partition(partPower int) uint32 {
	return binary.BigEndian.Uint32(h[:]) >> (32 - partPower)
}

// Suffix is the name of the directory between a partition and its hashes: the
// last three hex digits of each hash in it.
type Suffix uint16

const maxSuffix Suffix = 0xfff

// ParseSuffix reads exactly three lower-case hex digits.
func ParseSuffix[T ~string | ~[]byte](s T) (Suffix, error) {
	if len(s) != 3 || !isLowerHex(s) {
		return 0, syntaxError("suffix", "3 lower-case hex digits", s)
	}
	return Suffix(unhex(s[0]))<<8 | Suffix(unhex(s[1]))<<4 | Suffix(unhex(s[2])), nil
}

// AppendTo appends the three digits to dst.
func (s Suffix) AppendTo(dst []byte) []byte {
	return append(dst, lowerHex[s>>8&0xf], lowerHex[s>>4&0xf], lowerHex[s&0xf])
}

// String returns the three digits.
func (s Suffix) String() string { return string(s.AppendTo(nil)) }

func isLowerHex[T ~string | ~[]byte](s T) bool {
	all := byte(0)
	for i := range len(s) {
		all |= unhexLower(s[i])
	}
	return all != notHex
}
