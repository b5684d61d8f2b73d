package enginetest

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openPast opens a file for writes past the page cache; where it can't be, by way
// of it, which is nearly as good: an engine writes to it all the same.
func openPast(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_DIRECT, 0)
	if errors.Is(err, unix.EINVAL) {
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	return f, err
}

func pastCache(f *os.File, on bool) error {
	flags := 0
	if on {
		flags = unix.O_DIRECT
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err
}

// forget lets the page cache forget a file, so that it is cold.
func forget(f *os.File) error {
	return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}
