package store

import (
	"errors"

	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Ahead is the .data of an object that will soon be opened and read. While others
// have their turn, the disk can bring what that takes into the kernel's caches: the
// inode, its metadata, a small body. Nothing of it is judged, kept or told: the
// object is opened, checked and read at its turn as if nobody had been there
// before, and what stands in the way is met then.
//
// Fetch does all of it, and waits for the disk. Or somebody else makes the two
// calls that wait, several of many files at once: Opening and Opened stand around
// openat2(2), Attribute and Fetched around fgetxattr(2).
type Ahead struct {
	partition *Partition
	path      string
	most      int64
	file      *file // once it is open
	cold      bool
}

// Ahead names the .data that h was offered with. Of a body of more than most bytes
// only the metadata is fetched.
func (p *Partition) Ahead(h proto.Hash, data proto.Timestamp, most int64) *Ahead {
	return &Ahead{partition: p, path: p.hashDir(h) + "/" + data.Internal() + ".data", most: most}
}

const aheadFlags = unix.O_RDONLY | unix.O_NOFOLLOW

// Fetch fetches it, and tells whether the body was not in the page cache.
func (a *Ahead) Fetch() (cold bool) {
	f, err := a.partition.root().open(a.path, aheadFlags, 0)
	if err != nil {
		return false
	}
	a.file = f
	a.body()
	f.getxattr(xattrMetadata, nil)
	f.close()
	return a.cold
}

// body starts the reading of a small body that is not in the page cache.
func (a *Ahead) body() {
	st, err := a.file.stat()
	if err != nil || st.Size > a.most {
		return
	}
	var first [1]byte
	_, err = a.file.readCached(first[:], 0)
	if a.cold = errors.Is(err, unix.EAGAIN); a.cold {
		a.file.fetch(st.Size)
	}
}
