package medium

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// minImageBytes is what mkfs.xfs insists on, and a little.
const minImageBytes = 512 << 20

// blockBytes is what an image is a multiple of: a loop device ends with a whole
// sector.
const blockBytes = 4096

// xfs makes an image, a loop device over it and a file system on that. Neither
// the image nor the device needs to be found again: the image loses its name as
// soon as the device holds it, and the device ends with the mount.
func (v *Volume) xfs(ctx context.Context, bytes int64) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	if err := v.temp(os.TempDir()); err != nil {
		return err
	}
	image, err := newImage(imageDir, (max(bytes, minImageBytes)+blockBytes-1)/blockBytes*blockBytes)
	if err != nil {
		return err
	}
	device, err := loopXFS(ctx, image)
	if err := errors.Join(err, os.Remove(image)); err != nil {
		return err
	}
	err = unix.Mount(device, v.Dir, "xfs", unix.MS_NOATIME, "")
	if err == nil {
		v.later(func() error { return unmount(v.Dir) })
	}
	// In use, the device ends with its last user; otherwise now.
	_, detached := run(ctx, "losetup", "--detach", device)
	return errors.Join(err, detached)
}

// newImage makes a file of holes.
func newImage(dir string, bytes int64) (string, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	if free := int64(st.Bavail) * st.Bsize; free < bytes {
		return "", fmt.Errorf("%s has %d MB free, and the image needs %d", dir, free/1e6, bytes/1e6)
	}
	f, err := os.CreateTemp(dir, "ringsync-bench-*.xfs")
	if err != nil {
		return "", err
	}
	return f.Name(), errors.Join(f.Truncate(bytes), f.Close())
}

// loopXFS makes the file system, and then the device, past the page cache of the
// file system below, where that can be done: every byte would be cached twice,
// and a cold cache would not be one.
func loopXFS(ctx context.Context, image string) (device string, err error) {
	if _, err := run(ctx, "mkfs.xfs", "-q", image); err != nil {
		return "", err
	}
	device, err = run(ctx, "losetup", "--find", "--show", "--direct-io=on", image)
	if err != nil {
		device, err = run(ctx, "losetup", "--find", "--show", image)
	}
	return device, err
}

// run runs a tool, and returns what it printed, without its warnings. It ends also when ctx has: what
// it makes has to be taken down again.
func run(ctx context.Context, name string, args ...string) (string, error) {
	var warned strings.Builder
	cmd := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
	cmd.Stderr = &warned
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %.200s", name, err, strings.TrimSpace(warned.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
