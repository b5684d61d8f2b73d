package engine

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/proto"
)

const (
	// A chunk of 64 KiB costs twice the processor time of one of 1 MiB;
	// beyond that nothing is gained.
	defaultChunk = 1 << 20

	// The payload starts at a multiple of the cache line.
	headroom = (proto.ChunkHeadroom + 63) &^ 63
	// Behind the payload there is room for its CRLF and for the last chunk,
	// so that the end of a stream needs no write of its own; or for the size line
	// of a chunk whose payload is sent from somewhere else.
	tailroom = proto.ChunkTail + proto.SizeLineBytes
)

// OutConfig says how a stream is sent.
type OutConfig struct {
	Pool         *buffer.Pool
	ChunkBytes   int           // payload of a full chunk; 0 = 1 MiB, or what a buffer of the pool holds
	Raw          bool          // no chunks: an HTTP/1.0 answer, ended by the connection's end
	WriteTimeout time.Duration // of each write to the connection; 0 = none
	Engine       *Engine       // how bodies are sent; nil = portable
	Sums         bool          // chunks carry the xxhash64 of their payload: see sums.go
	Pacer        Pacer         // bounds how fast; nil: nobody does
}

// Outbound sends pieces in order: bytes (Append, Text) and bodies (Body). They
// are packed into chunks, each written once it is full or at a Flush.
//
// One goroutine owns it; Interrupt and Sent may be called from any. The first
// error is final, every later call returns it: a stream with a gap in it must
// not go on.
type Outbound struct {
	conn   net.Conn
	gate   gate
	engine *Engine
	file   fileSender
	raw    bool
	lease  *buffer.Buffer // nil after Close

	buf    []byte // of lease
	end    int    // buf[headroom:end] is pending
	limit  int    // end of a full payload; end < limit between calls
	owed   bool   // the CRLF of the chunk before, to be sent with what is pending
	sums   outSums
	paced  paced
	tail   func() // see OnTail
	goesOn bool   // a body is sent by a ring of which a part was

	sent atomic.Int64
	ways Ways
	zero zeroCopy
	err  error
}

// NewOutbound takes a buffer from the pool, waiting for it until ctx ends, and
// holds it until Close. ctx does not bound the stream: Interrupt does.
func NewOutbound(ctx context.Context, conn net.Conn, cfg OutConfig) (*Outbound, error) {
	if cfg.Pool == nil {
		return nil, errNoPool
	}
	most := cfg.Pool.Bytes() - headroom - tailroom
	switch {
	case cfg.ChunkBytes == 0:
		cfg.ChunkBytes = min(defaultChunk, most)
	case cfg.ChunkBytes < 0 || cfg.ChunkBytes > most:
		return nil, fmt.Errorf("chunks of %d bytes do not fit buffers of %d", cfg.ChunkBytes, cfg.Pool.Bytes())
	}
	if cfg.Sums {
		cfg.ChunkBytes = min(cfg.ChunkBytes, maxSummed)
	}
	lease, err := cfg.Pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	return &Outbound{
		conn:   conn,
		gate:   gate{kind: kindSend, setDeadline: conn.SetWriteDeadline, timeout: cfg.WriteTimeout, ended: endedFor(cfg.Pacer)},
		engine: cfg.Engine,
		file:   newFileSender(conn),
		raw:    cfg.Raw,
		lease:  lease,
		buf:    lease.Bytes(),
		end:    headroom,
		limit:  headroom + cfg.ChunkBytes,
		sums:   outSums{on: cfg.Sums && !cfg.Raw},
		paced:  paced{by: cfg.Pacer},
	}, nil
}

// Append lets f append a piece of at most atMost bytes where it will be sent
// from. The slice that f gets is empty; like any AppendX, f returns it
// extended, and may outgrow it: then the piece is copied.
func (o *Outbound) Append(f func(dst []byte) []byte, atMost int) error {
	if o.err != nil {
		return o.err
	}
	if o.limit-o.end < atMost {
		if err := o.Flush(); err != nil {
			return err
		}
	}
	piece := f(o.buf[o.end:o.end:o.limit])
	if !o.inPlace(piece) {
		return o.Text(piece)
	}
	return o.advance(len(piece))
}

