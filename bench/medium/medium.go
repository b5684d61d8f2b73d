package medium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Medium is what disks are made of.
type Medium struct {
	kind string
	path string // of a dir
}

const (
	kindDir   = "dir"
	kindTmpfs = "tmpfs"
	kindXFS   = "xfs"
)

// Parse reads a medium's name: "dir:PATH", "tmpfs" or "xfs".
func Parse(name string) (Medium, error) {
	if path, ok := strings.CutPrefix(name, kindDir+":"); ok && path != "" {
		return Medium{kindDir, path}, nil
	}
	if name == kindTmpfs || name == kindXFS {
		return Medium{kind: name}, nil
	}
	return Medium{}, fmt.Errorf("medium %.64q is none of dir:PATH, tmpfs, xfs", name)
}

func (m Medium) String() string {
	if m.kind == kindDir {
		return kindDir + ":" + m.path
	}
	return m.kind
}

// InMemory tells a medium that no cache can be cold on.
func (m Medium) InMemory() bool { return m.kind == kindTmpfs }

// Volume is a medium made, ready for use until Close.
type Volume struct {
	Dir   string // empty at first
	About string // its file system, for the report's header
	undo  []func() error
}

// imageDir is where an image lies while it has a name; /tmp is memory on many
// machines.
const imageDir = "/var/tmp"

// Open makes a volume with room for that many bytes. What cannot be made here is
// an UnavailableError; then nothing is left of it.
func (m Medium) Open(ctx context.Context, bytes int64) (*Volume, error) {
	v := &Volume{}
	var err error
	switch m.kind {
	case kindDir:
		err = v.temp(m.path)
	case kindTmpfs:
		err = v.tmpfs(bytes)
	case kindXFS:
		err = v.xfs(ctx, bytes)
	}
	if err == nil {
		err = v.suits(bytes)
	}
	if err == nil {
		v.About, err = describe(v.Dir)
	}
	if err != nil {
		return nil, errors.Join(&UnavailableError{"medium " + m.String(), err}, v.Close())
	}
	return v, nil
}

// Close removes the volume with all that is in it, as far as it was made.
func (v *Volume) Close() error {
	var errs []error
	for i := len(v.undo) - 1; i >= 0; i-- {
		errs = append(errs, v.undo[i]())
	}
	v.undo = nil
	return errors.Join(errs...)
}

func (v *Volume) later(undo func() error) { v.undo = append(v.undo, undo) }

// temp makes the directory.
func (v *Volume) temp(base string) (err error) {
	if v.Dir, err = os.MkdirTemp(base, "ringsync-bench-"); err != nil {
		return err
	}
	v.later(func() error { return os.RemoveAll(v.Dir) })
	v.Dir, err = filepath.Abs(v.Dir)
	return err
}

// tmpfs mounts one, or takes a directory of the one that every Linux has.
func (v *Volume) tmpfs(bytes int64) error {
	if os.Geteuid() != 0 {
		return v.temp("/dev/shm")
	}
	// Bytes are reckoned with blocks and inodes of a disk; in memory it is less.
	if free := available(); free > 0 && free < bytes/2 {
		return fmt.Errorf("%d MB of memory available, and %d are needed", free/1e6, bytes/2/1e6)
	}
	if err := v.temp(os.TempDir()); err != nil {
		return err
	}
	// By itself it has an inode for every second page of memory, and small objects
	// take two and more.
	err := unix.Mount("ringsync-bench", v.Dir, "tmpfs", unix.MS_NOATIME, fmt.Sprintf("size=%d,nr_inodes=0,mode=755", bytes))
	if err == nil {
		v.later(func() error { return unmount(v.Dir) })
		return nil
	}
	return errors.Join(v.Close(), v.temp("/dev/shm")) // a container's root may not mount
}

// available is the memory that can be had without swapping, in bytes; 0: unknown.
func available() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10
		}
	}
	return 0
}

// unmount lets go of a file system at once, and of its memory or device when its
// last file is closed: a process that has just been stopped may still hold one.
func unmount(dir string) error {
	if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// suits does once what a commit does, and looks for room.
func (v *Volume) suits(bytes int64) error {
	fd, err := unix.Open(v.Dir, unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("O_TMPFILE: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Fsetxattr(fd, "user.ringsync.probe", make([]byte, 2<<10), 0); err != nil {
		return fmt.Errorf("user xattrs of 2 KiB: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return err
	}
	if free := int64(st.Bavail) * st.Bsize; free < bytes/10*8 {
		return fmt.Errorf("%d MB free, and %d are needed", free/1e6, bytes/1e6)
	}
	return nil
}

// Sync writes back what is still only in memory, so that the next run does not
// pay for it.
func (v *Volume) Sync() error {
	f, err := os.Open(v.Dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
