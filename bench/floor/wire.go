package floor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A stream of files: each is its size, eight bytes, big-endian, and its bytes. At
// the end of the stream the receiver answers with one byte.
const sizeBytes = 8

// Send sends the bodies below dir to a receiver, with sendfile(2).
func Send(to, dir string) (r Result, err error) {
	files, err := Bodies(dir)
	if err != nil {
		return r, err
	}
	conn, err := dial(to)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	start := time.Now()
	for _, f := range files {
		if err := sendFile(conn, f); err != nil {
			return r, err
		}
	}
	if err := finish(conn); err != nil {
		return r, err
	}
	return sum(files, start, false), nil
}

func dial(to string) (*net.TCPConn, error) {
	conn, err := net.Dial("tcp", to)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// sendFile leaves sendfile(2) to the net package, which uses it for a file that
// is limited to its size.
func sendFile(conn *net.TCPConn, f File) error {
	file, err := os.Open(f.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := conn.Write(binary.BigEndian.AppendUint64(nil, uint64(f.Size))); err != nil {
		return err
	}
	n, err := conn.ReadFrom(io.LimitReader(file, f.Size))
	if err == nil && n < f.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", f.Path, err)
	}
	return nil
}

// finish waits until the receiver has everything.
func finish(conn *net.TCPConn) error {
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		return fmt.Errorf("no answer of the receiver: %w", err)
	}
	return nil
}

// Receive writes what one sender sends into dir.
func Receive(l net.Listener, dir string) (r Result, err error) {
	return serve(l, func(conn *net.TCPConn) error {
		buf, err := page()
		if err != nil {
			return err
		}
		defer unix.Munmap(buf)
		for {
			size := make([]byte, sizeBytes)
			if _, err := io.ReadFull(conn, size); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			n := int64(binary.BigEndian.Uint64(size))
			if err := receiveFile(conn, Named(dir, r.Files), n, buf); err != nil {
				return err
			}
			r.Files, r.Bytes = r.Files+1, r.Bytes+n
		}
	}, &r)
}

// serve takes one connection, and answers when its stream has been taken in.
func serve(l net.Listener, take func(*net.TCPConn) error, r *Result) (Result, error) {
	conn, err := l.Accept()
	if err != nil {
		return *r, err
	}
	defer conn.Close()
	start := time.Now()
	if err := take(conn.(*net.TCPConn)); err != nil {
		return *r, err
	}
	r.Seconds = time.Since(start).Seconds()
	_, err = conn.Write([]byte{0})
	return *r, err
}

func receiveFile(conn *net.TCPConn, path string, size int64, buf []byte) error {
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return named(path, err)
	}
	defer unix.Close(fd)
	for off := int64(0); off < size; {
		n, err := conn.Read(buf[:min(size-off, pieceBytes)])
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		for piece := buf[:n]; len(piece) > 0; {
			put, err := again(func() (int, error) { return unix.Pwritev(fd, [][]byte{piece}, off) })
			if err != nil {
				return fmt.Errorf("write %s: %w", path, err)
			}
			piece, off = piece[put:], off+int64(put)
		}
	}
	return nil
}

// Pour sends that many bytes of memory.
func Pour(to string, bytes int64) (r Result, err error) {
	conn, err := dial(to)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	piece := make([]byte, pieceBytes)
	start := time.Now()
	for left := bytes; left > 0; left -= pieceBytes {
		if _, err := conn.Write(piece[:min(left, pieceBytes)]); err != nil {
			return r, err
		}
	}
	if err := finish(conn); err != nil {
		return r, err
	}
	return Result{Bytes: bytes, Seconds: time.Since(start).Seconds()}, nil
}

// Drain takes what one sender pours, and drops it.
func Drain(l net.Listener) (r Result, err error) {
	return serve(l, func(conn *net.TCPConn) error {
		buf := make([]byte, pieceBytes)
		for {
			n, err := conn.Read(buf)
			r.Bytes += int64(n)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}, &r)
}
