package engine

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

// fakeConn is a connection without a network: what is written is dropped, what
// is read comes from r.
type fakeConn struct {
	net.Conn
	r io.Reader
}

func (c fakeConn) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c fakeConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c fakeConn) SetReadDeadline(time.Time) error  { return nil }
func (c fakeConn) SetWriteDeadline(time.Time) error { return nil }

// endless reads the same bytes over and over.
type endless struct {
	p []byte
	r bytes.Reader
}

func (e *endless) Read(p []byte) (int, error) {
	if e.r.Len() == 0 {
		e.r.Reset(e.p)
	}
	return e.r.Read(p)
}

// cut reads in pieces of the given sizes, one after the other and again.
type cut struct {
	r     io.Reader
	sizes []byte
	next  int
}

func (c *cut) Read(p []byte) (int, error) {
	n := len(p)
	if len(c.sizes) > 0 {
		n = min(n, 1+int(c.sizes[c.next%len(c.sizes)]))
		c.next++
	}
	return c.r.Read(p[:n])
}

func newPool(t testing.TB, count int) *buffer.Pool {
	t.Helper()
	pool, err := buffer.New(buffer.Config{Count: count})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}
