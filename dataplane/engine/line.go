package engine

import (
	"bytes"
	"errors"
	"io"
)

// Line returns the next line without its end, CRLF or LF. The bytes are the
// stream's and valid until its next call.
//
// io.EOF is the proper end of the stream: the last chunk, or its length used
// up. A line cut by that end comes with ErrUnterminated, as far as it goes. A
// connection that ends instead is an *OpError with io.ErrUnexpectedEOF; a line
// beyond the limit is ErrLineTooLong.
func (i *Inbound) Line() ([]byte, error) {
	for {
		if line, ok := i.text.line(); ok {
			if len(line)+1 > i.limit {
				return nil, ErrLineTooLong
			}
			i.text.consume(len(line) + 1)
			return trimCR(line), nil
		}
		if len(i.text.plain()) >= i.limit {
			return nil, ErrLineTooLong
		}
		if err := i.moreText(); err != nil {
			return i.lastLine(err)
		}
	}
}

// lastLine says what the end of the stream means where a line was expected.
func (i *Inbound) lastLine(err error) ([]byte, error) {
	rest := i.text.plain()
	if !errors.Is(err, io.EOF) || len(rest) == 0 {
		return nil, err
	}
	i.text.consume(len(rest))
	return rest, ErrUnterminated
}

// Buffered reports whether Line would return without reading from the
// connection. When it would not, this is the moment to flush what the peer
// waits for.
func (i *Inbound) Buffered() bool {
	for {
		if _, ok := i.text.line(); ok || len(i.text.plain()) >= i.limit {
			return true
		}
		if i.unvouched() {
			return true
		}
		if moved, err := i.decode(); err != nil {
			return true
		} else if !moved {
			return false
		}
	}
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// line finds the first line in the plain part, its LF excluded.
func (t *text) line() ([]byte, bool) {
	plain := t.plain()
	k := bytes.IndexByte(plain[t.scanned:], '\n')
	if k < 0 {
		t.scanned = len(plain)
		return nil, false
	}
	return plain[:t.scanned+k], true
}
