package hashes

import (
	"cmp"
	"slices"

	"github.com/ringsync/ringsync/proto"
)

// Digests are the digests of a partition's suffixes, ascending by suffix, each
// once. It is a list and no map since a pass that finds nothing to do reads three of
// them for each partition, and does little else.
type Digests []Digest

// Digest is that of one suffix.
type Digest struct {
	Suffix proto.Suffix
	Known  bool       // false: it must be hashed again, or could not be
	Sum    proto.Hash // MD5, see [SuffixDigest]; zero where it is not known
}

// String returns 32 hex digits, or "" where the digest is not known.
func (d Digest) String() string {
	if !d.Known {
		return ""
	}

	return d.Sum.String()
}

// Find returns the digest of a suffix; false: it is not in the list.
func (d Digests) Find(s proto.Suffix) (Digest, bool) {
	i, found := d.search(s)
	if !found {
		return Digest{}, false
	}

	return d[i], true
}

// Set puts a digest into the list, in the place of that of the same suffix. To do
// so in order is cheap.
func (d *Digests) Set(digest Digest) {
	if n := len(*d); n == 0 || (*d)[n-1].Suffix < digest.Suffix {
		*d = append(*d, digest)
		return
	}
	i, found := d.search(digest.Suffix)
	if found {
		(*d)[i] = digest
		return
	}
	*d = slices.Insert(*d, i, digest)
}

// Doubt says that a suffix must be hashed again.
func (d *Digests) Doubt(s proto.Suffix) { d.Set(Digest{Suffix: s}) }

// Complete tells whether all digests are known.
func (d Digests) Complete() bool {
	return !slices.ContainsFunc(d, func(one Digest) bool { return !one.Known })
}

// Differing are the suffixes that there lacks or has otherwise, ascending. One
// that is not known to both always differs. What only there has is not told.
func (d Digests) Differing(there Digests) (suffixes []proto.Suffix) {
	for _, here := range d {
		for len(there) > 0 && there[0].Suffix < here.Suffix {
			there = there[1:]
		}
		if !here.Known || len(there) == 0 || there[0] != here {
			suffixes = append(suffixes, here.Suffix)
		}
	}

	return suffixes
}

func (d Digests) search(s proto.Suffix) (i int, found bool) {
	return slices.BinarySearchFunc(d, s, func(one Digest, s proto.Suffix) int { return cmp.Compare(one.Suffix, s) })
}

// arrange puts digests into order that were read in another, and tells whether
// each suffix was there once.
func (d Digests) arrange() (once bool) {
	order := func(a, b Digest) int { return cmp.Compare(a.Suffix, b.Suffix) }
	if !slices.IsSortedFunc(d, order) {
		slices.SortFunc(d, order)
	}
	for i := 1; i < len(d); i++ {
		if d[i].Suffix == d[i-1].Suffix {
			return false
		}
	}

	return true
}
