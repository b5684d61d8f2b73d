package model_test

import (
	"errors"
	"fmt"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// state is what a disk holds of a name: the zero value is nothing.
type state struct {
	data    int64 // raw time of the .data or .ts
	deleted bool
	etag    string
	meta    int64 // raw time of the .meta, if it is newer
	color   string
}

func (s state) String() string {
	switch {
	case s.data == 0:
		return "nothing"
	case s.deleted:
		return fmt.Sprintf("deleted at %d", s.data)
	}
	return fmt.Sprintf("%.6s of %d, %q of %d", s.etag, s.data, s.color, s.meta)
}

// change is an operation on a name, at a time of its own.
type change struct {
	kind  string // put, post, delete
	at    proto.Timestamp
	body  []byte
	color string
}

// after is what a change makes of a state.
func (c change) after(s state) state {
	at := c.at.Raw
	switch c.kind {
	case "put":
		return merge(s, state{data: at, etag: hashes.Checksum(c.body), color: c.color})
	case "delete":
		return merge(s, state{data: at, deleted: true})
	}
	if s.data == 0 || s.deleted || at <= max(s.data, s.meta) {
		return s
	}
	s.meta, s.color = at, c.color
	return s
}

// merge is what a disk holds of s once it has been offered o: a session's effect.
func merge(s, o state) state {
	newer := mergeData(s, o)
	if !newer.deleted && o.meta > max(newer.data, newer.meta) {
		newer.meta, newer.color = o.meta, o.color
	}
	return newer
}

// mergeData is a session's effect where the POST behind a PUT was not carried out.
func mergeData(s, o state) state {
	if o.data <= s.data {
		return s
	}
	color := o.color
	if o.meta > 0 {
		color = "" // of the .data itself; unknown here, see colorOf
	}
	newer := state{data: o.data, deleted: o.deleted, etag: o.etag, color: color}
	if s.meta > o.data && !o.deleted {
		newer.meta, newer.color = s.meta, s.color
	}
	return newer
}

// mergeMeta is a session's effect where the PUT before a POST failed.
func mergeMeta(s, o state) state {
	if s.data > 0 && !s.deleted && !o.deleted && o.meta > max(s.data, s.meta) {
		s.meta, s.color = o.meta, o.color
	}
	return s
}

// same compares two states; the color of a .data without a .meta is known to the
// model only where nobody has posted over it.
func same(a, b state) bool {
	if a.meta == 0 && b.meta == 0 {
		a.color, b.color = "", ""
	}
	return a == b
}

// observe reads a state from a disk, and fails where it can't be true.
func observe(p *store.Partition, name string) (s state, err error) {
	if _, err := storetest.State(p, name); err != nil { // reads the body too
		return s, err
	}
	o, err := p.Open(storetest.Hash(name))
	if errors.Is(err, store.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer o.Close()
	s = state{data: o.Times.Data.Raw, deleted: o.Tombstone}
	if !s.deleted {
		s.etag = o.ETag()
		s.color, _ = o.Merged().Get("X-Object-Meta-Color")
	}
	if o.Times.Meta != o.Times.Data {
		s.meta = o.Times.Meta.Raw
	}
	return s, nil
}

// states are those that may be found.
type states []state

func (all states) has(s state) bool {
	for _, known := range all {
		if same(known, s) {
			return true
		}
	}
	return false
}

func (all states) with(more ...state) states {
	for _, s := range more {
		if !all.has(s) {
			all = append(all, s)
		}
	}
	return all
}
