package engine

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// twoReader fills two places with one readv(2). The descriptor stays the
// net.Conn's: it is borrowed inside RawConn for the one call, which also keeps
// to the read deadline.
type twoReader struct {
	conn  net.Conn
	raw   syscall.RawConn // nil: plain reads, into the first place
	try   func(fd uintptr) bool
	parts [2][]byte
	n     int
	err   error
}

func newTwoReader(conn net.Conn) twoReader {
	return twoReader{conn: conn, raw: rawConn(conn)}
}

// rawConn is the way to a connection's descriptor; nil where there is none. Only
// the connections that are descriptors and nothing else: a wrapper that promotes
// SyscallConn would be read past.
func rawConn(conn net.Conn) syscall.RawConn {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return nil // closed: the plain call says so
		}
		return raw
	}
	return nil
}

func (t *twoReader) text(p []byte) (int, error) { return t.conn.Read(p) }

func (t *twoReader) body(first, second []byte) (int, error) {
	if t.raw == nil || len(second) == 0 {
		return t.conn.Read(first)
	}
	if t.try == nil {
		t.try = t.readv // once a stream: a method value is an allocation
	}
	t.parts = [2][]byte{first, second}
	err := t.raw.Read(t.try)
	t.parts = [2][]byte{}
	switch {
	case err != nil:
		return 0, err
	case t.err != nil:
		return 0, os.NewSyscallError("readv", t.err)
	case t.n == 0:
		return 0, io.EOF
	}
	return t.n, nil
}

// readv tries once; false makes RawConn wait until there is something to read.
func (t *twoReader) readv(fd uintptr) bool {
	for {
		t.n, t.err = unix.Readv(int(fd), t.parts[:])
		if t.err == unix.EINTR {
			continue
		}
		return t.err != unix.EAGAIN
	}
}
