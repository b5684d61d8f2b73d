package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// xattrBytes is what metadata may come to; ext4 takes a quarter of it.
const xattrBytes = 16 << 10

// place makes a directory where Swift's objects can live: $TMPDIR, /var/tmp or
// the working directory, or else memory. Metadata of ordinary size goes
// everywhere, so a place that takes only small xattrs will do if none is better.
func place() (string, error) {
	bases := []string{os.TempDir(), "/var/tmp", ".", "/dev/shm"}
	var reasons []error
	for _, bytes := range []int{xattrBytes, 2 << 10} {
		for _, base := range bases {
			dir, err := os.MkdirTemp(base, "ringsync-demo-")
			if err == nil {
				if err = probe(dir, bytes); err == nil {
					return filepath.Abs(dir)
				}
				os.RemoveAll(dir)
			}
			reasons = append(reasons, fmt.Errorf("%s: %w", base, err))
		}
	}
	return "", fmt.Errorf("no directory can hold Swift's objects; point TMPDIR at XFS, ext4 or tmpfs: %w", errors.Join(reasons...))
}

// probe does once what a commit does.
func probe(dir string, xattr int) error {
	fd, err := unix.Open(dir, unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("O_TMPFILE: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Fsetxattr(fd, "user.ringsync.probe", make([]byte, xattr), 0); err != nil {
		return fmt.Errorf("user xattrs of %d bytes: %w", xattr, err)
	}
	name := filepath.Join(dir, "probe")
	if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return os.Remove(name)
}
