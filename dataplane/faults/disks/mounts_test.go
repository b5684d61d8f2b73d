package disks_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// mounted is a devices directory whose d1 is a tmpfs of its own, with a node that
// checks mounts. The test is skipped where mounting is not allowed.
func mounted(t *testing.T, options string) (devices string, node *faultstest.Node) {
	t.Helper()
	devices = t.TempDir()
	d1 := filepath.Join(devices, "d1")
	if err := os.Mkdir(d1, 0o755); err != nil {
		t.Fatal(err)
	}
	mount(t, d1, 0, options)
	s := storetest.New(t, func(c *store.Config) {
		c.Devices, c.ReclaimAge, c.MountCheck = devices, faultstest.Century, true
	})
	return devices, faultstest.Start(t, s, func(*dataplane.Config) {})
}

func mount(t *testing.T, at string, flags uintptr, options string) {
	t.Helper()
	err := unix.Mount("ringsync-test", at, "tmpfs", flags, options)
	if errors.Is(err, unix.EPERM) {
		cannotMount(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
}

// A file system that is really full refuses objects and says so; nothing half is
// left, the device is not suspect, and when there is room again they go in.
func TestFullFileSystem(t *testing.T) {
	devices, node := mounted(t, "size=3m")
	ballast := filepath.Join(devices, "d1", "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	from := storetest.Devices(t)
	here := faultstest.Partition(t, from)
	names := []string{"/a/c/1", "/a/c/2", "/a/c/3"}
	for _, name := range names {
		if err := storetest.Put(here, name, storetest.Time(1), make([]byte, 700_000)); err != nil {
			t.Fatal(err)
		}
	}
	r := faultstest.Push(t, here, node.Address)
	if r.Err == nil || r.Failed == 0 {
		t.Errorf("%d failed, %v", r.Failed, r.Err)
	}
	there := faultstest.Partition(t, devices)
	faultstest.Believe(t, here, there, r)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if r := faultstest.Push(t, here, node.Address); r.Err != nil || r.Proven != len(names) {
		t.Errorf("with room again: %d proven, %v", r.Proven, r.Err)
	}
	node.Stop()
	faultstest.Sound(t, devices, nil)
}

// A device is mounted read-only: sessions are refused in words that say so, nothing
// is confirmed, what was there can still be sent, and once it is writable again
// sessions go on. (While a session holds its locks an operator can't turn the mount;
// what the kernel does by itself, TestLostInMidSession shows.)
func TestReadOnly(t *testing.T) {
	devices, node := mounted(t, "size=10m")
	d1 := filepath.Join(devices, "d1")
	there := faultstest.Partition(t, devices)
	if err := storetest.Put(there, "/a/c/before", storetest.Time(1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	from := storetest.Devices(t)
	here := faultstest.Partition(t, from)
	faultstest.Grow(t, here, faultstest.Rand(1), "o", 1)
	turn := func(flags uintptr) {
		t.Helper()
		if err := unix.Mount("", d1, "", unix.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	turn(unix.MS_RDONLY)
	if r := faultstest.Push(t, here, node.Address); r.Err == nil || r.Proven != 0 || !strings.Contains(r.Err.Error(), "read-only file system") {
		t.Errorf("%d proven, %v", r.Proven, r.Err)
	}
	other := faultstest.Start(t, faultstest.Store(t, from, nil))
	if r := faultstest.Push(t, there, other.Address); r.Err != nil || r.Proven != 1 {
		t.Errorf("from a read-only disk: %d proven, %v", r.Proven, r.Err)
	}
	turn(0)
	if r := faultstest.Push(t, here, node.Address); r.Err != nil || r.Proven != r.Offered {
		t.Errorf("writable again: %d of %d proven, %v", r.Proven, r.Offered, r.Err)
	}
	node.Stop()
	other.Stop()
	faultstest.Same(t, from, devices)
}

// A device is unmounted in mid-session, and another disk mounted in its place: the
// session never writes to the empty mount point or to the other disk, and while
// nothing is mounted the next one is refused.
func TestSwappedInMidSession(t *testing.T) {
	devices, node := mounted(t, "size=10m")
	d1 := filepath.Join(devices, "d1")
	talk := faultstest.Call(t, node.Address, "d1")
	talk.Offer("/a/c/o", "/a/c/p")
	if err := unix.Unmount(d1, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if said := faultstest.Call(t, node.Address, "d1").Hear("Drive"); !strings.Contains(said, " 507 ") {
		t.Errorf("with nothing mounted: %q", said)
	}
	empty, err := os.ReadDir(d1)
	if err != nil || len(empty) > 0 {
		t.Errorf("in the mount point: %v, %v", empty, err)
	}
	mount(t, d1, 0, "size=10m")
	talk.Updates(faultstest.Put("/a/c/o", "abc"), faultstest.Put("/a/c/p", "def"))
	talk.Hear(":UPDATES: END")
	talk.Bye()
	node.Stop()
	if other, err := os.ReadDir(d1); err != nil || len(other) > 0 {
		t.Errorf("on the other disk: %v, %v", other, err)
	}
}
