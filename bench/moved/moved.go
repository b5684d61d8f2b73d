// Package moved moves bodies with the plane's engine alone, from memory to memory:
// no dialogue, no disk, no digest. Held against one plain stream of as many bytes
// it shows what framing, buffers and rings cost.
//
//	Send   bodies of 64 MiB, of memory without a descriptor: they are copied into
//	       the chunks that they are sent in
//	Land   takes them in; each piece has landed in one of the pool's buffers, and
//	       goes no further
package moved

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// bodyBytes is the size of all bodies but the last.
const bodyBytes = 64 << 20

const buffers = 8 // of 1 MiB: what a stream holds, and reads ahead or lands into

// Result is what a side did.
type Result struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// memory is a body whose every MiB is the same one, as all that the plain stream
// sends is: of both, what is copied lies in the processor's cache.
type memory []byte

func newMemory() memory {
	m := make(memory, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(m)
	return m
}

func (m memory) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		n += copy(p[n:], m[(off+int64(n))%int64(len(m)):])
	}
	return n, nil
}

// nowhere takes what has landed in a buffer.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// with makes an engine and its buffers for the time of do.
func with(do func(*buffer.Pool, *engine.Engine) error) error {
	pool, err := buffer.New(buffer.Config{Count: buffers})
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Name: "auto", Pool: pool})
	if err != nil {
		return errors.Join(err, pool.Close())
	}
	err = do(pool, e)
	return errors.Join(err, e.Close(), pool.Close())
}

// Send sends that many bytes, and returns when the other side has them.
func Send(ctx context.Context, to string, bytes int64) (r Result, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	err = with(func(pool *buffer.Pool, e *engine.Engine) error {
		out, err := engine.NewOutbound(ctx, conn, engine.OutConfig{Pool: pool, Engine: e})
		if err != nil {
			return err
		}
		defer out.Close()
		body := newMemory()
		start := time.Now()
		for r.Bytes < bytes {
			n, err := out.Body(body, 0, min(bytes-r.Bytes, bodyBytes), nil)
			r.Bytes += n
			if err != nil {
				return err
			}
		}
		if err := out.End(); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return fmt.Errorf("no answer of the receiver: %w", err)
		}
		r.Seconds = time.Since(start).Seconds()
		return nil
	})
	return r, err
}

// Land takes in what one sender sends, and answers with one byte when it has that
// many.
func Land(ctx context.Context, l net.Listener, bytes int64) (r Result, err error) {
	conn, err := l.Accept()
	if err != nil {
		return r, err
	}
	defer conn.Close()
	err = with(func(pool *buffer.Pool, e *engine.Engine) error {
		in, err := engine.NewInbound(ctx, conn, engine.InConfig{Pool: pool, Chunked: true, Engine: e})
		if err != nil {
			return err
		}
		defer in.Close()
		start := time.Now()
		for r.Bytes < bytes {
			n, err := in.Body(ctx, min(bytes-r.Bytes, bodyBytes), nowhere{}, nil)
			r.Bytes += n
			if err != nil {
				return err
			}
		}
		if err := in.Drain(0); err != nil {
			return err
		}
		r.Seconds = time.Since(start).Seconds()
		_, err = conn.Write([]byte{0})
		return err
	})
	return r, err
}
