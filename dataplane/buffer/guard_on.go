//go:build invariants && linux

package buffer

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// reserve maps the same pages twice: as Go sees them, page by page accessible as
// buffers are opened and lent; and as the kernel sees them, always accessible.
func reserve(n int) (bytes, kernel []byte, err error) {
	fd, err := unix.MemfdCreate("ringsync-buffers", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, os.NewSyscallError("memfd_create", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(n)); err != nil {
		return nil, nil, os.NewSyscallError("ftruncate", err)
	}
	if bytes, err = unix.Mmap(fd, 0, n, unix.PROT_NONE, unix.MAP_SHARED); err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	if kernel, err = unix.Mmap(fd, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("mmap", err), unix.Munmap(bytes))
	}
	return bytes, kernel, nil
}

func unreserve(bytes, kernel []byte) error {
	return os.NewSyscallError("munmap", errors.Join(unix.Munmap(bytes), unix.Munmap(kernel)))
}

// lent counts what the kernel does with a buffer.
type lent struct {
	mu             sync.Mutex
	fills, readers int
}

func (l *lent) count(b *Buffer, fills bool, by int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fills && by > 0 && l.readers > 0 {
		panic(fmt.Sprintf("buffer %d is to be filled while the kernel reads it", b.index))
	}
	if fills {
		l.fills += by
	} else {
		l.readers += by
	}
	if l.fills < 0 || l.readers < 0 {
		panic(fmt.Sprintf("buffer %d was taken back more often than lent", b.index))
	}
	access := unix.PROT_READ | unix.PROT_WRITE
	switch {
	case l.fills > 0:
		access = unix.PROT_NONE
	case l.readers > 0:
		access = unix.PROT_READ
	}
	if err := unix.Mprotect(b.bytes, access); err != nil {
		panic(fmt.Sprintf("buffer %d: mprotect: %v", b.index, err))
	}
}

// check is called before a release.
func (l *lent) check(b *Buffer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fills+l.readers > 0 {
		panic(fmt.Sprintf("buffer %d was released while the kernel works on it", b.index))
	}
}
