package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// ErrNotExist tells that nothing that counts lies in a hash directory.
var ErrNotExist = errors.New("no such object")

// QuarantinedError tells that a hash directory held something that can't be
// true. Moved is where it was put; empty, with Err, when it could not be moved.
type QuarantinedError struct {
	Path, Reason, Moved string
	Err                 error
}

func (e *QuarantinedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s; not quarantined: %v", e.Path, e.Reason, e.Err)
	}
	return fmt.Sprintf("%s: %s; quarantined as %s", e.Path, e.Reason, e.Moved)
}

func (e *QuarantinedError) Unwrap() error { return e.Err }

// Times are the three timestamps an object is compared by.
type Times struct {
	Data  proto.Timestamp // of the .data or .ts
	Meta  proto.Timestamp // of the .meta, else Data
	CType proto.Timestamp // of the content type, else Data
}

// Object is what a hash directory holds: an object or its tombstone. An open
// object is a snapshot: it stays readable when its files are replaced.
type Object struct {
	Hash      proto.Hash
	Name      string // /account/container/object
	Tombstone bool
	Times     Times
	Size      int64
	Data      hashes.Metadata // of the .data or .ts
	Meta      hashes.Metadata // of the .meta, a newer content type merged in; nil without one

	partition *Partition
	dir       string
	in        *file     // dir, while its files are opened; nil: by their paths
	body                // of the .data; none of a tombstone
	changed   time.Time // of data, the last change
	files     []*file   // all that are open, the .data among them
}

// Open opens what a hash directory holds. It returns ErrNotExist where nothing
// counts, *QuarantinedError where what counts can't be true, and any other error
// where it could not be found out. Obsolete files are removed on the way, as
// every reader of Swift's does. Source: diskfile.py, get_diskfile_from_hash and
// DiskFile.open with open_expired.
func (p *Partition) Open(h proto.Hash) (*Object, error) {
	dir := p.hashDir(h)
	in, choice, err := p.enter(dir)
	if in != nil {
		defer in.close()
	}
	if reason := strange(err); reason != "" {
		return nil, p.quarantine(h, reason)
	}
	if err != nil {
		return nil, err
	}
	o := &Object{Hash: h, partition: p, dir: dir, in: in}
	err = o.read(choice)
	o.in = nil
	if err == nil {
		return o, nil
	}
	o.Close()
	var bad *corruptError
	switch {
	case errors.As(err, &bad):
		return nil, p.quarantine(h, bad.reason)
	case absent(err):
		return nil, fmt.Errorf("%s changed while it was opened: %w", p.absolute(dir), err)
	}
	return nil, err
}

// strange is the reason to quarantine what stands where a hash directory should,
// if err, from reading it, gives one. Source: diskfile.py, get_diskfile_from_hash.
func strange(err error) string {
	switch {
	case errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP):
		return "not a directory"
	case errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EUCLEAN):
		return "damaged: " + err.Error()
	}
	return ""
}

// list reads a hash directory, chooses what counts and removes what is obsolete
// or reclaimable. A directory that isn't there holds nothing. Source:
// diskfile.py, cleanup_ondisk_files. Where we differ: the name that makes another
// one obsolete may be somebody's who has not fsynced the directory yet, or could
// not. So that is done first: a power cut might take the new name and leave the old
// one removed.
func (p *Partition) list(dir string) (hashes.Choice, error) {
	in, choice, err := p.enter(dir)
	if in != nil {
		in.close()
	}
	return choice, err
}

// enter is list, and leaves the directory open; nil where it isn't there.
func (p *Partition) enter(dir string) (in *file, c hashes.Choice, err error) {
	in, err = p.root().openDir(dir)
	if absent(err) {
		return nil, c, nil
	}
	if err != nil {
		return nil, c, err
	}
	c, err = p.tidyOpen(in, func() error { return p.device.suspect(p.root().syncDir(dir)) })
	return in, c, err
}

