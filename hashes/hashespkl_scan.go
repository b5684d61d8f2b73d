package hashes

import (
	"encoding/binary"
	"math"

	"github.com/ringsync/ringsync/proto"
)

// scanDigests is the short way of ParseHashesPkl and ParseReplicateAnswer, for the
// one form that nearly every such pickle has: a flat dict of text and None, written
// by Python 3 or by this package. A pass that finds nothing to do reads three of them
// for each partition and does little else. False: the pickle is not wrong, but the
// long way must judge it. The digests are parts of one string.
func scanDigests(pickle []byte) (h PartitionHashes, ok bool) {
	if len(pickle) > defaultPickleBytes {
		return h, false
	}
	h = PartitionHashes{Valid: true, Updated: neverUpdated, Digests: make(map[proto.Suffix]string, min(len(pickle)/leastDigest, mostSuffixes))}
	s := scanner{text: string(pickle), ok: true}
	s.expect("\x80\x02}")
	s.put()
	suffixes := 0
	for s.at(opMark) { // CPython writes a thousand at a time
		s.pos++
		for s.ok && !s.at(opSetItems) {
			suffixes += s.digest(&h)
		}
		s.expect("u")
	}
	if s.at(opBinUnicode) { // a single one has no mark
		suffixes += s.digest(&h)
		s.expect("s")
	}
	s.expect(".")
	return h, s.ok && s.pos == len(s.text) && len(h.Digests) == suffixes
}

const (
	leastDigest  = 50      // bytes that a suffix and its digest take
	mostSuffixes = 1 << 12 // that there are
)

// digest reads one item of the dict, and tells how many suffixes that is.
func (s *scanner) digest(h *PartitionHashes) int {
	key := s.unicode()
	s.put()
	switch suffix, err := proto.ParseSuffix(key); {
	case err == nil:
		h.Digests[suffix] = s.digestOrNone()
		return 1
	case key == keyValid && (s.at(opNewTrue) || s.at(opNewFalse)):
		h.Valid = s.at(opNewTrue)
		s.pos++
	case key == keyUpdated && s.at(opBinFloat) && len(s.text)-s.pos > 8:
		h.Updated = math.Float64frombits(binary.BigEndian.Uint64([]byte(s.text[s.pos+1 : s.pos+9])))
		s.pos += 9
	default:
		s.ok = false
	}
	return 0
}

func (s *scanner) digestOrNone() string {
	if s.at(opNone) {
		s.pos++
		return ""
	}
	digest := s.unicode()
	s.put()
	if _, err := proto.ParseHash(digest); err != nil {
		s.ok = false
	}
	return digest
}
