package store

import "github.com/ringsync/ringsync/hashes"

// StoreSum puts the xxhash64 of a body beside it, after Seal: only by who found
// this body's MD5 to be the ETag in the same pass. It is worth something to a later
// transfer and nothing to this one, so a file system that has no room for it is no
// error.
func (w *Writer) StoreSum(sum uint64) {
	if w.file != nil {
		w.file.storeSum(hashes.StoredSum{Sum: sum, Length: w.size, ETag: w.etag})
	}
}

// StoreSum replaces the sum beside a body, on the same terms.
func (o *Object) StoreSum(sum uint64) {
	if o.data != nil {
		o.data.storeSum(hashes.StoredSum{Sum: sum, Length: o.Size, ETag: o.ETag()})
	}
}

func (f *file) storeSum(s hashes.StoredSum) {
	if hashes.IsMD5(s.ETag) {
		_ = f.setxattr(hashes.StoredSumXattr, hashes.AppendStoredSum(nil, s))
	}
}

// StoredSum is the xxhash64 that was stored beside the body, if it is of the body
// that the metadata tells of.
func (o *Object) StoredSum() (sum uint64, ok bool) {
	if o.data == nil {
		return 0, false
	}
	var room [hashes.StoredSumBytes]byte
	n, err := o.data.getxattr(hashes.StoredSumXattr, room[:])
	if err != nil {
		return 0, false // none, or one that can't be ours
	}
	s, ok := hashes.ParseStoredSum(room[:n])
	return s.Sum, ok && s.Length == o.Size && s.ETag == o.ETag()
}
