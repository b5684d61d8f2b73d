package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// mounted is a store with the device d2, which is a mount, and a watch.
func mounted(t *testing.T, check bool) (s *store.Store, d *store.Device, path string, w *store.Watch) {
	t.Helper()
	s = storetest.New(t, func(c *store.Config) { c.MountCheck = check })
	path = filepath.Join(s.Devices(), "d2")
	storetest.Mount(t, path)
	d, err := s.Device("d2")
	if err != nil {
		t.Fatal(err)
	}
	if w, err = store.NewWatch(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return s, d, path, w
}

// told waits for what a holder is told.
func told(t *testing.T, gone <-chan error) {
	t.Helper()
	select {
	case err := <-gone:
		if !errors.Is(err, store.ErrUnmounted) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
	}
}

// Who holds a device is told that it has gone, and nobody else is: not the holder
// of another device, nor one who has let go.
func TestWatch(t *testing.T) {
	for _, test := range []struct {
		name  string
		check bool
		leave func(testing.TB, string)
	}{
		{"detached", true, storetest.Detach},
		{"detached, unchecked", false, storetest.Detach},
		{"mounted over", true, storetest.Mount},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, d, path, w := mounted(t, test.check)
			other := filepath.Join(s.Devices(), "d3")
			storetest.Mount(t, other)
			d3, err := s.Device("d3")
			if err != nil {
				t.Fatal(err)
			}
			gone := make(chan error, 1)
			never := func(err error) { t.Errorf("told without need: %v", err) }
			releaseOther := w.Hold(d3, never)
			w.Hold(d, never)()
			release := w.Hold(d, func(err error) { gone <- err })
			storetest.Mount(t, filepath.Join(s.Devices(), "d4")) // a change that is nobody's loss
			if err := d.Present(); err != nil {
				t.Error(err)
			}
			test.leave(t, path)
			told(t, gone)
			if err := d.Present(); !errors.Is(err, store.ErrUnmounted) {
				t.Errorf("present: %v", err)
			}
			late := make(chan error, 1)
			w.Hold(d, func(err error) { late <- err })()
			told(t, late)
			release()
			releaseOther()
			d.Close()
			d3.Close()
			if err := unix.Unmount(other, 0); err != nil {
				t.Errorf("a device that nobody holds can't be unmounted: %v", err)
			}
		})
	}
}

// A device is busy as long as it is open, and no longer: the descriptors of what
// was opened through it are its users' to close.
func TestUnmountAfterClose(t *testing.T) {
	s, d, path, _ := mounted(t, true)
	if err := unix.Unmount(path, 0); !errors.Is(err, unix.EBUSY) {
		t.Errorf("in use: %v", err)
	}
	p := d.Partition(s.Cluster().Policies[0], 0)
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Digests(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := unix.Unmount(path, 0); err != nil {
		t.Errorf("not in use: %v", err)
	}
}

// What is written through a device that was detached never lands in the empty
// mount point, nor on what is mounted there next.
func TestNothingBelowMountPoint(t *testing.T) {
	s, d, path, _ := mounted(t, true)
	p := d.Partition(s.Cluster().Policies[0], 0)
	storetest.Detach(t, path)
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("x")); err != nil {
		t.Error(err) // the disk is there, though nobody can see it
	}
	lock, err := p.LockReplication(t.Context(), time.Second)
	if err != nil {
		t.Error(err)
	}
	lock.Release()
	if names, err := os.ReadDir(path); err != nil || len(names) > 0 {
		t.Errorf("in the mount point: %v, %v", names, err)
	}
	if _, err := s.Device("d2"); !errors.Is(err, store.ErrUnmounted) {
		t.Errorf("%v", err)
	}
	d.Close()
}

// A watch is no duty: nil tells nobody anything, and Close waits for no change.
func TestNoWatch(t *testing.T) {
	var none *store.Watch
	none.Hold(storetest.Device(t, storetest.New(t)), func(err error) { t.Error(err) })()
	none.Close()
	w, err := store.NewWatch()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// A process without descriptors says nothing against the device.
func TestOutOfDescriptors(t *testing.T) {
	s := storetest.New(t)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: before.Max}))
	d, err := s.Device("d1")
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before))
	if !errors.Is(err, unix.EMFILE) || errors.Is(err, store.ErrUnmounted) {
		t.Errorf("%v, %v", d, err)
	}
}
