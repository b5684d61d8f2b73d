package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Commit publishes a group of files, and returns for each, in order, nil once it
// is durable under its name. No two of a group may belong to one hash. What
// failed is not acknowledged; it may still be visible when only a directory's
// fsync failed, and then the device is suspect. Every writer is finished after
// this, whatever came of it.
func (p *Partition) Commit(ctx context.Context, group []*Writer) []error {
	if !control.Enabled || !control.Is(control.FsyncLeftOut) && !control.Is(control.LinkBeforeFsync) {
		p.syncFiles(group)
	}
	if ready := unfailed(group); len(ready) > 0 {
		if err := p.publish(ctx, ready); err != nil {
			failAll(ready, err)
		}
	}
	p.each(len(group), func(i int) {
		if w := group[i]; w.failed == nil && !w.alone {
			// An obsolete file left behind is removed by the next reader.
			p.tidy(p.hashDir(w.Hash), func() error { return nil }) // syncNames has been here
		}
	})
	errs := make([]error, len(group))
	for i, w := range group {
		w.Abort()
		errs[i] = w.failed
	}
	return errs
}

// syncFiles makes the bytes and attributes of a group durable. The disk is given all
// the bytes first: then it has them when the fsyncs come, few at a time as there are
// workers, and those are left with the file system's journal, which a group shares.
func (p *Partition) syncFiles(group []*Writer) {
	if len(group) > 1 {
		for _, w := range group {
			if err := w.file.startSync(); err != nil && !unsupported(err) {
				w.fail(p.device.suspect(err))
			}
		}
	}
	p.each(len(group), func(i int) {
		if w := group[i]; w.failed == nil {
			w.fail(p.device.suspect(w.file.sync()))
		}
	})
}

func (w *Writer) fail(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

func failAll(group []*Writer, err error) {
	for _, w := range group {
		w.fail(err)
	}
}

func unfailed(group []*Writer) []*Writer {
	var ready []*Writer
	for _, w := range group {
		if w.failed == nil {
			ready = append(ready, w)
		}
	}
	return ready
}

// each runs f for 0 … n-1 on as many goroutines as the store allows.
func (p *Partition) each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var g errgroup.Group
	g.SetLimit(p.store().cfg.CommitWorkers)
	for i := range n {
		g.Go(func() error { f(i); return nil })
	}
	g.Wait()
}

// publish invalidates the group's suffixes, gives the files their names and makes
// those durable, all of it under .lock. Whoever takes a digest for hashes.pkl, us
// or Python, writes it before or after all of it: a digest of a name that a power
// cut takes away would say for ever that the object is here.
func (p *Partition) publish(ctx context.Context, group []*Writer) error {
	lock, err := p.lockHashes(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	if !control.Enabled || !control.Is(control.SuffixNotNoted) {
		if err := p.invalidate(suffixesOf(group)); err != nil {
			return err
		}
	}
	for _, w := range group {
		w.fail(w.link())
	}
	if control.Enabled && control.Is(control.LinkBeforeFsync) {
		p.syncFiles(unfailed(group))
	}
	p.syncNames(unfailed(group))
	return nil
}

func suffixesOf(group []*Writer) []proto.Suffix {
	suffixes := make([]proto.Suffix, len(group))
	for i, w := range group {
		suffixes[i] = w.Hash.Suffix()
	}
	slices.Sort(suffixes)
	return slices.Compact(suffixes)
}

// linkTries: the directory may be tidied away between its making and the link,
// by a reader who found it empty. Twice in a row is no accident.
const linkTries = 3

// link gives the file its name. Source: diskfile.py, link_fd_to_path.
func (w *Writer) link() error {
	p, dir := w.partition, w.partition.hashDir(w.Hash)
	var err error
	for range linkTries {
		made, mkdirErr := p.root().makeDirs(p.policy.DataDir(), p.dir, p.suffixDir(w.Hash.Suffix()), dir)
		if mkdirErr != nil {
			return mkdirErr
		}
		err = p.root().link(w.file, w.named, dir+"/"+w.name)
		w.alone = made && w.etag != ""
		if errors.Is(err, unix.EEXIST) {
			return w.replace(dir + "/" + w.name)
		}
		if !absent(err) {
			return err
		}
	}
	return err
}

// replace deals with a name that exists already. The same body under the same
// time is what was asked for, unless that was held against nothing and ours was;
// anything else is replaced in one step, never
// unlinked first, so that there is no moment without an object. The step goes
// through the device's tmp directory: in a hash directory a second name would be
// read as the object's.
func (w *Writer) replace(path string) error {
	if w.etag != "" && w.isThere(path) {
		return nil
	}
	p := w.partition
	from := w.file.path
	if !w.named {
		from = p.tempPath()
		err := p.root().link(w.file, false, from)
		if absent(err) {
			if _, err = p.root().makeDirs(p.policy.TmpDir()); err == nil {
				err = p.root().link(w.file, false, from)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := p.root().rename(from, path); err != nil {
		p.root().unlink(from)
		return err
	}
	return nil
}

// isThere tells whether the .data at path is sound, has the writer's body, and was
// held against as much.
func (w *Writer) isThere(path string) bool {
	o := &Object{Hash: w.Hash, partition: w.partition, dir: w.partition.hashDir(w.Hash)}
	defer o.Close()
	if o.readData(path[len(o.dir)+1:]) != nil || o.ETag() != w.etag {
		return false
	}
	unchecked, err := o.Unchecked()
	return err == nil && !unchecked || w.unchecked
}

// syncNames makes the group's names durable: each directory between the device
// and a name once, side by side. They are all fsynced, also those that were
// there before: whoever made them may not have come to it yet.
func (p *Partition) syncNames(group []*Writer) {
	if len(group) == 0 {
		return
	}
	waiting := map[string][]*Writer{}
	var dirs []string
	add := func(dir string, w *Writer) {
		if waiting[dir] == nil {
			dirs = append(dirs, dir)
		}
		waiting[dir] = append(waiting[dir], w)
	}
	for _, w := range group {
		add(p.hashDir(w.Hash), w)
		for _, dir := range p.chain(w.Hash.Suffix()) {
			add(dir, w)
		}
	}
	errs := make([]error, len(dirs))
	p.each(len(dirs), func(i int) { errs[i] = p.root().syncDir(dirs[i]) })
	for i, err := range errs {
		if control.Enabled && control.Is(control.DirErrorIgnored) {
			err = nil
		}
		if err = p.device.suspect(err); err != nil {
			failAll(waiting[dirs[i]], fmt.Errorf("not durable: %w", err))
		}
	}
}
