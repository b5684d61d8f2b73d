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
type Ahead struct {
	partition *Partition
	path      string
	most      int64
}

// Ahead names the .data that h was offered with. Of a body of more than most bytes
// only the metadata is fetched.
func (p *Partition) Ahead(h proto.Hash, data proto.Timestamp, most int64) *Ahead {
	return &Ahead{partition: p, path: p.hashDir(h) + "/" + data.Internal() + ".data", most: most}
}

// Fetch fetches it, waiting for the disk, and tells whether the body was not in the
// page cache.
func (a *Ahead) Fetch() (cold bool) {
	f, err := a.partition.root().open(a.path, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.close()
	cold = f.fetchCold(a.most)
	f.getxattr(xattrMetadata, nil)
	return cold
}

// fetchCold starts the reading of a body of at most most bytes, if it is not in the
// page cache.
func (f *file) fetchCold(most int64) (cold bool) {
	st, err := f.stat()
	if err != nil || st.Size > most {
		return false
	}
	var first [1]byte
	if _, err = f.readCached(first[:], 0); !errors.Is(err, unix.EAGAIN) {
		return false
	}
	f.fetch(st.Size)
	return true
}
