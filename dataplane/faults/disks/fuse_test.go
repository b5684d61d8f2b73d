package disks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// refusing is a file of a file system whose writes or fsyncs are refused, as a disk
// or a quota refuses them: the kernel asks it, and gives the answer on.
type refusing struct {
	*fs.LoopbackNode
	refuse *refusal
}

// refusal is what is refused; the zero errno is nothing.
type refusal struct{ write, fsync atomic.Uint32 }

// WrapChild makes every directory and file below such a one too.
func (r *refusing) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &refusing{LoopbackNode: ops.(*fs.LoopbackNode), refuse: r.refuse}
}

func (r *refusing) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, f, flags, errno := r.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, asked(f), flags, errno
}

func (r *refusing) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, flags, errno := r.LoopbackNode.Open(ctx, flags)
	return asked(f), flags, errno
}

// askedFile is a file whose writes the kernel does not make by itself.
type askedFile struct{ *fs.LoopbackFile }

func (askedFile) PassthroughFd() (int, bool) { return 0, false }

func asked(f fs.FileHandle) fs.FileHandle {
	if l, ok := f.(*fs.LoopbackFile); ok {
		return askedFile{l}
	}
	return f
}

func (r *refusing) Write(ctx context.Context, f fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	if errno := r.refuse.write.Load(); errno != 0 {
		return 0, syscall.Errno(errno)
	}
	return f.(fs.FileWriter).Write(ctx, data, off)
}

func (r *refusing) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if errno := r.refuse.fsync.Load(); errno != 0 {
		return syscall.Errno(errno)
	}
	if file, ok := f.(fs.FileFsyncer); ok {
		return file.Fsync(ctx, flags)
	}
	return 0
}

// mountRefusing mounts such a file system on d1.
func mountRefusing(t *testing.T, devices string) *refusal {
	t.Helper()
	below, err := fs.NewLoopbackRoot(storetest.Devices(t))
	if err != nil {
		t.Fatal(err)
	}
	root := &refusing{LoopbackNode: below.(*fs.LoopbackNode), refuse: &refusal{}}
	at := filepath.Join(devices, "d1")
	server, err := fs.Mount(at, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "ringsync-test"}})
	if err != nil {
		cannotMount(t, err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			unix.Unmount(at, unix.MNT_DETACH)
		}
	})
	return root.refuse
}

// The kernel says at a write or at an fsync that the disk or the quota is full. The
// objects are refused, nothing is confirmed, the other device takes everything, and
// when there is room again they go in: a full device is not suspect. One whose fsync
// failed for another reason is.
func TestRefusedByTheKernel(t *testing.T) {
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		cannotMount(t, errors.New("FUSE wants root and /dev/fuse"))
	}
	for _, test := range []struct {
		call    string
		errno   unix.Errno
		suspect bool
	}{
		{"write", unix.ENOSPC, false},
		{"write", unix.EDQUOT, false},
		{"fsync", unix.ENOSPC, false},
		{"fsync", unix.EDQUOT, false},
		{"fsync", unix.EIO, true},
	} {
		t.Run(fmt.Sprintf("%s %s", test.call, unix.ErrnoName(test.errno)), func(t *testing.T) {
			devices := twoDevices(t)
			refuse := mountRefusing(t, devices)
			armed := &refuse.write
			if test.call == "fsync" {
				armed = &refuse.fsync
			}
			from := storetest.Devices(t)
			here := faultstest.Partition(t, from)
			faultstest.Grow(t, here, faultstest.Rand(1), "o", 1)
			// A file without a name has no xattrs in this file system.
			s := faultstest.Store(t, devices, storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallTemp {
					return unix.EOPNOTSUPP
				}
				return nil
			}})
			node := faultstest.Start(t, s)

			armed.Store(uint32(test.errno))
			r := faultstest.Push(t, here, node.Address)
			if r.Err == nil || r.Proven == r.Offered {
				t.Errorf("%d of %d proven, %v", r.Proven, r.Offered, r.Err)
			}
			if r := faultstest.PushTo(t, here, node.Address, "d2"); r.Err != nil || r.Proven != r.Offered {
				t.Errorf("to the other: %d of %d proven, %v", r.Proven, r.Offered, r.Err)
			}
			armed.Store(0)
			faultstest.Believe(t, here, faultstest.Partition(t, devices), r)
			device, err := s.Device("d1")
			if err == nil {
				device.Close()
			}
			if errors.Is(err, store.ErrSuspect) != test.suspect {
				t.Errorf("the verdict is %v", err)
			}
			if r := faultstest.Push(t, here, node.Address); !test.suspect && (r.Err != nil || r.Proven != r.Offered) || test.suspect && r.Err == nil {
				t.Errorf("with room again: %d of %d proven, %v", r.Proven, r.Offered, r.Err)
			}
			node.Stop()
			if !test.suspect {
				faultstest.Same(t, from, devices)
			}
			faultstest.Sound(t, devices, nil)
		})
	}
}
