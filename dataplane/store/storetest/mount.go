package storetest

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// Mount mounts an empty file system in memory on a directory, which it makes
// where it is missing. It is gone after the test, if it is not before. Where it
// can't be done the test is skipped, or fails if REQUIRE_MOUNT=1.
func Mount(tb testing.TB, path string) {
	tb.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Mount("ringsync-test", path, "tmpfs", 0, "size=16m"); err != nil {
		if os.Getenv("REQUIRE_MOUNT") == "1" {
			tb.Fatalf("REQUIRE_MOUNT=1, but a tmpfs can't be mounted: %v", err)
		}
		tb.Skipf("a tmpfs can't be mounted, which wants root and CAP_SYS_ADMIN: %v", err)
	}
	tb.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
}

// Detach takes a mount away from its path while it is in use, as umount -l does.
func Detach(tb testing.TB, path string) {
	tb.Helper()
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		tb.Fatal(err)
	}
}
