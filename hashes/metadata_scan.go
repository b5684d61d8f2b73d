package hashes

import "encoding/binary"

// scanFields is up to how many fields scanMetadata takes on, for it compares
// every new key with those before: the 90 of a user, by Swift's default limit,
// and those of Swift.
const scanFields = 128

// scanner reads the one form of pickle that nearly every object has: a flat
// dict of byte strings, written by Python 3 or by this package, numbered in
// order or not at all. It exists because one pickle is read for every object
// that a peer offers; it knows no error but "read it with Unpickle".
type scanner[T string | []byte] struct {
	text T // the pickle
	pos  int
	ok   bool

	memo           uint32 // numbers given so far
	encode, latin1 memoized
}

// scanMetadata is the short way of ParseMetadata. False: the pickle is not
// wrong, but the long way must judge it.
func scanMetadata(pickle []byte) (Metadata, bool) {
	if len(pickle) > defaultPickleBytes || !writtenByPython3(pickle) {
		return nil, false
	}

	s := scanner[string]{text: string(pickle), ok: true}
	s.expect("\x80\x02}")
	s.put()
	s.expect("(")

	// A field takes at least 2·12 bytes, and seldom less than 80.
	m := make(Metadata, 0, min(len(pickle)/80+1, scanFields))
	for s.ok && !s.at(opSetItems) {
		key := wireBytes(s.bytes())
		value := wireValue(key, s.bytes())
		if len(m) == scanFields || m.find(key) >= 0 {
			return nil, false
		}
		m = append(m, Field{key, value})
	}
	s.expect("u.")

	return m, s.ok
}

// bytes reads _codecs.encode(text, "latin1"), that is a stored byte string.
func (s *scanner[T]) bytes() string {
	s.once(&s.encode, "c_codecs\nencode\n")
	text := string(s.unicode())
	s.put()
	s.once(&s.latin1, "X\x06\x00\x00\x00latin1")
	s.expect("\x86")
	s.put()
	s.expect("R")
	s.put()

	stored, ok := decodeLatin1(text)
	s.ok = s.ok && ok

	return stored
}

// once reads an object in full or, if it was numbered before, its number.
func (s *scanner[T]) once(at *memoized, full string) {
	switch {
	case s.at(opBinGet):
		s.ok = s.ok && s.pos+1 < len(s.text) && *at != 0 && uint32(*at-1) == uint32(s.text[s.pos+1])
		s.pos += 2
	case s.at(opLongBinGet):
		s.ok = false
	default:
		s.expect(full)
		*at = s.put()
	}
}

func (s *scanner[T]) unicode() (text T) {
	s.expect("X")
	if !s.ok || len(s.text)-s.pos < 4 {
		s.ok = false
		return text
	}

	rest := s.text[s.pos+4:]
	n := binary.LittleEndian.Uint32([]byte(s.text[s.pos : s.pos+4]))
	if uint64(n) > uint64(len(rest)) {
		s.ok = false
		return text
	}
	s.pos += 4 + int(n)

	return rest[:n]
}

// put reads a number for the object before, if there is one. Out of order it
// could replace an earlier number.
func (s *scanner[T]) put() memoized {
	switch {
	case s.at(opBinPut):
		s.ok = s.ok && s.pos+1 < len(s.text) && s.memo < 256 && s.text[s.pos+1] == byte(s.memo)
		s.pos += 2
	case s.at(opLongBinPut):
		s.ok = s.ok && s.pos+4 < len(s.text) &&
			binary.LittleEndian.Uint32([]byte(s.text[s.pos+1:s.pos+5])) == s.memo
		s.pos += 5
	default:
		return 0
	}
	s.memo++

	return memoized(s.memo)
}

// at reports whether an opcode comes next.
func (s *scanner[T]) at(op byte) bool {
	return s.ok && s.pos < len(s.text) && s.text[s.pos] == op
}

func (s *scanner[T]) expect(literal string) {
	end := s.pos + len(literal)
	if !s.ok || end > len(s.text) || string(s.text[s.pos:end]) != literal {
		s.ok = false
		return
	}

	s.pos = end
}
