package store

import (
	"errors"
	"io"
	"io/fs"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Call names a call on the file system, in the kernel's words.
type Call string

// The calls of this package. Those up to Rmdir change something on the disk.
const (
	CallCreate   Call = "create"   // open(O_CREAT)
	CallTemp     Call = "tmpfile"  // open(O_TMPFILE)
	CallWrite    Call = "write"    // at Offset, Data
	CallTruncate Call = "truncate" // to Offset
	CallSetxattr Call = "setxattr" // To is the attribute, Data its value
	CallSync     Call = "fsync"
	CallMkdir    Call = "mkdir"
	CallLink     Call = "link"   // File or Path becomes To
	CallRename   Call = "rename" // Path becomes To
	CallUnlink   Call = "unlink"
	CallRmdir    Call = "rmdir"
	CallAllocate Call = "fallocate"
	CallDirect   Call = "fcntl" // O_DIRECT on, if Offset is 1, or off
	CallStart    Call = "sync_file_range"
	CallOpen     Call = "open"
	CallRead     Call = "read"
	CallGetxattr Call = "getxattr"
	CallStat     Call = "stat"
	CallReadDir  Call = "getdents"
	CallStatfs   Call = "statfs"
	CallLock     Call = "flock"
)

// Op is one call on the file system, as data: what a fault injector refuses and
// a crash journal plays again. Paths are relative to the device. File names an
// open file across its calls, also while it has no name.
type Op struct {
	Call   Call
	Device string
	Path   string
	To     string
	File   uint64
	Offset int64
	Data   []byte // valid during the call only
}

// A Witness stands at the seam. Before sees each call before it is made, and an
// error from it (an errno, for the code above to meet) is returned in the call's
// place; After sees what came of a call that was made. Both run on the
// goroutine that calls, several at a time; with reads and writes of bodies, that
// the kernel may work on several of, the next Before may come before an After.
type Witness interface {
	Before(*Op) error
	After(*Op, error)
}

// root is a device's directory, held open. Every path is relative to it, so
// that nothing is ever written through a mount point that has become empty, and
// none leads out of it: see beneath.
type root struct {
	fd      int
	path    string
	device  string
	beneath bool // no symlink is followed on the way down
	witness Witness
	files   *atomic.Uint64
}

// file is an open file or directory of a root.
type file struct {
	root *root
	fd   int
	path string
	id   uint64
}

// do makes one call, the witness asked first, and wraps its error with what was
// called on what.
func (r *root) do(op Op, call func() error) error {
	if r.witness == nil {
		return r.wrap(op.Call, op.Path, call())
	}
	shown := op // a copy, so that op stays on the stack when nobody looks
	shown.Device = r.device
	err := r.witness.Before(&shown)
	if err == nil {
		err = call()
		r.witness.After(&shown, err)
	}
	return r.wrap(op.Call, op.Path, err)
}

// ask and tell are the two halves of a call that somebody else makes on an open
// file, with its descriptor: an error from ask forbids it, tell says what came of
// it. Other calls may lie between the two, of the same file too.
func (f *file) ask(op Op) error {
	if f.root.witness == nil {
		return nil
	}
	shown := f.shown(op)
	return f.root.wrap(op.Call, f.path, f.root.witness.Before(&shown))
}

func (f *file) tell(op Op, err error) error {
	if f.root.witness != nil {
		shown := f.shown(op)
		f.root.witness.After(&shown, err)
	}
	return f.root.wrap(op.Call, f.path, err)
}

func (f *file) shown(op Op) Op {
	op.Device, op.Path, op.File = f.root.device, f.path, f.id
	return op
}

func (r *root) wrap(call Call, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: string(call), Path: r.path + "/" + path, Err: err}
}

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func (r *root) open(path string, flags int, perm uint32) (*file, error) {
	call := CallOpen
	switch {
	case flags&unix.O_TMPFILE == unix.O_TMPFILE:
		call = CallTemp
	case flags&unix.O_CREAT != 0:
		call = CallCreate
	}
	return r.opened(call, path, func() (int, error) { return r.openat(path, flags, perm) })
}

