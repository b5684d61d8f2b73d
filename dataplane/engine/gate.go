package engine

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

const (
	kindSend    = "send"
	kindReceive = "receive"
)

// gate guards one direction of a connection: a deadline before each operation,
// and a way to shut the direction for good from another goroutine.
//
// A blocked read or write returns when its deadline is moved into the past.
// The order makes shutting certain: shut stores the cause before it moves the
// deadline, pass moves the deadline before it looks for a cause. So either
// pass sees the cause, or shut's deadline is the later one and stands.
type gate struct {
	kind        string
	setDeadline func(time.Time) error
	timeout     time.Duration
	armed       bool // a deadline of ours is set
	cause       atomic.Pointer[error]
	ended       chan struct{}          // closed when it is shut; nil: nobody waits elsewhere
	wake        atomic.Pointer[func()] // of who waits in a ring, where no deadline of the connection reaches
}

// longAgo is a deadline that has passed by any clock.
var longAgo = time.Unix(1, 0)

// pass is called before each operation.
func (g *gate) pass() error {
	if g.timeout > 0 || g.armed {
		// Refused on a connection that is closed, at this end or the other:
		// what that means is for the operation itself to say.
		if err := g.setDeadline(g.next()); errors.Is(err, os.ErrNoDeadline) {
			return &OpError{Kind: g.kind, Err: err}
		}
		g.armed = g.timeout > 0
	}
	return g.shutBy()
}

func (g *gate) next() time.Time {
	if g.timeout <= 0 {
		return time.Time{}
	}
	return time.Now().Add(g.timeout)
}

// shut makes the operation that is under way, and every later one, fail with
// cause. The first cause stays. Safe for concurrent use.
func (g *gate) shut(cause error) {
	if g.cause.CompareAndSwap(nil, &cause) && g.ended != nil {
		close(g.ended)
	}
	// An error means that the connection is closed: nothing blocks there.
	_ = g.setDeadline(longAgo)
	// Like pass, who waits in a ring stores his wake before he looks for a cause.
	if wake := g.wake.Load(); wake != nil {
		(*wake)()
	}
}

// shutBy is the error of an operation after shut; nil before.
func (g *gate) shutBy() error {
	if cause := g.cause.Load(); cause != nil {
		return &OpError{Kind: g.kind, Err: *cause}
	}
	return nil
}

// fail names what went wrong with an operation: a deadline that shut moved is
// not the peer's fault.
func (g *gate) fail(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if cause := g.cause.Load(); cause != nil {
			err = *cause
		}
	}
	return &OpError{Kind: g.kind, Err: err}
}

// release leaves the connection without a deadline of ours, unless it was
// shut.
func (g *gate) release() {
	if g.armed && g.cause.Load() == nil {
		_ = g.setDeadline(time.Time{})
	}
	g.armed = false
}
