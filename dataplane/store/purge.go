package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// revertTimeout is how long a revert waits for a session that comes in. Source:
// replicator.py, update_deleted.
const revertTimeout = 200 * time.Millisecond

// LockRevert takes .lock-replication of a handoff partition: while it is held no
// session comes in, so that two nodes that push a partition to each other can't both
// take the other for the one who has it. timeout 0 is Swift's 0.2 s. A session
// that is coming in is told by *LockTimeoutError; fs.ErrNotExist tells that the
// partition is gone, which is not made again.
func (p *Partition) LockRevert(ctx context.Context, timeout time.Duration) (*Lock, error) {
	if timeout == 0 {
		timeout = revertTimeout
	}
	path := p.dir + "/" + replicationLock
	if control.Enabled && control.Is(control.RevertNotLocked) {
		f, err := p.root().open(path, unix.O_WRONLY|unix.O_CREAT, 0o755)
		return &Lock{f: f}, err
	}
	return p.device.lock(ctx, timeout, path)
}

// locked fails unless lock is the partition's .lock-replication, and still the one
// that others meet.
func (p *Partition) locked(lock *Lock) error {
	path := p.dir + "/" + replicationLock
	if lock == nil || lock.f.path != path || lock.f.root.path != p.root().path {
		return fmt.Errorf("%s: %w", p.Path(), ErrNotLocked)
	}
	still, err := lock.f.isStill(path)
	if err == nil && !still {
		err = fmt.Errorf("%s: its file has been unlinked: %w", p.Path(), ErrNotLocked)
	}
	return err
}

// Purge removes the directory of a partition in which no suffix is left, with
// hashes.pkl, hashes.invalid and the lock files, and tells whether it has gone.
// While a suffix is there it does nothing; names that are neither a suffix nor
// Swift's are left, and the partition with them. lock is LockRevert's; it protects
// nothing any more once the partition has gone, and is to be released.
//
// The lock files go last and are ours. A Python process that has opened one before,
// and takes its lock now, holds one that excludes nobody. It makes what it needs
// again (an object is linked by its path, and directories that are missing are made
// for that), or fails before it has answered; and whoever finds no hashes.pkl lists
// the partition. Only rmdir removes the directory, so never what is in it.
//
// Nothing needs to be durable but that hashes.pkl goes before hashes.invalid, which
// tells what it is wrong about. Source: replicator.py, delete_partition.
func (p *Partition) Purge(ctx context.Context, lock *Lock) (gone bool, left []string, err error) {
	if p.policy.Kind != hashes.Replication {
		return false, nil, fmt.Errorf("%s: %w", p.Path(), ErrErasureCoded)
	}
	if _, suffixes, left, err := p.contents(); err != nil || suffixes > 0 || len(left) > 0 {
		return absent(err), left, notAbsent(err)
	}
	names, err := p.lockHashes(ctx)
	if err != nil {
		return false, nil, err
	}
	defer names.Release()
	if err := p.locked(lock); err != nil {
		return false, nil, err
	}
	own, suffixes, left, err := p.contents()
	if err != nil || suffixes > 0 || len(left) > 0 {
		return false, left, err
	}
	if err := p.drop(hashesPkl); err != nil {
		return false, nil, err
	}
	if err := p.syncDir(p.dir); err != nil {
		return false, nil, err
	}
	for _, name := range append(own, hashesInvalid, replicationLock, hashesLock) {
		if err := p.drop(name); err != nil {
			return false, nil, err
		}
	}
	err = p.root().rmdir(p.dir)
	if inUse(err) {
		return false, nil, nil
	}
	return err == nil || absent(err), nil, notAbsent(err)
}

// contents sorts the names in a partition: temporary files of hashes.pkl, suffixes,
// and what is neither these nor Swift's.
func (p *Partition) contents() (temps []string, suffixes int, left []string, err error) {
	names, err := p.root().readDir(p.dir)
	for _, name := range names {
		_, strange := proto.ParseSuffix(name)
		switch {
		case strange == nil:
			suffixes++
		case isDigestTemp(name):
			temps = append(temps, name)
		case name != hashesPkl && name != hashesInvalid && name != hashesLock && name != replicationLock:
			left = append(left, name)
		}
	}
	return temps, suffixes, left, err
}

// isDigestTemp tells the names under which a hashes.pkl is written: ours, and those
// of Python's mkstemp. Under .lock nobody is writing one.
func isDigestTemp(name string) bool {
	stem, is := strings.CutSuffix(name, ".tmp")
	return is && (len(stem) == 16 || len(stem) == 11 && strings.HasPrefix(stem, "tmp"))
}

// drop unlinks a file of the partition, if it is there.
func (p *Partition) drop(name string) error { return notAbsent(p.root().unlink(p.dir + "/" + name)) }

func notAbsent(err error) error {
	if absent(err) {
		return nil
	}
	return err
}
