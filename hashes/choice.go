package hashes

import (
	"slices"
	"time"

	"github.com/ringsync/ringsync/proto"
)

// Choice is what the files of a hash directory amount to. It has one of these
// shapes: nothing; a Tombstone; a Data, perhaps with a Meta, perhaps with a
// CType.
type Choice struct {
	Data *File
	Meta *File // the newest metadata; newer than Data

	// CType is the Meta that sets the Content-Type, when that is newer than
	// Data: the same file as Meta or an older one.
	CType *File

	Tombstone *File // only without a Data

	Obsolete   []File   // superseded by a newer file; may be removed at once
	Reclaim    []File   // without effect; may be removed after reclaim_age
	Unexpected []string // names that are not Swift's; never to be removed
}

// DataTime is the time of the body or, without one, of the deletion; zero when
// there is neither.
func (c Choice) DataTime() proto.Timestamp {
	switch {
	case c.Data != nil:
		return c.Data.Time
	case c.Tombstone != nil:
		return c.Tombstone.Time
	default:
		return proto.Timestamp{}
	}
}

// MetaTime is the time of the metadata: that of the body unless a POST came
// after it.
func (c Choice) MetaTime() proto.Timestamp {
	if c.Meta != nil {
		return c.Meta.Time
	}

	return c.DataTime()
}

// CTypeTime is the time of the Content-Type: that of the body unless a POST
// set a newer one.
func (c Choice) CTypeTime() proto.Timestamp {
	if c.CType != nil {
		return c.CType.CType
	}

	return c.DataTime()
}

// Exists reports whether there is an object or a tombstone.
func (c Choice) Exists() bool { return c.Data != nil || c.Tombstone != nil }

// Removable returns the files that a clean-up at now unlinks: the obsolete
// ones, and those that are older than reclaimAge by their names among the
// tombstone and Reclaim. The result may share memory with c.Obsolete.
//
// Swift spares young non-durable fragments too; a replication policy has none.
// Source: diskfile.py, cleanup_ondisk_files.
func (c Choice) Removable(now time.Time, reclaimAge time.Duration) []File {
	removable := slices.Clip(c.Obsolete)
	if c.tombstoneReclaimable(now, reclaimAge) {
		removable = append(removable, *c.Tombstone)
	}
	for _, f := range c.Reclaim {
		if reclaimable(f.Time, now, reclaimAge) {
			removable = append(removable, f)
		}
	}

	return removable
}

// Cleaned returns what is left of c after the clean-up of Removable: the same
// object, but no reclaimable tombstone, nothing obsolete, and of Reclaim only
// what is still young.
func (c Choice) Cleaned(now time.Time, reclaimAge time.Duration) Choice {
	cleaned := c
	cleaned.Obsolete = nil
	cleaned.Reclaim = nil
	if c.tombstoneReclaimable(now, reclaimAge) {
		cleaned.Tombstone = nil
	}
	for _, f := range c.Reclaim {
		if !reclaimable(f.Time, now, reclaimAge) {
			cleaned.Reclaim = append(cleaned.Reclaim, f)
		}
	}

	return cleaned
}

func (c Choice) tombstoneReclaimable(now time.Time, reclaimAge time.Duration) bool {
	return c.Tombstone != nil && reclaimable(c.Tombstone.Time, now, reclaimAge)
}

func reclaimable(t proto.Timestamp, now time.Time, reclaimAge time.Duration) bool {
	return now.Sub(t.Time()) > reclaimAge
}
