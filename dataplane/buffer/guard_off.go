//go:build !invariants || !linux

package buffer

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve takes address space, not memory. The kernel's view of it is ours.
func reserve(n int) (bytes, kernel []byte, err error) {
	bytes, err = unix.Mmap(-1, 0, n, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	return bytes, bytes, os.NewSyscallError("mmap", err)
}

func unreserve(bytes, _ []byte) error { return os.NewSyscallError("munmap", unix.Munmap(bytes)) }

// lent is not kept track of.
type lent struct{}

func (lent) count(*Buffer, bool, int) {}
func (lent) check(*Buffer)            {}
