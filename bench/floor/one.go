package floor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// metadataAttribute is where Swift keeps an object's metadata.
const metadataAttribute = "user.swift.metadata"

// One sends the bodies below dir as a program does that has no plan: it walks the
// directories, and opens, looks at, reads and sends one file after the other. What
// it sends is packed into writes of 1 MiB. The walk is in its time.
func One(to, dir string) (r Result, err error) {
	conn, err := dial(to)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	out := bufio.NewWriterSize(conn, pieceBytes)
	buf := make([]byte, pieceBytes)
	start := time.Now()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".data") {
			return err
		}
		n, err := one(out, path, buf)
		r.Files, r.Bytes = r.Files+1, r.Bytes+n
		return err
	})
	if err = errors.Join(err, out.Flush()); err != nil {
		return r, err
	}
	err = finish(conn)
	r.Seconds = time.Since(start).Seconds()
	return r, err
}

// one sends one file.
func one(out io.Writer, path string, buf []byte) (sent int64, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, named(path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("fstat %s: %w", path, err)
	}
	if _, err := unix.Fgetxattr(fd, metadataAttribute, buf); err != nil && err != unix.ENODATA {
		return 0, fmt.Errorf("fgetxattr %s: %w", path, err)
	}
	for sent < st.Size {
		n, err := again(func() (int, error) { return unix.Pread(fd, buf, sent) })
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return sent, fmt.Errorf("read %s: %w", path, err)
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return sent, err
		}
		sent += int64(n)
	}
	return sent, nil
}
