package engine

import (
	"os"

	"golang.org/x/sys/unix"
)

// cold tells whether a body is better read past the page cache, or ahead. One that was
// begun was.
func cold(src FileSource, off, n int64) bool {
	if b, is := src.(*Begun); is && b.sending != nil {
		return true
	}
	return !resident(src.Descriptor(), off, n)
}

// warmPercent of a body's pages in the cache make it warm.
const warmPercent = 90

// resident tells whether n bytes of a file at off lie in the page cache, so that
// to read them past it would be a waste: by cachestat(2) (Linux 6.5), else by the
// first byte alone. What can't be found out counts as resident.
func resident(fd int, off, n int64) bool {
	var stat unix.Cachestat_t
	span := unix.CachestatRange{Off: uint64(off), Len: uint64(n)}
	if err := unix.Cachestat(uint(fd), &span, &stat, 0); err == nil {
		pages := (n + int64(os.Getpagesize()) - 1) / int64(os.Getpagesize())
		return int64(stat.Cache)*100 >= pages*warmPercent
	}
	var one [1]byte
	_, err := unix.Preadv2(fd, [][]byte{one[:]}, off, unix.RWF_NOWAIT)
	return err != unix.EAGAIN
}
