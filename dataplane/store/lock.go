package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane/control"
	"golang.org/x/sys/unix"
)

// Swift's lock files. Each is empty and stays when it is released.
const (
	hashesLock      = ".lock"             // hashes.pkl, hashes.invalid, names appearing
	replicationLock = ".lock-replication" // one session or one revert a partition

	// hashesLockTimeout is DEFAULT_LOCK_TIMEOUT of diskfile.py.
	hashesLockTimeout = 10 * time.Second
)

// LockTimeoutError tells which lock could not be had, and for how long it was
// waited for.
type LockTimeoutError struct {
	Path   string
	Waited time.Duration
}

// Error reads as Swift's LockTimeout does: "15 seconds: /srv/node/d1/.lock".
func (e *LockTimeoutError) Error() string {
	return strconv.FormatFloat(e.Waited.Seconds(), 'g', -1, 64) + " seconds: " + e.Path
}

// Timeout makes the error a timeout for those who ask.
func (e *LockTimeoutError) Timeout() bool { return true }

// Lock is a lock held; it lives as long as its descriptor.
type Lock struct{ f *file }

// Release lets go of the lock. It does nothing to nil.
func (l *Lock) Release() {
	if l != nil {
		l.f.close()
	}
}

// lock takes one of the lock files at paths, whichever is free first, trying for
// timeout at most. Their directory exists. A lock on a file that has been
// unlinked meanwhile excludes nobody, so the descriptor must still be what the
// path names. Source: utils/__init__.py, lock_path; the comparison is ours.
func (d *Device) lock(ctx context.Context, timeout time.Duration, paths ...string) (*Lock, error) {
	start := time.Now()
	for {
		for _, path := range paths {
			l, err := d.tryLock(path)
			if l != nil || err != nil {
				return l, err
			}
		}
		waited := time.Since(start)
		if waited >= timeout {
			return nil, &LockTimeoutError{Path: d.root.path + "/" + paths[0], Waited: timeout}
		}
		// Swift polls every 10 ms at first, and every hundredth of the timeout later.
		pause := 10 * time.Millisecond
		if waited > timeout/100 {
			pause = max(pause, timeout/100)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s/%s: %w", d.root.path, paths[0], context.Cause(ctx))
		case <-time.After(min(pause, timeout-waited)):
		}
	}
}

// tryLock returns neither lock nor error where somebody else holds it.
func (d *Device) tryLock(path string) (*Lock, error) {
	f, err := d.root.open(path, unix.O_WRONLY|unix.O_CREAT, 0o755)
	if err != nil {
		return nil, err
	}
	err = f.tryLock()
	if err == nil {
		var same bool
		if same, err = f.isStill(path); same {
			return &Lock{f: f}, nil
		}
	}
	f.close()
	if err == nil || errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, err
}

// isStill tells whether path leads to this very file.
func (f *file) isStill(path string) (bool, error) {
	mine, err := f.stat()
	if err != nil {
		return false, err
	}
	there, err := f.root.stat(path)
	if absent(err) {
		return false, nil
	}
	return err == nil && mine.Ino == there.Ino && mine.Dev == there.Dev, err
}

// LockSlot takes one of the device's n replication slots, .lock, .lock-1 and so
// on; with n = 0 there is no limit and the lock is nil. Source: diskfile.py,
// replication_lock.
func (d *Device) LockSlot(ctx context.Context, n int, timeout time.Duration) (*Lock, error) {
	if n <= 0 {
		return nil, nil
	}
	paths := make([]string, n)
	for i := range paths {
		paths[i] = hashesLock
		if i > 0 {
			paths[i] += "-" + strconv.Itoa(i)
		}
	}
	return d.lock(ctx, timeout, paths...)
}

// LockReplication takes the partition for one session, as Swift does: this makes
// the partition's directory. Source: diskfile.py, partition_lock.
func (p *Partition) LockReplication(ctx context.Context, timeout time.Duration) (*Lock, error) {
	if control.Enabled && control.Is(control.LockNotTaken) {
		return nil, p.make()
	}
	return p.lockIn(ctx, replicationLock, timeout)
}

func (p *Partition) lockHashes(ctx context.Context) (*Lock, error) {
	return p.lockIn(ctx, hashesLock, hashesLockTimeout)
}

// lockIn takes a lock in the partition's directory, which is made where it is
// missing. A revert may remove it meanwhile: then it is made again, as link does, and
// as often.
func (p *Partition) lockIn(ctx context.Context, name string, timeout time.Duration) (l *Lock, err error) {
	l, err = p.device.lock(ctx, timeout, p.dir+"/"+name)
	for n := 0; n < linkTries && absent(err); n++ {
		if err := p.make(); err != nil {
			return nil, err
		}
		l, err = p.device.lock(ctx, timeout, p.dir+"/"+name)
	}
	return l, err
}