// tidy is list; sync makes the names in the directory durable.
func (p *Partition) tidy(dir string, sync func() error) (hashes.Choice, error) {
	in, err := p.root().openDir(dir)
	if absent(err) {
		return hashes.Choice{}, nil
	}
	if err != nil {
		return hashes.Choice{}, err
	}
	defer in.close()
	return p.tidyOpen(in, sync)
}

func (p *Partition) tidyOpen(in *file, sync func() error) (hashes.Choice, error) {
	dir := in.path
	names, err := in.names()
	if absent(err) {
		return hashes.Choice{}, nil
	}
	if err != nil {
		return hashes.Choice{}, err
	}
	choice := hashes.Choose(names, p.policy)
	if len(choice.Obsolete) > 0 && sync() != nil {
		return choice, nil // another reader's turn
	}
	removed := 0
	for _, f := range choice.Removable(p.store().cfg.Now(), p.store().cfg.ReclaimAge) {
		if p.root().unlink(dir+"/"+f.Name) == nil {
			removed++
		}
		if choice.Tombstone != nil && f.Name == choice.Tombstone.Name {
			choice.Tombstone = nil
		}
	}
	if removed == len(names) {
		p.root().rmdir(dir)
	}
	return choice, nil
}

// read opens and checks the files that count.
func (o *Object) read(c hashes.Choice) error {
	switch {
	case c.Data != nil:
		if err := o.readData(c.Data.Name); err != nil {
			return err
		}
	case c.Tombstone != nil:
		o.Tombstone = true
		return o.readTombstone(c.Tombstone.Name)
	default:
		return fmt.Errorf("%s: %w", o.partition.absolute(o.dir), ErrNotExist)
	}
	if c.Meta == nil {
		return checkExpiry(c.Data.Name, o.Data)
	}
	if err := o.readMeta(c.Meta.Name); err != nil {
		return err
	}
	if c.CType != nil && c.CType.Name != c.Meta.Name {
		return o.mergeCType(c.CType.Name)
	}
	return nil
}

// checkExpiry checks the time at which an object expires: by its .meta, where it
// has one, else by its .data.
func checkExpiry(name string, md hashes.Metadata) error {
	if at, ok := md.Get("X-Delete-At"); ok {
		if _, err := parseInt(at); err != nil {
			return corrupt("%s: bad X-Delete-At %.32q", name, at)
		}
	}
	return nil
}

// parseInt reads a stored number as Python's int does, which takes blanks around
// it: what Swift calls sound must not go to quarantine.
func parseInt(text string) (int64, error) { return strconv.ParseInt(strings.TrimSpace(text), 10, 64) }

func (o *Object) readTombstone(name string) error {
	_, md, err := o.openFile(name)
	if err != nil {
		return err
	}
	o.Data = md
	return o.takeDataTime()
}

func (o *Object) readData(name string) error {
	f, md, err := o.openFile(name)
	if err != nil {
		return err
	}
	o.data, o.Data = f, md
	st, err := f.stat()
	if err != nil {
		return err
	}
	length, _ := md.Get("Content-Length")
	o.changed = changed(&st)
	o.Size, err = parseInt(length)
	if err != nil {
		return corrupt("%s: bad Content-Length %.32q", name, length)
	}
	if o.Size != st.Size {
		return corrupt("%s: %d bytes where its metadata says %d", name, st.Size, o.Size)
	}
	return o.takeDataTime()
}

// takeDataTime sets the times that the first file gives, and its name.
func (o *Object) takeDataTime() error {
	ts, err := timeOf(o.Data, "X-Timestamp")
	if err != nil {
		return err
	}
	o.Times = Times{Data: ts, Meta: ts, CType: ts}
	o.Name, _ = o.Data.Get("name")
	return nil
}

func (o *Object) readMeta(name string) error {
	_, md, err := o.openFile(name)
	if err != nil {
		return err
	}
	o.Meta = md
	if err := checkExpiry(name, md); err != nil {
		return err
	}
	if o.Times.Meta, err = timeOf(md, "X-Timestamp"); err != nil {
		return err
	}
	return o.takeCType(md)
}

