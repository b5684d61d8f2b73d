package store

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Listing is what lies where a policy's partitions do.
type Listing struct {
	Partitions []uint32 // directories with a canonical number for a name, ascending

	// Files are canonical numbers that name no directory. Swift's replicator unlinks
	// a plain file there, since no partition can be made while it is in the way: see
	// Partition.RemoveFile.
	Files []uint32

	// Others are names that are no canonical number (003 and -1 are none, though
	// Swift's replicator takes both), but for the auditor's status files. They are
	// nobody's to touch.
	Others []string
}

// List lists what is in a policy's data directory; without one there is nothing.
// Source: replicator.py, build_replication_jobs.
func (d *Device) List(p hashes.Policy) (l Listing, err error) {
	names, err := d.root.readDir(p.DataDir())
	if err != nil {
		return l, notAbsent(err)
	}
	for _, name := range names {
		n, err := ParsePartition(name)
		if err != nil {
			if !isAuditorStatus(name) {
				l.Others = append(l.Others, name)
			}
			continue
		}
		st, err := d.root.stat(p.DataDir() + "/" + name)
		switch {
		case absent(err):
		case err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR:
			l.Files = append(l.Files, n)
		default: // what can't be looked at is met again by whoever works on it
			l.Partitions = append(l.Partitions, n)
		}
	}
	slices.Sort(l.Partitions)
	slices.Sort(l.Files)
	slices.Sort(l.Others)
	return l, nil
}

func isAuditorStatus(name string) bool {
	return strings.HasPrefix(name, "auditor_status_") && strings.HasSuffix(name, ".json")
}

// RemoveFile unlinks the plain file that is in the way of a partition. Of a
// directory it can remove nothing: unlink(2) refuses it. Source: replicator.py,
// Replicator.replicate.
func (p *Partition) RemoveFile() error {
	st, err := p.root().stat(p.dir)
	if err != nil {
		return notAbsent(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("%s: not a plain file, and left", p.Path())
	}
	return notAbsent(p.root().unlink(p.dir))
}

// tempIdle is how long at least a file in tmp has to be left alone before it goes,
// whatever reclaim_age: its writer is gone then. A body that comes has a byte within
// client_timeout, and waits for its group's fsyncs in the end; a minute each.
const tempIdle = time.Hour

// PurgeTemp removes files from a policy's tmp directory that nobody has changed for
// reclaim_age, an hour at least: what writers left behind that died. It tells how
// many, and goes on where one can't be removed. Directories and whatever else is no
// plain file stay.
// Source: replicator.py, build_replication_jobs; utils/__init__.py,
// unlink_older_than. Where we differ: the time of the last change counts as well as
// that of the last write, which a writer may have set.
func (d *Device) PurgeTemp(p hashes.Policy) (removed int, err error) {
	names, err := d.root.readDir(p.TmpDir())
	if err != nil {
		return 0, notAbsent(err)
	}
	before := d.store.cfg.Now().Add(-max(d.store.cfg.ReclaimAge, tempIdle))
	var failed []error
	for _, name := range names {
		path := p.TmpDir() + "/" + name
		st, err := d.root.stat(path)
		if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || !changed(&st).Before(before) || !written(&st).Before(before)) {
			continue
		}
		if err == nil {
			err = d.root.unlink(path)
		}
		switch {
		case err == nil:
			removed++
		case !errors.Is(err, fs.ErrNotExist) && len(failed) < maxTold:
			failed = append(failed, err)
		}
	}
	return removed, errors.Join(failed...)
}
