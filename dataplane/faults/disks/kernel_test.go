package disks_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// image is a file system in a file, to be mounted as d1.
type image struct {
	t          *testing.T
	kind, path string
	at         string
}

// newImage makes one and mounts it. The test is skipped where that can't be done, or
// fails if REQUIRE_MOUNT=1.
func newImage(t *testing.T, kind string, megabytes int64, devices string) *image {
	t.Helper()
	if _, err := exec.LookPath("mkfs." + kind); err != nil && kind == "xfs" {
		t.Skip("xfsprogs are not installed; ext4 shows the same")
	}
	i := &image{t: t, kind: kind, path: filepath.Join(t.TempDir(), kind), at: filepath.Join(devices, "d1")}
	f, err := os.Create(i.path)
	if err == nil {
		err = f.Truncate(megabytes << 20)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	quiet := map[string]string{"ext4": "-qF", "xfs": "-qf"}[kind]
	if out, err := exec.Command("mkfs."+kind, quiet, i.path).CombinedOutput(); err != nil {
		cannotMount(t, fmt.Errorf("mkfs.%s: %w: %s", kind, err, out))
	}
	if err := i.mount(); err != nil {
		cannotMount(t, err)
	}
	t.Cleanup(func() { unix.Unmount(i.at, unix.MNT_DETACH) })
	return i
}

func cannotMount(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("REQUIRE_MOUNT") == "1" {
		t.Fatal("REQUIRE_MOUNT=1, but ", err)
	}
	t.Skipf("no file system of its own: %v; TestVerdicts shows the same by a witness", err)
}

func (i *image) mount() error {
	options := map[string]string{"ext4": "loop,errors=remount-ro", "xfs": "loop"}[i.kind]
	if out, err := exec.Command("mount", "-t", i.kind, "-o", options, i.path, i.at).CombinedOutput(); err != nil {
		return fmt.Errorf("mount %s: %w: %s", i.kind, err, out)
	}
	return nil
}

// anew mounts it once more, as an operator does who has replaced the cable.
func (i *image) anew() {
	i.t.Helper()
	if err := unix.Unmount(i.at, 0); err != nil {
		i.t.Fatal("umount: ", err) // somebody holds on to it
	}
	if err := i.mount(); err != nil {
		i.t.Fatal(err)
	}
}

// failItself makes the kernel find an error in ext4, upon which it turns the file
// system read-only, whoever has files open there.
func (i *image) failItself() {
	i.t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(i.at, &st); err != nil {
		i.t.Fatal(err)
	}
	loop, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err == nil {
		err = os.WriteFile(filepath.Join("/sys/fs/ext4", filepath.Base(loop), "trigger_fs_error"), []byte("1"), 0)
	}
	if err != nil {
		i.t.Fatal(err)
	}
}

// shutDown lets the kernel give the file system up, as it does when its disk has
// gone: every call fails from now on, and what was not written back is lost.
func (i *image) shutDown() {
	i.t.Helper()
	const goingDown, noLogFlush = 0x8004587d, 2 // XFS_IOC_GOINGDOWN, which ext4 has too
	f, err := os.Open(i.at)
	if err != nil {
		i.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush); err != nil {
		i.t.Fatal("shut down: ", err)
	}
}

// The kernel turns a device read-only in mid-session, or gives it up, before an
// object arrives or in its midst. Nothing is confirmed, neither then nor in a session
// that begins later; the other device takes everything; and when the file system has
// been mounted anew, what lies there is sound, and all goes in.
func TestLostInMidSession(t *testing.T) {
	for _, disk := range []struct {
		kind      string
		megabytes int64
		what      string
		lose      func(*image)
	}{
		{"ext4", 32, "turns read-only", (*image).failItself},
		{"ext4", 32, "is given up", (*image).shutDown},
		{"xfs", 320, "is given up", (*image).shutDown},
	} {
		for _, midst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %s, in the midst of a body %t", disk.kind, disk.what, midst), func(t *testing.T) {
				devices := twoDevices(t)
				i := newImage(t, disk.kind, disk.megabytes, devices)
				landing := make(chan struct{}, 100)
				hooks := storetest.Hooks{OnAfter: func(op *store.Op, _ error) {
					if op.Device == "d1" && op.Call == store.CallTemp {
						landing <- struct{}{}
					}
				}}
				node := faultstest.Start(t, faultstest.Store(t, devices, hooks))
				from := storetest.Devices(t)
				here := faultstest.Partition(t, from)
				faultstest.Grow(t, here, faultstest.Rand(1), "o", 10)

				talk := faultstest.Call(t, node.Address, "d1")
				talk.Offer("/a/c/o", "/a/c/p")
				update := faultstest.Put("/a/c/o", strings.Repeat("b", 300_000))
				sent := 0
				if midst {
					sent = len(update) / 2
					talk.Say(proto.UpdatesStart + "\r\n" + update[:sent])
					<-landing
				}
				disk.lose(i)
				if midst {
					talk.Say(update[sent:] + faultstest.Put("/a/c/p", "abc") + proto.UpdatesEnd + "\r\n")
				} else {
					talk.Updates(update, faultstest.Put("/a/c/p", "abc"))
				}
				if said := talk.Hear(proto.UpdatesEnd); strings.Contains(said, proto.UpdatesEnd) || !strings.Contains(said, ":ERROR:") {
					t.Errorf("the sender hears %q", said)
				}
				talk.Conn.Close()

				if r := faultstest.Push(t, here, node.Address); r.Err == nil || r.Proven != 0 {
					t.Errorf("to the lost device: %d proven, %v", r.Proven, r.Err)
				}
				if r := faultstest.PushTo(t, here, node.Address, "d2"); r.Err != nil || r.Proven != r.Offered {
					t.Errorf("to the other: %d of %d proven, %v", r.Proven, r.Offered, r.Err)
				}
				node.Stop()

				i.anew()
				faultstest.Sound(t, devices, nil)
				again := faultstest.Start(t, faultstest.Store(t, devices, nil))
				if r := faultstest.Push(t, here, again.Address); r.Err != nil || r.Proven != r.Offered {
					t.Errorf("mounted anew: %d of %d proven, %v", r.Proven, r.Offered, r.Err)
				}
				again.Stop()
				faultstest.Same(t, from, devices)
			})
		}
	}
}
