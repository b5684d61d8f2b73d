package store

import (
	"errors"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// MarkUnchecked notes beside a body, before Commit, that it was held against nothing.
// Without the mark a later session would take the body for one that was: so a failure
// is the object's.
func (w *Writer) MarkUnchecked() error {
	w.unchecked = true
	return w.file.setxattr(hashes.UncheckedXattr, []byte{'1'})
}

// Unchecked tells whether the body is marked so. A tombstone has none.
func (o *Object) Unchecked() (bool, error) {
	if o.data == nil {
		return false, nil
	}
	var value [1]byte
	_, err := o.data.getxattr(hashes.UncheckedXattr, value[:])
	switch {
	case errors.Is(err, unix.ENODATA):
		return false, nil
	case err == nil || errors.Is(err, unix.ERANGE): // the name says it all
		return true, nil
	}
	return false, err
}

// PutChecked is Put for a body that will be held against etag before it is committed:
// it may come once more under the time of the one that is there, if that has the same
// ETag and was held against nothing. Commit then puts it in that one's place.
func (p *Partition) PutChecked(h proto.Hash, ts proto.Timestamp, size int64, etag string) (*Writer, error) {
	now, err := p.current(h)
	if err != nil {
		return nil, err
	}
	defer now.Close()
	if there, is := now.standing(); is && !there.Before(ts) {
		again := there == ts && !now.Tombstone && now.ETag() == etag
		if again {
			again, err = now.Unchecked()
		}
		if err != nil {
			return nil, err
		}
		if !again {
			return nil, now.conflict(there)
		}
	}
	return p.create(h, size)
}
