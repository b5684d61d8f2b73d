package store

import (
	"errors"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Held opens an object for the answer "I have it", on whose strength a peer may
// delete his copy. What was made within Config.FreshFor may be visible without
// being durable, since its writer may not have finished: then its files and the
// directories above it are fsynced first. No object is no error: nil.
func (p *Partition) Held(h proto.Hash) (*Object, error) {
	o, err := p.Open(h)
	if errors.Is(err, ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if control.Enabled && control.Is(control.NotSettled) {
		return o, nil
	}
	if err := o.settle(); err != nil {
		o.Close()
		return nil, p.device.suspect(err)
	}
	return o, nil
}

// settle makes a young object durable.
func (o *Object) settle() error {
	p := o.partition
	young := p.store().cfg.Now().Add(-p.store().cfg.FreshFor)
	var newest time.Time
	for _, f := range o.files {
		at, err := o.changedAt(f)
		if err != nil {
			return err
		}
		if at.Before(young) {
			continue
		}
		if err := f.sync(); err != nil {
			return err
		}
		if at.After(newest) {
			newest = at
		}
	}
	if newest.IsZero() {
		return nil
	}
	for _, dir := range p.chain(o.Hash.Suffix()) {
		if err := p.settled.sync(p.root(), dir, newest); err != nil {
			return err
		}
	}
	return p.root().syncDir(o.dir)
}

// changedAt is when one of the object's files last changed. Of the .data that is
// known: it was asked for with the size, after the open, and what changes a file
// that has its name makes it no younger than it is.
func (o *Object) changedAt(f *file) (time.Time, error) {
	if f == o.data {
		return o.changed, nil
	}
	st, err := f.stat()
	return changed(&st), err
}

// settledDirs remembers when a directory was last fsynced, so that the objects of
// one session share the fsyncs of the directories above them: one that began
// after a name appeared covers that name.
type settledDirs struct {
	mu sync.Mutex
	at map[string]time.Time
}

// clockGrain is how far the kernel's time of a change may lie behind the clock:
// ctime is taken at a tick, 10 ms at the longest, and more is no harm.
const clockGrain = 20 * time.Millisecond

func (s *settledDirs) sync(r *root, dir string, newest time.Time) error {
	s.mu.Lock()
	begun := s.at[dir]
	s.mu.Unlock()
	if begun.After(newest.Add(clockGrain)) {
		return nil
	}
	begun = realtime()
	if err := r.syncDir(dir); err != nil {
		return err
	}
	s.mu.Lock()
	if s.at == nil {
		s.at = map[string]time.Time{}
	}
	s.at[dir] = begun
	s.mu.Unlock()
	return nil
}

// realtime is the kernel's clock, which file times are taken from.
func realtime() time.Time {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &ts); err != nil {
		return time.Time{} // remembers nothing: the next one fsyncs again
	}
	return time.Unix(ts.Unix())
}
