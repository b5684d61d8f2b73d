package engine

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

const (
	// Swift reads its protocol lines with a limit of network_chunk_size.
	defaultText = 64 << 10
	// Room in the text buffer beyond the longest line: a chunk-size line (1
	// KiB at most) has to lie in one piece, and a read should be worth its
	// call.
	textSlack = 4 << 10
)

// InConfig says what is received.
type InConfig struct {
	Pool      *buffer.Pool
	Chunked   bool
	Length    int64   // when not chunked: of the stream, in bytes; -1 = until the connection ends
	Ahead     []byte  // bytes of the stream that were already read, behind the head; copied
	TextBytes int     // longest line, its end included; 0 = 64 KiB
	Engine    *Engine // how large bodies land; nil = portable
	Sums      bool    // chunks carry the xxhash64 of their payload: see sums.go
	Pacer     Pacer   // bounds how fast; nil: nobody does
}

// Inbound takes a stream apart: lines (Line) and bodies (Body), as the caller
// asks for them, whatever the chunk borders.
//
// One goroutine owns it; Interrupt and Received may be called from any. A read
// that timed out may be tried again; any other error of the stream is final.
type Inbound struct {
	conn   net.Conn
	gate   gate
	pace   pace
	paced  paced
	engine *Engine
	pool   *buffer.Pool
	text   text
	frame  framing
	two    twoReader
	from   reader          // of the connection: two, or a ring while a body lands by it
	limit  int             // of a line
	bound  <-chan struct{} // ends the stream: Done of the context it was made with
	stop   func()          // nil after Close

	landings []*Landing // that were not seen to end, the oldest first
	received atomic.Int64
	ways     Ways
	err      error
}

// reader reads from the connection once, with the semantics of io.Reader.
type reader interface {
	// text reads into the text buffer.
	text(p []byte) (int, error)
	// body reads into first, a part of the piece that is being received, and when
	// that is full perhaps into second, which may be empty.
	body(first, second []byte) (int, error)
}

// NewInbound starts reading a stream. ctx bounds it: when ctx ends, a blocked
// read returns and every later one fails, with the cause of ctx. The text
// buffer is held until Close.
func NewInbound(ctx context.Context, conn net.Conn, cfg InConfig) (*Inbound, error) {
	if cfg.Pool == nil {
		return nil, errNoPool
	}
	if cfg.TextBytes <= 0 {
		cfg.TextBytes = defaultText
	}
	i := &Inbound{
		conn:   conn,
		gate:   gate{kind: kindReceive, setDeadline: conn.SetReadDeadline, ended: endedFor(cfg.Pacer)},
		paced:  paced{by: cfg.Pacer},
		engine: cfg.Engine,
		pool:   cfg.Pool,
		text:   newText(cfg.Pool, max(cfg.TextBytes, len(cfg.Ahead))+textSlack),
		frame:  newFraming(cfg.Chunked, cfg.Length),
		two:    newTwoReader(conn),
		limit:  cfg.TextBytes,
	}
	i.from = &i.two
	i.frame.sums.on = cfg.Sums && cfg.Chunked
	i.text.put(cfg.Ahead)
	i.stop = i.shutWith(ctx)
	i.bound = ctx.Done()
	return i, nil
}

// shutWith makes the end of ctx shut the stream, until stop is called. A
// context that can not end, or that bounds the stream already, costs nothing.
func (i *Inbound) shutWith(ctx context.Context) (stop func()) {
	if ctx.Done() == nil || ctx.Done() == i.bound {
		return func() {}
	}
	shut := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(shut)
		i.gate.shut(context.Cause(ctx))
	})
	return func() {
		if !cancel() {
			<-shut
		}
	}
}

// SetTimeout bounds each following read from the connection; 0 means no bound.
func (i *Inbound) SetTimeout(d time.Duration) { i.gate.timeout = d }

// Received is the number of bytes read from the connection, framing included.
func (i *Inbound) Received() int64 { return i.received.Load() }

// Rest is what was read from the connection beyond the end of the stream: the
// beginning of whatever the peer sent next. Known once a call returned io.EOF
// or Drain returned nil; valid until Close.
func (i *Inbound) Rest() []byte { return i.text.raw() }

// Interrupt ends the stream from another goroutine: a blocked read returns,
// every later one fails at once, with ErrInterrupted.
func (i *Inbound) Interrupt() { i.gate.shut(ErrInterrupted) }

// Close waits for what is landing and gives the text buffer back, and what Line
// and Rest returned with it. The connection stays open. It may be called again.
func (i *Inbound) Close() {
	if i.stop == nil {
		return
	}
	i.awaitLandings(0)
	i.stop()
	i.gate.release()
	i.text.release()
	i.stop, i.err = nil, ErrClosed
}

// more gets further payload into the text buffer, or an error: io.EOF at the
// proper end of the stream. It reads from the connection only when what was
// read before is used up.
func (i *Inbound) more() error {
	moved, err := i.decode()
	if moved || err != nil {
		return err
	}
	if i.frame.sums.open() { // all of the chunk is to be here before any of it is read
		i.text.reserve(i.pool, len(i.text.all())+int(i.frame.chunks.Left())+textSlack)
	}
	n, err := i.receive(i.text.space())
	i.text.read(n)
	return err
}

// decode moves one piece from the raw part of the text buffer to the plain
// one. It reports whether anything changed.
func (i *Inbound) decode() (bool, error) {
	if i.err != nil {
		return false, i.err
	}
	data, n, err := i.frame.next(i.text.raw())
	i.text.decoded(data, n)
	if i.frame.sums.on {
		i.hold(len(data), err)
	}
	i.err = err
	return n > 0, err
}
