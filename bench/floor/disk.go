package floor

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

// Write writes files of the same sizes as the bodies below like into dir, past
// the page cache, and fsyncs each.
func Write(dir, like string) (r Result, err error) {
	files, err := Bodies(like)
	if err != nil {
		return r, err
	}
	piece, err := page()
	if err != nil {
		return r, err
	}
	defer unix.Munmap(piece)
	rand.NewChaCha8([32]byte{}).Read(piece)
	var o opener
	start := time.Now()
	err = side(len(files), func(i, _ int) error { return o.write(Named(dir, i), files[i].Size, piece) })
	return sum(files, start, !o.cached), err
}

// write writes whole blocks, and cuts off what the last one has too much.
func (o *opener) write(path string, size int64, piece []byte) error {
	fd, err := o.open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if size >= pieceBytes {
		if err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, size); err != nil && err != unix.EOPNOTSUPP {
			return fmt.Errorf("fallocate %s: %w", path, err)
		}
	}
	for off := int64(0); off < size; {
		whole := (min(size-off, pieceBytes) + blockBytes - 1) / blockBytes * blockBytes
		n, err := again(func() (int, error) { return unix.Pwrite(fd, piece[:whole], off) })
		if err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		off += int64(n)
	}
	if err := errors.Join(unix.Ftruncate(fd, size), unix.Fsync(fd)); err != nil {
		return fmt.Errorf("fsync %s: %w", path, err)
	}
	return nil
}

// Read reads the bodies below dir, past the page cache.
func Read(dir string) (r Result, err error) {
	files, err := Bodies(dir)
	if err != nil {
		return r, err
	}
	var bufs [workers][]byte
	for i := range bufs {
		if bufs[i], err = page(); err != nil {
			return r, err
		}
		defer unix.Munmap(bufs[i])
	}
	var o opener
	start := time.Now()
	err = side(len(files), func(i, worker int) error { return o.read(files[i], bufs[worker]) })
	return sum(files, start, !o.cached), err
}

func (o *opener) read(f File, buf []byte) error {
	fd, err := o.open(f.Path, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for off := int64(0); off < f.Size; {
		n, err := again(func() (int, error) { return unix.Pread(fd, buf, off) })
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
		off += int64(n)
	}
	return nil
}

func sum(files []File, start time.Time, direct bool) Result {
	r := Result{Files: len(files), Seconds: time.Since(start).Seconds(), Direct: direct}
	for _, f := range files {
		r.Bytes += f.Size
	}
	return r
}

// MD5 hashes that many bytes, one after the other.
func MD5(bytes int64) Result {
	piece := make([]byte, pieceBytes)
	rand.NewChaCha8([32]byte{}).Read(piece)
	digest := md5.New()
	start := time.Now()
	for left := bytes; left > 0; left -= pieceBytes {
		digest.Write(piece[:min(left, pieceBytes)])
	}
	digest.Sum(nil)
	return Result{Bytes: bytes, Seconds: time.Since(start).Seconds()}
}
