package store

import (
	"errors"
	"fmt"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Errors of an update that is refused before anything is written.
var (
	ErrName  = errors.New("another object's name lies in this directory")
	ErrStale = errors.New("content type newer than the metadata it came with")
	// ErrErasureCoded also keeps digests from being taken, which have another form there.
	ErrErasureCoded = errors.New("the policy is erasure coded, and fragments are not written here")
)

// ConflictError tells that what is there is as new as the update, or newer.
type ConflictError struct {
	Existing  proto.Timestamp // of the .data or .ts; for a POST, of the metadata in force
	Tombstone bool
	ETag      string // of the .data that is there
}

func (e *ConflictError) Error() string {
	what := "an object"
	if e.Tombstone {
		what = "a tombstone"
	}
	return fmt.Sprintf("%s as new is there, of %s", what, e.Existing)
}

// DeletedError tells that a tombstone stands where an object was looked for.
type DeletedError struct{ Timestamp proto.Timestamp }

func (e *DeletedError) Error() string { return "deleted at " + e.Timestamp.String() }

// Put makes room for an object's body of size bytes. The body is written with
// WriteAt; then Seal, then Commit. It fails with *ConflictError where the data or
// tombstone that is there is not older. Source: server.py, PUT.
func (p *Partition) Put(h proto.Hash, ts proto.Timestamp, size int64) (*Writer, error) {
	return p.PutChecked(h, ts, size, "")
}

// Seal ends a body: md is all that is stored with it, but the name, which must be
// the one that h was taken of.
func (w *Writer) Seal(name string, ts proto.Timestamp, md hashes.Metadata) error {
	md.Set("name", name)
	return w.seal(string(hashes.AppendDataName(nil, ts)), md)
}

// Delete makes a tombstone, also where nothing was. A tombstone as new is no
// error: then there is nothing to commit, and the writer is nil. Source:
// server.py, DELETE.
func (p *Partition) Delete(h proto.Hash, name string, ts proto.Timestamp) (*Writer, error) {
	now, err := p.current(h)
	if err != nil {
		return nil, err
	}
	defer now.Close()
	if there, is := now.standing(); is && !there.Before(ts) {
		if now.Tombstone {
			return nil, now.makeSure()
		}
		return nil, now.conflict(there)
	}
	w, err := p.create(h, -1)
	if err != nil {
		return nil, err
	}
	md := hashes.Metadata{{Key: "X-Timestamp", Value: ts.Internal()}, {Key: "name", Value: name}}
	if err := w.seal(string(hashes.AppendTombstoneName(nil, ts)), md); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// Post makes a .meta of the metadata given, which holds X-Timestamp, of value ts,
// and perhaps Content-Type with Content-Type-Timestamp. Without an object it
// fails with ErrNotExist or *DeletedError; with newer metadata there, with
// *ConflictError. Of two content types the newer one is kept. Source: server.py,
// POST.
func (p *Partition) Post(h proto.Hash, name string, ts proto.Timestamp, md hashes.Metadata) (*Writer, error) {
	now, err := p.current(h)
	if err != nil {
		return nil, err
	}
	defer now.Close()
	switch {
	case now.Tombstone:
		if err := now.makeSure(); err != nil {
			return nil, err
		}
		return nil, &DeletedError{now.Times.Data}
	case now.Name == "":
		return nil, ErrNotExist
	}
	ctype, err := ctypeTime(md, ts)
	if err != nil {
		return nil, err
	}
	if !now.Times.Meta.Before(ts) {
		if !now.Times.CType.Before(ctype) {
			return nil, now.conflict(now.Times.Meta)
		}
		if now.Meta == nil {
			return nil, ErrStale // Swift answers 500; no sender does this
		}
		contentType, _ := md.Get("Content-Type")
		md = append(hashes.Metadata(nil), now.Meta...)
		md.Set("Content-Type", contentType)
	}
	return p.writeMeta(now, h, name, md, ctype)
}

// writeMeta settles the content type and writes the .meta.
func (p *Partition) writeMeta(now *Object, h proto.Hash, name string, md hashes.Metadata, ctype proto.Timestamp) (*Writer, error) {
	switch {
	case ctype.After(now.Times.CType):
		md.Set("Content-Type-Timestamp", ctype.Internal())
	case now.Times.CType != now.Times.Data:
		contentType, _ := now.Merged().Get("Content-Type")
		md.Set("Content-Type", contentType)
		md.Set("Content-Type-Timestamp", now.Times.CType.Internal())
	}
	md.Set("name", name)
	ts, err := timeOf(md, "X-Timestamp")
	if err != nil {
		return nil, err
	}
	var stamp *proto.Timestamp
	if _, ok := md.Get("Content-Type-Timestamp"); ok {
		at, err := timeOf(md, "Content-Type-Timestamp")
		if err != nil {
			return nil, err
		}
		stamp = &at
	}
	w, err := p.create(h, 0)
	if err != nil {
		return nil, err
	}
	if err := w.seal(string(hashes.AppendMetaName(nil, ts, stamp)), md); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

// ctypeTime is the time of the content type in an update, zero without one.
func ctypeTime(md hashes.Metadata, ts proto.Timestamp) (proto.Timestamp, error) {
	if contentType, _ := md.Get("Content-Type"); contentType == "" {
		return proto.Timestamp{}, nil
	}
	if _, ok := md.Get("Content-Type-Timestamp"); !ok {
		return ts, nil
	}
	return timeOf(md, "Content-Type-Timestamp")
}

// current opens what is there now; nothing, or something that went to
// quarantine, is an object without a name.
func (p *Partition) current(h proto.Hash) (*Object, error) {
	if p.policy.Kind != hashes.Replication {
		return nil, fmt.Errorf("%s: %w", p.Path(), ErrErasureCoded)
	}
	o, err := p.Open(h)
	var gone *QuarantinedError
	if errors.Is(err, ErrNotExist) || errors.As(err, &gone) && gone.Err == nil {
		return &Object{Hash: h, partition: p}, nil
	}
	return o, err
}

// standing is the time that a PUT or a DELETE competes with: the .data's or the
// tombstone's. Swift takes the metadata's for an object that has expired by the
// time of the update; a newer body would then be refused for ever, and a copy of
// it somewhere else be the only one.
func (o *Object) standing() (proto.Timestamp, bool) { return o.Times.Data, o.Name != "" }

// makeSure makes what is there durable, as Held does: a sender who is refused on
// the strength of it takes it for held, and somebody else's commit may have failed,
// or may still be under way.
func (o *Object) makeSure() error { return o.partition.device.suspect(o.settle()) }

func (o *Object) conflict(there proto.Timestamp) error {
	if err := o.makeSure(); err != nil {
		return err
	}
	return &ConflictError{Existing: there, Tombstone: o.Tombstone, ETag: o.ETag()}
}
