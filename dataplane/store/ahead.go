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
	file      *file // while a ring makes the calls
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

// What follows are the steps of Fetch for who makes its calls by a ring, as far as
// they may wait for the disk; see engine.AheadByRing. Each is asked for at the seam, and
// told there.

// StartOpen tells what to open, and how, as openat2(2) takes it. An error forbids it.
func (a *Ahead) StartOpen() (dir int, path string, flags, resolve uint64, err error) {
	r := a.partition.root()
	a.file = r.unopened(a.path)
	if r.beneath {
		resolve = beneath
	}
	return r.fd, a.path, unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC, resolve, a.file.ask(Op{Call: CallOpen})
}

// EndOpen is told what came of it, and returns how many bytes of the body are worth
// reading. After an error there is nothing more to do.
func (a *Ahead) EndOpen(fd int, err error) (body int, failed error) {
	a.file.fd = fd
	if err = a.file.tell(Op{Call: CallOpen}, err); err != nil {
		return 0, err
	}
	st, err := a.file.stat()
	if err != nil || st.Size > a.most {
		return 0, nil
	}
	return int(st.Size), nil
}

// StartRead is asked before the body is read.
func (a *Ahead) StartRead() error { return a.file.ask(Op{Call: CallRead}) }

// EndRead is told what came of it.
func (a *Ahead) EndRead(err error) { a.file.tell(Op{Call: CallRead}, err) }

// StartAttribute is asked before the attribute is asked for that it names.
func (a *Ahead) StartAttribute() (name string, err error) {
	return xattrMetadata, a.file.ask(Op{Call: CallGetxattr, To: xattrMetadata})
}

// EndAttribute is told what came of it.
func (a *Ahead) EndAttribute(err error) {
	a.file.tell(Op{Call: CallGetxattr, To: xattrMetadata}, err)
}

// Close closes what was opened.
func (a *Ahead) Close() { a.file.close() }
