package hashes

import (
	"bytes"

	"github.com/ringsync/ringsync/proto"
)

// maxSuffixes is the number of values that three hex digits have.
const maxSuffixes = 16 * 16 * 16

// ParseInvalid reads hashes.invalid, a list of the suffixes whose digests are
// out of date: one a line, in the order of writing. Each comes back once. Lines
// that hold anything else are ignored. Source: diskfile.py, consolidate_hashes.
func ParseInvalid(data []byte) []proto.Suffix {
	var suffixes []proto.Suffix
	var seen [maxSuffixes]bool

	// Python reads the file in text mode, where CR ends a line too; and takes
	// the blanks off.
	for line := range bytes.FieldsFuncSeq(data, isLineEnd) {
		suffix, err := proto.ParseSuffix(bytes.TrimSpace(line))
		if err != nil || seen[suffix] {
			continue
		}
		seen[suffix] = true
		suffixes = append(suffixes, suffix)
	}

	return suffixes
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// AppendInvalid appends the line that puts a suffix on the list.
func AppendInvalid(dst []byte, s proto.Suffix) []byte {
	return append(s.AppendTo(dst), '\n')
}
