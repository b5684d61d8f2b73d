package judged

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// xattrBytes is what a file system must take in one xattr, for the scripts'
// largest metadata; ext4 stops at about 4 KiB.
const xattrBytes = 16 << 10

// Dir finds a place for disks: the system's temporary directory if its file system
// takes user xattrs of Swift's size, else one in memory.
func Dir() (string, error) {
	var refused []error
	for _, dir := range []string{os.TempDir(), "/dev/shm", "/var/tmp"} {
		err := takesXattrs(dir)
		if err == nil {
			return dir, nil
		}
		refused = append(refused, fmt.Errorf("%s: %w", dir, err))
	}
	return "", errorf("no place for disks: point TMPDIR at XFS or tmpfs", errors.Join(refused...))
}

func takesXattrs(dir string) error {
	f, err := os.CreateTemp(dir, "ringsync-probe-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	return os.NewSyscallError("setxattr", unix.Setxattr(f.Name(), "user.ringsync.probe", make([]byte, xattrBytes), 0))
}

// makeDevices makes a directory of devices with the one device.
func makeDevices(dir string) (devices string, remove func(), err error) {
	if devices, err = os.MkdirTemp(dir, "ringsync-judged-"); err != nil {
		return "", nil, errorf("devices", err)
	}
	remove = func() { os.RemoveAll(devices) }
	if err := os.Mkdir(filepath.Join(devices, device), 0o755); err != nil {
		remove()
		return "", nil, errorf("devices", err)
	}
	return devices, remove, nil
}
