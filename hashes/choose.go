package hashes

import (
	"cmp"
	"slices"
)

// Choose decides which of the names in a hash directory count. The order of
// names does not matter: where leniently parsed names mean the same time, the
// one that sorts last comes first, as in Swift's cleanup.
//
// In an erasure-coded policy several fragments count side by side, by rules
// that are not kept here: all names come back as Unexpected, so nobody removes
// or offers any of them.
//
// Source: diskfile.py, get_ondisk_files and DiskFileManager._process_ondisk_files.
func Choose(names []string, p Policy) Choice {
	if p.Kind == ErasureCoding {
		return Choice{Unexpected: slices.Clone(names)}
	}

	var c Choice
	files := c.parse(names, p)
	files = c.applyTombstone(files)
	files = c.applyMeta(files)
	files = c.applyData(files)
	c.pick(files)

	return c
}

// parse returns the files among names, newest first. They share one
// allocation, which the pointers of the Choice keep.
func (c *Choice) parse(names []string, p Policy) []File {
	files := make([]File, 0, len(names))
	for _, name := range names {
		f, ok := ParseFile(name, p)
		if !ok {
			c.Unexpected = append(c.Unexpected, name)
			continue
		}
		files = append(files, f)
	}

	if len(files) > 1 {
		slices.SortFunc(files, newestFirst)
	}

	return files
}

func newestFirst(a, b File) int {
	if order := b.Time.Compare(a.Time); order != 0 {
		return order
	}

	return cmp.Compare(b.Name, a.Name)
}

// applyTombstone: the newest tombstone supersedes all others, and everything
// that is not newer than itself.
func (c *Choice) applyTombstone(files []File) []File {
	i := firstOf(files, Tombstone)
	if i < 0 {
		return files
	}

	newest := files[i]

	return c.discard(files, func(f *File) bool {
		if f.Ext == Tombstone {
			return f.Name != newest.Name
		}
		return !f.Time.After(newest.Time)
	})
}

// applyMeta: the newest metadata counts, and beside it the one with the newest
// content type if that is newer than its own. Of two at the same time only the
// latter counts.
func (c *Choice) applyMeta(files []File) []File {
	i := firstOf(files, Meta)
	if i < 0 {
		return files
	}

	newest := files[i]
	ctype := newestCType(files[i:])
	if ctype.Time.Compare(newest.Time) == 0 {
		newest = ctype
	}

	return c.discard(files, func(f *File) bool {
		return f.Ext == Meta && f.Name != newest.Name && f.Name != ctype.Name
	})
}

// newestCType returns the Meta with the newest content type, the first of
// several. files begins with a Meta.
func newestCType(files []File) File {
	best := files[0]
	for _, f := range files[1:] {
		if f.Ext == Meta && f.CType.After(best.CType) {
			best = f
		}
	}

	return best
}

// applyData: the newest body supersedes whatever is not newer, except another
// name of the same time.
func (c *Choice) applyData(files []File) []File {
	i := firstOf(files, Data)
	if i < 0 {
		return files
	}

	newest := files[i]

	return c.discard(files, func(f *File) bool {
		if f.Ext == Data {
			return f.Time.Before(newest.Time)
		}
		return !f.Time.After(newest.Time)
	})
}

// discard moves the superseded of files to Obsolete and returns the rest, in
// order and in place.
func (c *Choice) discard(files []File, superseded func(*File) bool) []File {
	kept := files[:0]
	for i := range files {
		if superseded(&files[i]) {
			c.Obsolete = append(c.Obsolete, files[i])
		} else {
			kept = append(kept, files[i])
		}
	}

	return kept
}

// pick points at the files that are left. Without a body, metadata has no
// effect.
func (c *Choice) pick(files []File) {
	if i := firstOf(files, Data); i >= 0 {
		c.Data = &files[i]
	} else if i := firstOf(files, Tombstone); i >= 0 {
		c.Tombstone = &files[i]
	}

	for i := range files {
		f := &files[i]

		switch {
		case f.Ext != Meta:
			continue
		case c.Data == nil:
			c.Reclaim = append(c.Reclaim, *f)
			continue
		case c.Meta == nil:
			c.Meta = f
		}

		// The last one has the newest content type; see applyMeta.
		c.CType = nil
		if f.HasCType && f.CType.After(c.Data.Time) {
			c.CType = f
		}
	}
}

// firstOf returns the index of the newest file of a kind, -1 if there is none.
func firstOf(files []File, ext Ext) int {
	for i := range files {
		if files[i].Ext == ext {
			return i
		}
	}

	return -1
}
