package hashes

import (
	"crypto/md5"
	"hash"

	"github.com/ringsync/ringsync/proto"
)

// SuffixDigest is the digest of a suffix in the making: MD5 over what counts
// in its hash directories, so that two nodes with the same digest hold the
// same objects.
type SuffixDigest struct {
	md5 hash.Hash
	buf []byte
}

// NewSuffixDigest returns the digest of a suffix without objects.
func NewSuffixDigest() *SuffixDigest {
	return &SuffixDigest{md5: md5.New(), buf: make([]byte, 0, 192)}
}

// Add takes in a hash directory; they must come in the order of their names.
// Each of these words is there if its file is, nothing between them:
//
//	<meta time>.meta  <time>.ts  <data time>.data  <content-type time>_ctype
//
// times are internal forms, that of the metadata without its delta. A choice
// of nothing adds nothing: the digest of a suffix with none but useless files
// is that of no bytes. Source: diskfile.py, _hash_suffix_dir and
// DiskFileManager._update_suffix_hashes.
func (d *SuffixDigest) Add(c Choice) {
	buf := d.buf[:0]
	if c.Meta != nil {
		buf = append(c.Meta.Time.AppendInternal(buf), ".meta"...)
	}
	if c.Tombstone != nil {
		buf = append(c.Tombstone.Time.AppendInternal(buf), ".ts"...)
	}
	if c.Data != nil {
		buf = append(c.Data.Time.AppendInternal(buf), ".data"...)
	}
	if c.CType != nil {
		buf = append(c.CType.CType.AppendInternal(buf), "_ctype"...)
	}

	d.md5.Write(buf)
	d.buf = buf
}

// Sum returns the digest so far.
func (d *SuffixDigest) Sum() proto.Hash {
	return proto.Hash(d.md5.Sum(d.buf[:0]))
}
