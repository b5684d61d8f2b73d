package engine

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// smallBody is what the text buffer's way is best for: below it a goroutine
// and a pooled buffer cost more than the copy they save.
const smallBody = 64 << 10

// Body lands the next n bytes of the stream in sink, at offset 0 and up. A
// digest, unless nil, is fed with them in order. It returns how many bytes it
// took off the stream; without an error all of them landed.
//
// A failing sink is a *SinkError: the stream stands at got, so the caller may
// Discard(n-got) and go on. Other errors are the stream's: io.ErrUnexpectedEOF
// when it ended early, an *OpError when the connection failed. When ctx ends,
// the stream does too.
//
// A body never waits for the pool: one that finds it empty goes through the
// text buffer.
func (i *Inbound) Body(ctx context.Context, n int64, sink Sink, digest hash.Hash) (got int64, err error) {
	landing, got, err := i.Land(ctx, n, sink, digest)
	if err == nil {
		err = landing.Wait()
	}
	return got, err
}

// Land is Body, but returns as soon as the last byte is received: sink and
// digest are the landing's until its Wait returns, and the next bytes of the
// stream may be read meanwhile. After an error neither is in use any more, and
// there is no landing.
//
// Several digests are reckoned side by side. Where chunks carry sums, the one in
// which the body ends has proved whole.
func (i *Inbound) Land(ctx context.Context, n int64, sink Sink, digests ...hash.Hash) (l *Landing, got int64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, i.keep(&OpError{Kind: kindReceive, Err: context.Cause(ctx)})
	}
	defer i.shutWith(ctx)()

	if digests = slices.DeleteFunc(digests, func(d hash.Hash) bool { return d == nil }); n > smallBody {
		l, got, err = i.landLarge(n, sink, digests)
	} else {
		got, err = i.landText(n, sink, digests)
	}
	if err != nil {
		return nil, got, early(err, got, n)
	}
	return l, got, nil
}

// landText lands n bytes by way of the text buffer, one write for each bufferful.
func (i *Inbound) landText(n int64, sink Sink, digests []hash.Hash) (got int64, err error) {
	for got < n {
		piece, err := i.gather(int(min(int64(i.limit), n-got)), n > smallBody)
		if err != nil {
			return got, err
		}
		off := got
		got += int64(len(piece))
		i.text.consume(len(piece))
		for _, d := range digests {
			d.Write(piece)
		}
		if failed := writeAt(sink, piece, off); failed != nil {
			return got, failed
		}
	}
	return got, i.vouch()
}

// gather returns the next n plain bytes, at most the limit of a line, in one
// piece and unconsumed. Those of a large body may be of a chunk that has not
// proved whole yet, or that carries no sum.
func (i *Inbound) gather(n int, large bool) ([]byte, error) {
	there, more := i.text.plain, i.moreText
	if large {
		there, more = i.text.all, i.more
	}
	for len(there()) < n {
		if err := more(); err != nil {
			return nil, err
		}
	}
	return there()[:n], nil
}

// writeAt writes all of p, or tells why not.
func writeAt(sink Sink, p []byte, off int64) *SinkError {
	n, err := sink.WriteAt(p, off)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &SinkError{Err: err}
	}
	return nil
}

// Discard reads n bytes and drops them.
func (i *Inbound) Discard(n int64) error {
	for got := int64(0); got < n; {
		k := min(n-got, int64(len(i.text.all())))
		i.text.consume(int(k))
		if got += k; got == n {
			break
		}
		if err := i.more(); err != nil {
			return early(err, got, n)
		}
	}
	return nil
}

// Drain reads up to the end of the stream and drops what comes, n bytes of
// payload at most: with more to come it returns ErrMoreLeft.
func (i *Inbound) Drain(n int64) error {
	for {
		k := len(i.text.all())
		i.text.consume(k)
		if n -= int64(k); n < 0 {
			return ErrMoreLeft
		}
		if err := i.more(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// early makes an error of a proper end that came too soon.
func early(err error, got, n int64) error {
	if err == io.EOF {
		return fmt.Errorf("stream ended after %d of %d bytes of a body: %w", got, n, io.ErrUnexpectedEOF)
	}
	return err
}