// inPlace reports whether piece lies at the end of what is pending.
func (o *Outbound) inPlace(piece []byte) bool {
	return len(piece) == 0 || len(piece) <= o.limit-o.end && &piece[0] == &o.buf[o.end]
}

// Text appends p, which it copies.
func (o *Outbound) Text(p []byte) error {
	if o.err != nil {
		return o.err
	}
	for len(p) > 0 {
		n := copy(o.buf[o.end:o.limit], p)
		p = p[n:]
		if err := o.advance(n); err != nil {
			return err
		}
	}
	return nil
}

// advance counts n bytes that were put at the end, and sends a full chunk.
func (o *Outbound) advance(n int) error {
	o.end += n
	if o.end < o.limit {
		return nil
	}
	return o.Flush()
}

// Flush sends what is pending as one chunk. With nothing pending it sends
// nothing: an empty chunk would end the stream.
func (o *Outbound) Flush() error {
	if o.err != nil || o.end == headroom {
		return o.err
	}
	return o.write(o.frame())
}

// End sends what is pending and the last chunk, in one write. A raw stream has
// no last chunk; the caller ends it by closing the connection.
func (o *Outbound) End() error {
	if o.err != nil {
		return o.err
	}
	var out []byte
	if o.end > headroom {
		out = o.frame()
	}
	if !o.raw {
		out = append(out, proto.LastChunk...) // into the tailroom, behind the frame
	}
	if len(out) > 0 {
		if err := o.write(out); err != nil {
			return err
		}
	}
	o.err = ErrEnded
	return nil
}

// frame makes one contiguous piece of what is pending.
func (o *Outbound) frame() []byte {
	if o.raw {
		return o.buf[headroom:o.end]
	}
	framed := o.sums.frame(o.buf, o.end)
	end := o.end + proto.ChunkTail
	return o.buf[o.start(end-len(framed)):end]
}

// head is frame for a chunk whose last n bytes are sent from somewhere else: all
// that goes before them.
func (o *Outbound) head(n int) []byte {
	if o.raw {
		return o.buf[headroom:o.end]
	}
	if o.sums.on && o.end > headroom {
		return proto.AppendSizeLine(o.frame(), n) // what is pending in a chunk of its own
	}
	line := proto.HeadInPlace(o.buf, headroom, o.end-headroom+n)
	return o.buf[o.start(headroom-len(line)):o.end]
}

// start moves the start of a frame back for the CRLF that is owed.
func (o *Outbound) start(at int) int {
	if !o.owed {
		return at
	}
	o.owed = false
	return at - copy(o.buf[at-proto.ChunkTail:at], crlf)
}

const crlf = "\r\n"

// write sends p, which nothing is pending behind, in as many pieces as a pacer makes
// of it.
func (o *Outbound) write(p []byte) error {
	for {
		n := int(o.pay(int64(len(p))))
		if err := o.put(p[:n]); err != nil || n == len(p) {
			return err
		}
		p = p[n:]
	}
}

func (o *Outbound) put(p []byte) error {
	if err := o.gate.pass(); err != nil {
		o.err = err
		return err
	}
	n, err := o.conn.Write(p)
	o.sent.Add(int64(n))
	if err != nil {
		o.err = o.gate.fail(err)
		return o.err
	}
	o.end = headroom
	return nil
}

// Pending is the number of payload bytes that wait for their chunk.
func (o *Outbound) Pending() int { return o.end - headroom }

// Sent is the number of bytes written to the connection, framing included.
func (o *Outbound) Sent() int64 { return o.sent.Load() }

// Interrupt ends the stream from another goroutine: a blocked write returns,
// every later one fails at once, with ErrInterrupted.
func (o *Outbound) Interrupt() { o.gate.shut(ErrInterrupted) }

// Close gives the buffer back. What is pending is lost; the connection stays
// open. It may be called again.
func (o *Outbound) Close() {
	if o.lease == nil {
		return
	}
	o.gate.release()
	o.lease.Release()
	o.lease, o.buf, o.err = nil, nil, ErrClosed
	o.end = headroom
}
