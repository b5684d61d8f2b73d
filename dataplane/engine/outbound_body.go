package engine

import (
	"errors"
	"hash"
	"io"
)

// Body appends src[off, off+n) and returns how many of its bytes went into the
// stream, of which the last may still be pending. The bytes are read straight
// into the chunk they are sent in. A digest, unless nil, is fed with them in
// order.
//
// A source that fails or ends early is a *SourceError, io.ErrUnexpectedEOF in
// the latter case. The peer was promised n bytes by then, so the stream is
// spoilt and the caller must drop the connection. Other errors are the
// connection's.
func (o *Outbound) Body(src Source, off, n int64, digest hash.Hash) (sent int64, err error) {
	if o.err != nil {
		return 0, o.err
	}
	for sent < n {
		room := o.buf[o.end:min(int64(o.limit), int64(o.end)+n-sent)]
		k, err := readAt(src, room, off+sent)
		if digest != nil {
			digest.Write(room[:k])
		}
		sent += int64(k)
		if sendErr := o.advance(k); sendErr != nil {
			return sent, sendErr
		}
		if err != nil {
			o.err = &SourceError{Err: err}
			return sent, o.err
		}
	}
	return sent, nil
}

// readAt fills p or says why not.
func readAt(src Source, p []byte, off int64) (int, error) {
	n, err := src.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil
	case err == nil:
		return n, io.ErrNoProgress
	case errors.Is(err, io.EOF):
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}
