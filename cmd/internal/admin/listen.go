package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrInUse is that another daemon answers at a socket.
var ErrInUse = errors.New("another daemon answers there")

// Listen opens an address. A socket is its owner's alone from the first moment on.
// One that a dead daemon left is replaced; a living one's is not (ErrInUse), nor is
// a file that is no socket.
func Listen(ctx context.Context, at Address) (net.Listener, error) {
	if at.Network != "unix" {
		return (&net.ListenConfig{}).Listen(ctx, at.Network, at.Text)
	}
	unlock, err := lockDir(filepath.Dir(at.Text))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, at); err != nil {
		return nil, err
	}
	return (&net.ListenConfig{Control: ownersAlone}).Listen(ctx, at.Network, at.Text)
}

// lockDir lets only one daemon at a time look at a socket and replace it: two that
// found the same one dead would else take each other's.
func lockDir(path string) (unlock func(), err error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		dir.Close()
		return nil, &os.PathError{Op: "flock", Path: path, Err: err}
	}
	return func() { dir.Close() }, nil
}

// removeStale removes a socket that nobody listens at.
func removeStale(ctx context.Context, at Address) error {
	info, err := os.Lstat(at.Text)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s: there is something else than a socket", at)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, at.Network, at.Text)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, unix.ECONNREFUSED) { // one that is too busy to answer lives as well
		return fmt.Errorf("%s: %w", at, ErrInUse)
	}
	return os.Remove(at.Text)
}

// ownersAlone sets the mode of a socket that is not bound yet: the kernel makes the
// file with that, and nobody can come in between.
func ownersAlone(_, _ string, raw syscall.RawConn) (err error) {
	ctl := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) })
	return errors.Join(ctl, err)
}