// opened makes a file of what one call opens.
func (r *root) opened(call Call, path string, open func() (fd int, err error)) (*file, error) {
	f := r.unopened(path)
	err := r.do(Op{Call: call, Path: path, File: f.id}, func() error {
		return again(func() (err error) {
			f.fd, err = open()
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// unopened is a file that is about to be opened.
func (r *root) unopened(path string) *file {
	f := &file{root: r, path: path}
	if r.witness != nil {
		f.id = r.files.Add(1)
	}
	return f
}

// openIn opens a name that was read in a directory. It has no slash in it, so
// that the way down, checked when the directory was opened, is not gone again.
func (f *file) openIn(name string, flags int) (*file, error) {
	return f.root.opened(CallOpen, f.path+"/"+name, func() (int, error) {
		return unix.Openat(f.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
}

func (r *root) openDir(path string) (*file, error) {
	return r.open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

func (r *root) mkdir(path string) error {
	return r.do(Op{Call: CallMkdir, Path: path}, func() error {
		return r.at(path, func(dir int, name string) error { return unix.Mkdirat(dir, name, 0o755) })
	})
}

func (r *root) rename(from, to string) error {
	return r.do(Op{Call: CallRename, Path: from, To: to}, func() error {
		return r.at(from, func(old int, name string) error {
			return r.at(to, func(dir int, as string) error { return unix.Renameat(old, name, dir, as) })
		})
	})
}

func (r *root) unlink(path string) error {
	return r.do(Op{Call: CallUnlink, Path: path}, func() error {
		return r.at(path, func(dir int, name string) error { return unix.Unlinkat(dir, name, 0) })
	})
}

func (r *root) rmdir(path string) error {
	return r.do(Op{Call: CallRmdir, Path: path}, func() error {
		return r.at(path, func(dir int, name string) error { return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) })
	})
}

func (r *root) stat(path string) (st unix.Stat_t, err error) {
	err = r.do(Op{Call: CallStat, Path: path}, func() error {
		return r.at(path, func(dir int, name string) error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	})
	return st, err
}

func (r *root) statfs() (st unix.Statfs_t, err error) {
	err = r.do(Op{Call: CallStatfs, Path: "."}, func() error {
		return again(func() error { return unix.Fstatfs(r.fd, &st) })
	})
	return st, err
}

// link gives a file a name, which must not exist yet. A file that never had one
// (O_TMPFILE) is reached through /proc/self/fd, since the flag that names a
// descriptor directly wants CAP_DAC_READ_SEARCH.
func (r *root) link(f *file, named bool, to string) error {
	return r.do(Op{Call: CallLink, Path: f.path, To: to, File: f.id}, func() error {
		return r.at(to, func(dir int, name string) error {
			if named {
				return r.at(f.path, func(from int, old string) error { return unix.Linkat(from, old, dir, name, 0) })
			}
			return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(f.fd), dir, name, unix.AT_SYMLINK_FOLLOW)
		})
	})
}

// readDir returns the names in a directory, in no order.
func (r *root) readDir(path string) ([]string, error) {
	dir, err := r.openDir(path)
	if err != nil {
		return nil, err
	}
	defer dir.close()
	return dir.names()
}

// syncDir makes the names in a directory durable.
func (r *root) syncDir(path string) error {
	dir, err := r.openDir(path)
	if err != nil {
		return err
	}
	defer dir.close()
	return dir.sync()
}

func (r *root) close() error { return unix.Close(r.fd) }

// dirBlock holds some 800 names of hash directories, more than most suffixes have.
const dirBlock = 32 << 10

func (f *file) names() ([]string, error) {
	var names []string
	block := getBlock()
	defer putBlock(block)
	for {
		var n int
		err := f.root.do(Op{Call: CallReadDir, Path: f.path, File: f.id}, func() error {
			return again(func() (err error) { n, err = unix.Getdents(f.fd, *block); return err })
		})
		if err != nil || n == 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent((*block)[:n], -1, names)
	}
}

// ReadAt reads as io.ReaderAt does.
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		var got int
		err := f.root.do(Op{Call: CallRead, Path: f.path, File: f.id, Offset: off}, func() error {
			return again(func() (err error) { got, err = unix.Pread(f.fd, p[n:], off); return err })
		})
		if err != nil {
			return n, err
		}
		if got == 0 {
			return n, io.EOF
		}
		n, off = n+got, off+int64(got)
	}
	return n, nil
}

// readCached reads from off what lies in the page cache, and waits for no disk:
// EAGAIN where nothing of it does.
func (f *file) readCached(p []byte, off int64) (n int, err error) {
	err = f.root.do(Op{Call: CallRead, Path: f.path, File: f.id, Offset: off}, func() error {
		return again(func() (err error) { n, err = unix.Preadv2(f.fd, [][]byte{p}, off, unix.RWF_NOWAIT); return err })
	})
	return max(n, 0), err
}

// fetch starts the reading of the first size bytes, and does not wait for it.
func (f *file) fetch(size int64) error {
	return f.root.do(Op{Call: CallRead, Path: f.path, File: f.id}, func() error {
		return unix.Fadvise(f.fd, 0, size, unix.FADV_WILLNEED)
	})
}

// WriteAt writes all of p at off.
func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		var put int
		err := f.root.do(Op{Call: CallWrite, Path: f.path, File: f.id, Offset: off, Data: p[n:]}, func() error {
			return again(func() (err error) { put, err = unix.Pwrite(f.fd, p[n:], off); return err })
		})
		if err != nil {
			return n, err
		}
		n, off = n+put, off+int64(put)
	}
	return n, nil
}

func (f *file) truncate(size int64) error {
	return f.root.do(Op{Call: CallTruncate, Path: f.path, File: f.id, Offset: size}, func() error {
		return again(func() error { return unix.Ftruncate(f.fd, size) })
	})
}

func (f *file) allocate(size int64) error {
	return f.root.do(Op{Call: CallAllocate, Path: f.path, File: f.id, Offset: size}, func() error {
		return again(func() error { return unix.Fallocate(f.fd, unix.FALLOC_FL_KEEP_SIZE, 0, size) })
	})
}

// setDirect says whether following writes go past the page cache. EINVAL: the
// file system can't.
func (f *file) setDirect(on bool) error {
	flags, offset := 0, int64(0)
	if on {
		flags, offset = unix.O_DIRECT, 1
	}
	return f.root.do(Op{Call: CallDirect, Path: f.path, File: f.id, Offset: offset}, func() error {
		_, err := unix.FcntlInt(uintptr(f.fd), unix.F_SETFL, flags)
		return err
	})
}

func (f *file) setxattr(name string, value []byte) error {
	return f.root.do(Op{Call: CallSetxattr, Path: f.path, File: f.id, To: name, Data: value}, func() error {
		return unix.Fsetxattr(f.fd, name, value, 0)
	})
}

// getxattr reads one attribute into buf; its length is that of the value, which
// may be more than buf holds: then ERANGE.
func (f *file) getxattr(name string, buf []byte) (n int, err error) {
	err = f.root.do(Op{Call: CallGetxattr, Path: f.path, To: name, File: f.id}, func() (err error) {
		n, err = unix.Fgetxattr(f.fd, name, buf)
		return err
	})
	return n, err
}

func (f *file) stat() (st unix.Stat_t, err error) {
	err = f.root.do(Op{Call: CallStat, Path: f.path, File: f.id}, func() error { return unix.Fstat(f.fd, &st) })
	return st, err
}

// sync makes a file's bytes and attributes, or a directory's names, durable. The
// kernel reports a loss once only, so an error is final: nobody may try again on
// this descriptor and believe the answer.
func (f *file) sync() error {
	return f.root.do(Op{Call: CallSync, Path: f.path, File: f.id}, func() error {
		return again(func() error { return unix.Fsync(f.fd) })
	})
}

// startSync lets the kernel begin to write a file's bytes back. It waits for nothing
// and promises nothing. Its error is as final as that of sync: what the kernel said
// once about bytes that it could not place it need not say again. What fails later
// the fsync tells, since only a call that waits takes an error off the descriptor.
func (f *file) startSync() error {
	return f.root.do(Op{Call: CallStart, Path: f.path, File: f.id}, func() error {
		return again(func() error { return unix.SyncFileRange(f.fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE) })
	})
}

// tryLock takes the file's flock(2) without waiting: the kind Python's
// fcntl.flock takes, and not fcntl(F_SETLK), which would not exclude it.
func (f *file) tryLock() error {
	return f.root.do(Op{Call: CallLock, Path: f.path, File: f.id}, func() error {
		return again(func() error { return unix.Flock(f.fd, unix.LOCK_EX|unix.LOCK_NB) })
	})
}

func (f *file) close() {
	unix.Close(f.fd) // the bytes that matter were fsynced: a late error tells nothing
}

func changed(st *unix.Stat_t) time.Time { return time.Unix(st.Ctim.Unix()) }
func written(st *unix.Stat_t) time.Time { return time.Unix(st.Mtim.Unix()) }

// absent tells that a path does not lead anywhere.
func absent(err error) bool { return errors.Is(err, unix.ENOENT) }

// noSpace tells a full disk or quota, which refuses an object but says nothing
// against the device.
func noSpace(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
