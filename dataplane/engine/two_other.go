//go:build !linux

package engine

import "net"

// twoReader reads into the first place only; the caller copes.
type twoReader struct{ conn net.Conn }

func newTwoReader(conn net.Conn) twoReader { return twoReader{conn: conn} }

func (t *twoReader) text(p []byte) (int, error)        { return t.conn.Read(p) }
func (t *twoReader) body(first, _ []byte) (int, error) { return t.conn.Read(first) }