// takeCType moves the content type's time on, if md has a newer one.
func (o *Object) takeCType(md hashes.Metadata) error {
	if _, ok := md.Get("Content-Type-Timestamp"); !ok {
		return nil
	}
	ts, err := timeOf(md, "Content-Type-Timestamp")
	if err == nil && ts.After(o.Times.CType) {
		o.Times.CType = ts
	}
	return err
}

// mergeCType takes the content type from a second .meta, kept for it alone.
func (o *Object) mergeCType(name string) error {
	_, md, err := o.openFile(name)
	if err != nil {
		return err
	}
	before := o.Times.CType
	if err := o.takeCType(md); err != nil || !o.Times.CType.After(before) {
		return err
	}
	for _, key := range []string{"Content-Type", "Content-Type-Timestamp"} {
		if v, ok := md.Get(key); ok {
			o.Meta.Set(key, v)
		}
	}
	return nil
}

func timeOf(md hashes.Metadata, key string) (proto.Timestamp, error) {
	text, ok := md.Get(key)
	if !ok {
		return proto.Timestamp{}, corrupt("metadata without %s", key)
	}
	ts, err := proto.ParseTimestamp(text)
	if err != nil {
		return ts, corrupt("metadata: %s: %v", key, err)
	}
	return ts, nil
}

// openFile opens one file of the object and reads its metadata, whose name must
// lead to this directory.
func (o *Object) openFile(name string) (*file, hashes.Metadata, error) {
	f, err := o.open(name)
	if err != nil {
		return nil, nil, err
	}
	o.files = append(o.files, f)
	md, err := f.readMetadata()
	if err == nil {
		err = o.checkName(md)
	}
	var bad *corruptError
	if errors.Is(err, errNoMetadata) {
		err = corrupt("%s: no metadata", name)
	} else if errors.As(err, &bad) {
		err = corrupt("%s: %s", name, bad.reason)
	}
	return f, md, err
}

func (o *Object) open(name string) (*file, error) {
	if o.in != nil {
		return o.in.openIn(name, unix.O_RDONLY)
	}
	return o.partition.root().open(o.dir+"/"+name, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
}

func (o *Object) checkName(md hashes.Metadata) error {
	name, ok := md.Get("name")
	if !ok {
		return corrupt("metadata without a name")
	}
	if got := o.partition.secretHash(name); got != o.Hash {
		return corrupt("metadata names %.128q, whose hash is %s", name, got)
	}
	return nil
}

// Merged is the metadata that a client sees: the .meta's over the .data's.
func (o *Object) Merged() hashes.Metadata {
	if o.Meta == nil {
		return o.Data
	}
	return o.Data.Merge(o.Meta)
}

// ETag is the MD5 that the .data promises, in lower-case hex.
func (o *Object) ETag() string {
	etag, _ := o.Data.Get("ETag")
	return etag
}

// ReadWhole reads the body into p, which has its size, and tells whether the disk
// had to be waited for.
func (o *Object) ReadWhole(p []byte) (waited bool, err error) {
	if !o.partition.store().blind.Load() {
		n, err := o.data.readCached(p, 0)
		switch {
		case n == len(p):
			return false, nil
		case unsupported(err):
			o.partition.store().blind.Store(true)
		case err != nil && !errors.Is(err, unix.EAGAIN):
			return false, err
		default:
			waited = true
		}
	}
	_, err = o.data.ReadAt(p, 0)
	return waited, err
}

// Cold tells whether the body begins outside the page cache: reading it will wait for
// the disk. What can't be found out is not cold.
func (o *Object) Cold() bool {
	if o.partition.store().blind.Load() {
		return false
	}
	var first [1]byte
	_, err := o.data.readCached(first[:], 0)
	return errors.Is(err, unix.EAGAIN)
}

// Path is the object's directory, for messages.
func (o *Object) Path() string { return o.partition.absolute(o.dir) }

// Partition is where the object is.
func (o *Object) Partition() *Partition { return o.partition }

// Close lets go of the object's files.
func (o *Object) Close() {
	for _, f := range o.files {
		f.close()
	}
	o.files, o.data = nil, nil
}
