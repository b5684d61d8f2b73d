package hashes

import (
	"encoding/binary"
	"math"

	"github.com/ringsync/ringsync/proto"
)

// scanDigests is the short way of ParseHashesPkl and ParseReplicateAnswer, for the
// one form that nearly every such pickle has: a flat dict of text and None, written
// by Python 3 or by this package. False: the pickle is not wrong, but the long way
// must judge it.
func scanDigests(pickle []byte) (h PartitionHashes, ok bool) {
	if len(pickle) > defaultPickleBytes {
		return h, false
	}
	h = PartitionHashes{Valid: true, Updated: neverUpdated, Digests: make(Digests, 0, min(len(pickle)/leastDigest, mostSuffixes))}
	s := scanner[[]byte]{text: pickle, ok: true}
	s.expect("\x80\x02}")
	s.put()
	for s.at(opMark) { // CPython writes a thousand at a time
		s.pos++
		for s.ok && !s.at(opSetItems) {
			s.digest(&h)
		}
		s.expect("u")
	}
	if s.at(opBinUnicode) { // a single one has no mark
		s.digest(&h)
		s.expect("s")
	}
	s.expect(".")
	return h, s.ok && s.pos == len(s.text) && h.Digests.arrange()
}

const (
	leastDigest  = 46      // bytes that a suffix and its digest take
	mostSuffixes = 1 << 12 // that there are
)

// digest reads one item of the dict.
func (s *scanner[T]) digest(h *PartitionHashes) {
	key := s.unicode()
	s.put()
	switch suffix, err := proto.ParseSuffix(key); {
	case err == nil:
		h.Digests = append(h.Digests, s.digestOrNone(suffix))
	case string(key) == keyValid && (s.at(opNewTrue) || s.at(opNewFalse)):
		h.Valid = s.at(opNewTrue)
		s.pos++
	case string(key) == keyUpdated && s.at(opBinFloat) && len(s.text)-s.pos > 8:
		h.Updated = math.Float64frombits(binary.BigEndian.Uint64([]byte(s.text[s.pos+1 : s.pos+9])))
		s.pos += 9
	default:
		s.ok = false
	}
}

func (s *scanner[T]) digestOrNone(suffix proto.Suffix) Digest {
	if s.at(opNone) {
		s.pos++
		return Digest{Suffix: suffix}
	}
	sum, err := proto.ParseHash(s.unicode())
	s.put()
	s.ok = s.ok && err == nil
	return Digest{Suffix: suffix, Known: true, Sum: sum}
}
