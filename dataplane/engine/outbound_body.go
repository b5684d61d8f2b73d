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
	defer o.OnTail(nil)
	kind, way, reason := o.way(src, off, n, digest)
	if way == WayRing {
		var is bool
		var without Reason
		sent, is, without, err = o.sendParts(src.(FileSource), off, kind, reason, digest)
		if is {
			if err == nil {
				err = o.settle()
			}
			return sent, err
		}
		way, reason = o.engine.rules.without(kind, without)
	}
	if o.sums.on && n <= smallBody {
		way, reason = WayCopy, ReasonSmall // the reader takes it for text
	}
	if sent == 0 {
		o.engine.count(&o.ways, way, reason)
	}
	for sent < n {
		var k int64
		if whole := o.whole(n - sent); way == WaySendfile && whole > 0 {
			k, err = o.sendFile(src.(FileSource), off+sent, whole)
		} else if err = o.endNoted(); err == nil {
			k, err = o.copyIn(src, off+sent, n-sent, digest)
		}
		if sent += k; err != nil {
			return sent, err
		}
	}
	return sent, o.settle()
}

// leastPart is what a chunk must still lack for the file to be sent past the
// buffer: for less a copy is cheaper than the calls it saves.
const leastPart = 32 << 10

// whole is how many of the next n bytes of a body fill chunks up to their ends,
// beginning with the one that is pending; 0 where that is not worth while.
func (o *Outbound) whole(n int64) int64 {
	room, full := int64(o.room()), int64(o.limit-headroom)
	if n < room || room < leastPart {
		return 0
	}
	return room + (n-room)/full*full
}

// room is what the chunk may still take that is sent from somewhere else.
func (o *Outbound) room() int {
	if o.sums.on {
		return o.limit - headroom
	}
	return o.limit - o.end
}

// copyIn appends at most n bytes of src at off, up to the chunk's end.
func (o *Outbound) copyIn(src Source, off, n int64, digest hash.Hash) (sent int64, err error) {
	room := o.buf[o.end:min(int64(o.limit), int64(o.end)+n)]
	k, err := readAt(src, room, off)
	if digest != nil {
		digest.Write(room[:k])
	}
	if sendErr := o.advance(k); sendErr != nil {
		return int64(k), sendErr
	}
	if err != nil {
		return int64(k), o.sourceFailed(err)
	}
	return int64(k), nil
}

func (o *Outbound) sourceFailed(err error) error {
	o.err = &SourceError{Err: err}
	return o.err
}

// settle sends the CRLF that is owed where nothing is pending to take it along.
func (o *Outbound) settle() error {
	if !o.owed || o.end > headroom {
		return nil
	}
	return o.write(o.buf[o.start(headroom):headroom])
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
