package peertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// xattrBytes is the largest value that Devices asks of a file system. Swift
// cuts metadata into values of 64 KiB, and an object with all the metadata that
// Swift allows fits into 16; ext4 stops at about 4.
const xattrBytes = 16 << 10

// Devices is a fresh directory to put devices in, on a file system that takes
// xattrs as large as Swift's: in memory if there is such a place, where an
// fsync costs nothing. It is removed at the end of the test. Without one the
// test is skipped, or fails if REQUIRE_SWIFT=1.
func Devices(t testing.TB) string {
	t.Helper()
	var refusals []string
	for _, parent := range []string{"/dev/shm", os.TempDir(), "/var/tmp"} {
		dir, err := devicesIn(parent)
		if err == nil {
			t.Cleanup(func() { os.RemoveAll(dir) })
			return dir
		}
		refusals = append(refusals, err.Error())
	}
	unavailable(t, fmt.Sprintf("no directory for devices with room for user xattrs of %d bytes, "+
		"as tmpfs (Linux 6.6) and XFS have it; name one in TMPDIR (%s)", xattrBytes, strings.Join(refusals, "; ")))
	return ""
}

func devicesIn(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "ringsync-devices-")
	if err != nil {
		return "", err
	}
	if err := probeXattr(filepath.Join(dir, "probe")); err != nil {
		return "", errors.Join(fmt.Errorf("%s: %w", parent, err), os.RemoveAll(dir))
	}
	return dir, nil
}

func probeXattr(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := syscall.Setxattr(path, "user.ringsync.probe", make([]byte, xattrBytes), 0); err != nil {
		return fmt.Errorf("setxattr: %w", err)
	}
	return os.Remove(path)
}
