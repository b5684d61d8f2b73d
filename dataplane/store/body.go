package store

import "golang.org/x/sys/unix"

// body is a .data that is open, as engine.FileSource has it.
type body struct{ data *file }

// ReadAt reads the body, as io.ReaderAt does.
func (b body) ReadAt(p []byte, off int64) (int, error) { return b.data.ReadAt(p, off) }

// Descriptor lends the body's, to be read with by other calls than ReadAt: see
// engine.FileSource.
func (b body) Descriptor() int { return b.data.fd }

// PastCache lets reads go past the page cache, or no more.
func (b body) PastCache(on bool) error { return b.data.setDirect(on) }

// StartRead is asked before such a read of n bytes at off.
func (b body) StartRead(n int, off int64) error {
	return b.data.ask(Op{Call: CallRead, Offset: off})
}

// EndRead tells what came of it.
func (b body) EndRead(n int, off int64, err error) error {
	return b.data.tell(Op{Call: CallRead, Offset: off}, err)
}

// AheadBody is a body that is open before its object is: it can be read, and once the
// object is open too it tells whether it is that one's. Nothing else is known of it.
type AheadBody struct {
	body
	Size int64
}

// Open opens the body, for more of it than Fetch brings, waiting for the disk. The
// metadata is fetched with it. An error is the object's own affair, at its turn.
func (a *Ahead) Open() (*AheadBody, error) {
	f, err := a.partition.root().open(a.path, unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.stat()
	if err != nil {
		f.close()
		return nil, err
	}
	f.getxattr(xattrMetadata, nil)
	return &AheadBody{body: body{f}, Size: st.Size}, nil
}

// Is tells whether the body is o's: the same file, and not another one under its name.
func (b *AheadBody) Is(o *Object) bool {
	if o.data == nil || o.Size != b.Size {
		return false
	}
	here, err := b.data.stat()
	if err != nil {
		return false
	}
	there, err := o.data.stat()
	return err == nil && here.Dev == there.Dev && here.Ino == there.Ino
}

// Close closes it.
func (b *AheadBody) Close() { b.data.close() }
