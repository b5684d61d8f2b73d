//go:build !linux

package engine

import "net"

// twoReader reads into the first place only; the caller copes.
type twoReader struct{ conn net.Conn }

func newTwoReader(conn net.Conn) twoReader { return twoReader{conn: conn} }

func (t *twoReader) read(first, _ []byte) (int, error) { return t.conn.Read(first) }
