package store

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Below a device's directory no symlink is followed, in no part of a path: one
// that somebody planted in a partition or a suffix would lead reads and writes out
// of the device. Swift makes none there. openat2(2) refuses them in the kernel,
// without a race; the calls that have no such form (mkdirat, linkat, renameat …)
// are made relative to the parent directory, opened by openat2.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// canBeneath asks the kernel (5.6) and what stands before it: an old seccomp
// profile answers EPERM. Without it only a path's last part is guarded, by
// O_NOFOLLOW, and a symlink above it is followed as Swift would.
func canBeneath() bool {
	fd, err := openBeneath(unix.AT_FDCWD, ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func openBeneath(dir int, path string, flags int, perm uint32) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: beneath}
	if flags&(unix.O_CREAT|unix.O_TMPFILE) != 0 {
		how.Mode = uint64(perm)
	}
	return unix.Openat2(dir, path, &how)
}

// openat opens a path below the device.
func (r *root) openat(path string, flags int, perm uint32) (int, error) {
	if r.beneath {
		return openBeneath(r.fd, path, flags, perm)
	}
	return unix.Openat(r.fd, path, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, perm)
}

// at makes a call on a path below the device, given as a directory and what of
// the path is relative to it.
func (r *root) at(path string, call func(dir int, name string) error) error {
	slash := strings.LastIndexByte(path, '/')
	if !r.beneath || slash < 0 {
		return call(r.fd, path)
	}
	var dir int
	err := again(func() (err error) {
		dir, err = openBeneath(r.fd, path[:slash], unix.O_PATH|unix.O_DIRECTORY, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return call(dir, path[slash+1:])
}
