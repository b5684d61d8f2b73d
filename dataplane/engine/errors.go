package engine

import (
	"errors"
	"fmt"
	"io"
)

// While a stream is set up.
var errNoPool = errors.New("streams, and the engine of rings, need a buffer pool")

// While a stream is written.
var (
	// ErrEnded is returned for anything appended after Outbound.End.
	ErrEnded = errors.New("stream has been ended")
	// ErrClosed is returned by a stream after its Close.
	ErrClosed = errors.New("stream is closed")
	// ErrInterrupted is the cause of an operation that Interrupt cut short.
	ErrInterrupted = errors.New("interrupted")
)

// While a stream is read.
var (
	// ErrLineTooLong says that the limit of a line was reached without a line
	// end. The line stays unread: the stream is of no further use.
	ErrLineTooLong = errors.New("line is too long")
	// ErrUnterminated says that the stream came to its proper end inside a
	// line. It is an io.ErrUnexpectedEOF too.
	ErrUnterminated = fmt.Errorf("line without an end: %w", io.ErrUnexpectedEOF)
	// ErrDamaged says that a chunk's payload is not what its size line says of it.
	ErrDamaged = errors.New("damaged on the way: a chunk does not match its xxh64")
	// ErrNoSum says that lines or a small body came in a chunk without a sum, where
	// sums had been agreed on.
	ErrNoSum = errors.New("no xxh64 in the size line of a chunk that needs one")
	// ErrMoreLeft says that Drain gave up before the end of the stream.
	ErrMoreLeft = errors.New("stream goes on")
)

// OpError is a failure of the connection. Err is os.ErrDeadlineExceeded (with
// whatever wraps it) when the peer was too slow, io.ErrUnexpectedEOF when it
// hung up before the end of the stream, and ErrInterrupted or the context's
// cause when it was us who stopped.
type OpError struct {
	Kind string // "send" or "receive"
	Err  error
}

func (e *OpError) Error() string { return e.Kind + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }

// SourceError is a failure to read a body: the disk is to blame, not the peer.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return "read body: " + e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// SinkError is a failure to write a body. The stream is intact: what is left
// of the body can be discarded and the next line read.
type SinkError struct{ Err error }

func (e *SinkError) Error() string { return "write body: " + e.Err.Error() }
func (e *SinkError) Unwrap() error { return e.Err }
