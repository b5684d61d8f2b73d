package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// look decides what of an object is to go, by the names that are there now.
func (p *Partition) look(d *doomed) error {
	names, choice, err := p.sweep(p.hashDir(d.Hash))
	if err != nil {
		return err
	}
	if control.Enabled && control.Is(control.TimesNotCompared) {
		d.Times = Times{choice.DataTime(), choice.MetaTime(), choice.CTypeTime()}
	}
	d.files = provenNames(choice, d.Times)
	d.changed = choice.Exists() && len(d.files) == 0
	for _, name := range names {
		if !slices.Contains(d.files, name) {
			d.other = append(d.other, name)
		}
	}
	return nil
}

// sweep lists a hash directory from which all is gone that a clean-up removes, and
// makes that durable. Otherwise an old body, or one from before a deletion, might
// come back once the newer name that had made it obsolete is unlinked: somebody
// else's clean-up too is durable only after an fsync, or after Config.FreshFor, as
// for Held. What is listed and does not go is no object.
func (p *Partition) sweep(dir string) (names []string, c hashes.Choice, err error) {
	if names, err = p.root().readDir(dir); absent(err) {
		return nil, c, nil
	}
	if err != nil {
		return nil, c, err
	}
	c = hashes.Choose(names, p.policy)
	now, age := p.store().cfg.Now(), p.store().cfg.ReclaimAge
	old := c.Removable(now, age)
	if len(old) > 0 {
		if err := p.syncDir(dir); err != nil { // the newer name first: see list
			return nil, c, err
		}
	}
	for _, f := range old {
		if err := p.root().unlink(dir + "/" + f.Name); err != nil && !absent(err) {
			return nil, c, err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == f.Name })
	}
	if c = c.Cleaned(now, age); !c.Exists() {
		if len(names) == 0 {
			p.root().rmdir(dir) // or the next reader does
		}
		return names, c, nil
	}
	st, err := p.root().stat(dir)
	if absent(err) {
		return nil, hashes.Choice{}, nil
	}
	if err == nil && !changed(&st).Before(now.Add(-p.store().cfg.FreshFor)) {
		err = p.syncDir(dir)
	}
	return names, c, err
}

// provenNames are the files that make up what was proven, the .data or .ts first;
// none if what is there is anything else. A content type's time loses its offset
// in a name. Of an object whose removal was cut short the .meta may be left, which
// alone is nothing, and goes as well.
//
// Which of a .data and a .ts it was, the wire does not say. Both at one time can't
// come about by requests, of which the second is refused.
func provenNames(c hashes.Choice, ts Times) (names []string) {
	switch {
	case !c.Exists():
		for _, f := range c.Reclaim {
			if f.Time == ts.Meta && ts.Meta != ts.Data {
				names = append(names, f.Name)
			}
		}
		return names
	case c.DataTime() != ts.Data || c.MetaTime() != ts.Meta || !sameCType(c.CTypeTime(), ts.CType):
		return nil
	case c.Tombstone != nil:
		return []string{c.Tombstone.Name}
	}
	names = []string{c.Data.Name}
	for _, f := range []*hashes.File{c.Meta, c.CType} {
		if f != nil && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func sameCType(named, proven proto.Timestamp) bool {
	return named == proven || named.Offset == 0 && named.Raw == proven.Raw
}

// removeObject unlinks what was condemned, and then the directory, unless somebody
// has written there meanwhile.
//
// The .data goes first, and durably so before a .meta goes. A power cut then leaves
// the whole object, or nothing, or a .meta alone, which Swift takes for nothing: it
// is not offered, served or hashed, and is removed after reclaim_age. If the .data
// comes again it is the whole object again. The other way round a .data might be
// left without its .meta, and old metadata be served as if it were true.
//
// Nobody can keep a Python server's POST from linking its .meta after the object it
// was about has gone: it holds no lock. Such a .meta stays, as that of a power cut
// does, and with it the directories above, until it is as old as reclaim_age. A PUT or a DELETE is whole by itself and loses nothing: a name that was not
// proven is never unlinked, and a directory that is not empty never removed.
func (p *Partition) removeObject(d *doomed) error {
	dir := p.hashDir(d.Hash)
	for i, name := range d.files {
		if i == 1 {
			if err := p.syncDir(dir); err != nil {
				return err
			}
		}
		if err := p.root().unlink(dir + "/" + name); err != nil && !absent(err) {
			return err
		}
	}
	err := p.root().rmdir(dir)
	d.emptied = err == nil || absent(err)
	if d.emptied || inUse(err) {
		return nil
	}
	return err
}

// syncRemoved removes the suffix directories that have become empty and makes all
// that was unlinked durable: with the directory it was in, or, when that has gone,
// with the one above.
func (p *Partition) syncRemoved(list []*doomed, suffixes []proto.Suffix) error {
	var dirs []string
	for _, d := range list {
		if !d.emptied {
			dirs = append(dirs, p.hashDir(d.Hash))
		}
	}
	var failed error
	emptied := false
	for _, s := range suffixes {
		err := p.root().rmdir(p.suffixDir(s))
		if err == nil || absent(err) {
			emptied = true
			continue
		}
		if failed == nil && !inUse(err) {
			failed = err
		}
		dirs = append(dirs, p.suffixDir(s))
	}
	if emptied {
		dirs = append(dirs, p.dir)
	}
	errs := make([]error, len(dirs))
	p.each(len(dirs), func(i int) { errs[i] = p.syncDir(dirs[i]) })
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("removed, but not durable: %w", err)
		}
	}
	return failed
}

// syncDir makes a directory durable where it still is; a failure makes the device
// suspect.
func (p *Partition) syncDir(dir string) error {
	if err := p.root().syncDir(dir); err != nil && !absent(err) {
		return p.device.suspect(err)
	}
	return nil
}

// inUse tells a directory that somebody has written into.
func inUse(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }
