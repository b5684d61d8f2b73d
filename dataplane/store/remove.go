package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// ErrNotLocked tells that a removal was asked for without the partition's
// .lock-replication, or that the file behind the lock has been unlinked since.
var ErrNotLocked = errors.New("the partition is not locked for a removal")

// Proven is an object, or a tombstone, that peers are known to hold, durable,
// under exactly these times: see ssync.Result.AppendProven. How many peers must
// know it is the caller's affair.
type Proven struct {
	Hash  proto.Hash
	Times Times
}

// Removal tells what came of one call of Remove.
type Removal struct {
	Removed int // objects and tombstones of which all that was proven is gone
	Gone    int // of which nothing that counts was there any more
	Changed int // that are not what was proven any more: they stay

	// Left are paths of files that nobody has proven, since they are neither
	// Swift's nor ours, or have no effect: beside the objects that were asked for,
	// and in the partition. The first 16 of Strange.
	Left    []string
	Strange int

	Partition bool // nothing was left, and the partition's directory has gone too
}

// tell notes what stays.
func (r *Removal) tell(dir string, names []string) {
	r.Strange += len(names)
	for _, name := range names[:min(len(names), maxTold-len(r.Left))] {
		r.Left = append(r.Left, dir+"/"+name)
	}
}

// NotRemovedError tells what could not be removed, the first 16 of it. The rest
// was.
type NotRemovedError struct{ Errs []error }

func (e *NotRemovedError) Error() string {
	text := "not removed: " + e.Errs[0].Error()
	if more := len(e.Errs) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

// Unwrap gives the errors one by one.
func (e *NotRemovedError) Unwrap() []error { return e.Errs }

func (e *NotRemovedError) add(err error) {
	if len(e.Errs) < maxTold {
		e.Errs = append(e.Errs, err)
	}
}

const (
	// maxTold bounds what is kept of names and errors that are told.
	maxTold = 16

	// removeBatch is how many objects go under one hold of .lock, for which a Python
	// writer waits ten seconds: 256 objects take 16 calls each, and on a disk that
	// needs 10 ms for every one of them, 32 at a time, some 1.3 s.
	removeBatch = 256
)

// Remove removes a handoff's copies that are proven to be where they belong, each
// by itself: exactly the files whose names say the proven times, of objects that
// are nothing else by now. A file that came since, of whatever kind, stays, and so
// does all that nobody has proven. lock is LockRevert's and stays held. When the
// last suffix has gone the partition goes as well: see Purge.
//
// What it does is durable when it returns, and on the way there a power cut leaves
// nothing worse than there was; see removeObject. A removal that a power cut undoes
// is harmless: the object is there again, and is to be proven again.
//
// Errors: ErrNotLocked; ErrErasureCoded; *LockTimeoutError for .lock;
// *NotRemovedError for some objects where all others were seen to; any other ends
// it at once. Whatever it is, what was not removed is whole, no digest is wrong,
// and the same call may be made again. r tells what was done before.
//
// Source: replicator.py, delete_handoff_objs. Where we differ: Swift removes whole
// trees, with what was written into them since, and leaves the digests as they are.
func (p *Partition) Remove(ctx context.Context, lock *Lock, proven []Proven) (r Removal, err error) {
	if p.policy.Kind != hashes.Replication {
		return r, fmt.Errorf("%s: %w", p.Path(), ErrErasureCoded)
	}
	if control.Enabled && control.Is(control.TreeRemoved) {
		return Removal{Removed: len(proven), Partition: true}, os.RemoveAll(p.Path())
	}
	proven = slices.SortedFunc(slices.Values(proven), func(a, b Proven) int {
		return cmp.Or(cmp.Compare(a.Hash.Suffix(), b.Hash.Suffix()), slices.Compare(a.Hash[:], b.Hash[:]))
	})
	var failed NotRemovedError
	for batch := range slices.Chunk(proven, removeBatch) {
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err := p.removeBatch(ctx, lock, batch, &r, &failed); err != nil {
			return r, err
		}
	}
	gone, left, err := p.Purge(ctx, lock)
	r.Partition = gone
	r.tell(p.Path(), left)
	if err == nil && len(failed.Errs) > 0 {
		err = &failed
	}
	return r, err
}

// doomed is an object on its way out.
type doomed struct {
	Proven
	files   []string // to be unlinked, the .data or .ts first
	other   []string // that stay
	changed bool     // there is something else than was proven
	emptied bool     // its directory has gone
	err     error
}

// removeBatch removes some objects under .lock, held from the moment they are
// looked at until what was done is durable. That keeps our own writers out, and
// all who write digests: one that was taken while the names were still there is
// overruled by the line in hashes.invalid, and one taken afterwards tells of
// nothing that a power cut could undo.
func (p *Partition) removeBatch(ctx context.Context, lock *Lock, batch []Proven, r *Removal, failed *NotRemovedError) error {
	names, err := p.lockHashes(ctx)
	if err != nil {
		return err
	}
	defer names.Release()
	if err := p.locked(lock); err != nil { // only now: .lock may have been waited for
		return err
	}
	list := make([]doomed, len(batch))
	p.each(len(batch), func(i int) {
		list[i].Proven = batch[i]
		list[i].err = p.look(&list[i])
	})
	var condemned []*doomed
	var suffixes []proto.Suffix
	for i := range list {
		if d := &list[i]; d.err == nil && len(d.files) > 0 {
			condemned = append(condemned, d)
			suffixes = append(suffixes, d.Hash.Suffix()) // ascending, as the batch is
		}
	}
	if len(condemned) > 0 {
		if err := p.removeAll(condemned, slices.Compact(suffixes)); err != nil {
			return err
		}
	}
	for i := range list {
		r.count(p, &list[i], failed)
	}
	return nil
}

// removeAll removes what was condemned. Its suffixes are told first, as every
// writer does: whatever happens next, no digest of theirs is believed.
func (p *Partition) removeAll(list []*doomed, suffixes []proto.Suffix) error {
	if !control.Enabled || !control.Is(control.RemovalNotNoted) {
		if err := p.invalidate(suffixes); err != nil {
			return err
		}
	}
	p.each(len(list), func(i int) { list[i].err = p.removeObject(list[i]) })
	return p.syncRemoved(list, suffixes)
}

func (r *Removal) count(p *Partition, d *doomed, failed *NotRemovedError) {
	switch {
	case d.err != nil:
		failed.add(d.err)
	case d.changed:
		r.Changed++
		return // what lies there belongs to an object that stays
	case len(d.files) == 0:
		r.Gone++
	default:
		r.Removed++
	}
	r.tell(p.absolute(p.hashDir(d.Hash)), d.other)
}
