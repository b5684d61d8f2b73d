package store

import (
	"errors"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Writer is a file of an object on its way: it has bytes but no name yet. It
// ends in Commit or Abort.
type Writer struct {
	Hash proto.Hash

	partition *Partition
	file      *file
	named     bool   // in the tmp directory, where O_TMPFILE is not to be had
	name      string // of the file to be, in the hash directory
	etag      string // of a .data
	size      int64  // of the body to be
	direct    bool   // written past the page cache
	sized     bool   // has its length before its bytes
	unchecked bool   // the body was held against nothing
	alone     bool   // a .data in a directory of its own: nothing can be obsolete
	failed    error
}

// allocateFrom is the size from which a body's blocks are reserved beforehand.
// Below it, fallocate costs more than the body's own write, and a full disk
// shows itself at that write as well.
const allocateFrom = 1 << 20

// directAlign is what every disk and file system takes for O_DIRECT: of offset,
// length and memory.
const directAlign = 4096

// create opens a file without a name for an object of that size. Tombstones
// (size < 0) skip the space check: they make room.
func (p *Partition) create(h proto.Hash, size int64) (*Writer, error) {
	if size >= 0 {
		if err := p.device.checkSpace(size); err != nil {
			return nil, err
		}
	}
	w := &Writer{Hash: h, partition: p, size: size}
	if err := w.open(); err != nil {
		return nil, err
	}
	if from := p.store().cfg.DirectFrom; from > 0 && size >= from {
		w.direct = w.file.setDirect(true) == nil // where it can't be, the page cache will do
	}
	if size >= allocateFrom && !p.store().cfg.DisableAllocate {
		if err := w.file.allocate(size); err != nil && !unsupported(err) {
			w.Abort()
			return nil, err
		}
	}
	return w, nil
}

// open makes the file, in the partition's directory: it can be linked from there
// to anywhere on the device, and a refused body leaves no empty directory.
func (w *Writer) open() (err error) {
	p := w.partition
	const flags = unix.O_WRONLY | unix.O_TMPFILE
	w.file, err = p.root().open(p.dir, flags, 0o755)
	if absent(err) {
		if err = p.make(); err == nil {
			w.file, err = p.root().open(p.dir, flags, 0o755)
		}
	}
	if err != nil && (unsupported(err) || errors.Is(err, unix.EISDIR)) {
		w.named = true
		w.file, err = p.createTemp()
	}
	return err
}

// createTemp makes a named file in the device's tmp directory, the place from
// which Swift's daemons remove what is left behind.
func (p *Partition) createTemp() (*file, error) {
	path := p.tempPath()
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL
	f, err := p.root().open(path, flags, 0o600)
	if absent(err) {
		if _, err = p.root().makeDirs(p.policy.TmpDir()); err == nil {
			f, err = p.root().open(path, flags, 0o600)
		}
	}
	return f, err
}

func (p *Partition) tempPath() string { return p.policy.TmpDir() + "/ringsync-" + randomHex(16) }

// unsupported tells what a file system or kernel answers that lacks a call.
func unsupported(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)
}

// WriteAt writes the body, as io.WriterAt does. A large one goes past the page
// cache: it would only be copied there, to be written back at the fsync, and push
// out what clients read. The first piece that can't go that way, the odd end of
// the last block if nothing else, ends that.
func (w *Writer) WriteAt(b []byte, off int64) (n int, err error) {
	if w.direct {
		whole := len(b) &^ (directAlign - 1)
		n, err = w.file.WriteAt(b[:whole], off)
		if n == len(b) || err != nil && !errors.Is(err, unix.EINVAL) {
			return n, err
		}
		w.direct = false
		if err := w.file.setDirect(false); err != nil {
			return n, err
		}
	}
	m, err := w.file.WriteAt(b[n:], off+int64(n))
	return n + m, err
}

// Direct tells whether the body is being written past the page cache, so that whole
// blocks of it may be written with the descriptor that StartWrite lends: see
// engine.DirectSink.
func (w *Writer) Direct() bool { return w.direct }

// StartWrite lends the descriptor for a write at off of the first n bytes of b, the
// whole blocks; none where they can't be written so.
func (w *Writer) StartWrite(b []byte, off int64) (fd, n int, err error) {
	if n = len(b) &^ (directAlign - 1); !w.direct || n == 0 || off%directAlign != 0 {
		return 0, 0, nil
	}
	if !w.sized {
		// Writes that make a file longer go one after the other, whoever makes them:
		// so it gets its length first. Nobody sees it before it is whole.
		if err := w.file.truncate(w.size); err != nil {
			return 0, 0, err
		}
		w.sized = true
	}
	return w.file.fd, n, w.file.ask(Op{Call: CallWrite, Offset: off, Data: b[:n]})
}

// EndWrite tells what came of it.
func (w *Writer) EndWrite(b []byte, off int64, err error) error {
	return w.file.tell(Op{Call: CallWrite, Offset: off, Data: b}, err)
}

// seal gives the file its metadata and the name that Commit will publish it by.
func (w *Writer) seal(name string, md hashes.Metadata) error {
	w.name = name
	w.etag, _ = md.Get("ETag")
	return w.file.writeMetadata(md)
}

// Abort drops the file; nothing of it was ever visible. After Commit it does
// nothing.
func (w *Writer) Abort() {
	if w.file == nil {
		return
	}
	if w.named {
		w.partition.root().unlink(w.file.path)
	}
	w.file.close()
	w.file = nil
}
