package ssync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/proto"
)

// answers reads the receiver's lines beside the sending, so that an ":ERROR:" is
// seen when it comes, and not when the sender next listens.
type answers struct {
	in        *engine.Inbound
	interrupt func() // ends a send in hand: nobody reads it any more
	lines     chan []byte
	stop      chan struct{}
	done      chan struct{}
	err       error // why there are no more lines; set before lines is closed
}

// linesAhead is how many lines may wait for the sender's ear.
const linesAhead = 1024

func listen(in *engine.Inbound, interrupt func()) *answers {
	a := &answers{in: in, interrupt: interrupt, lines: make(chan []byte, linesAhead), stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a
}

func (a *answers) run() {
	defer close(a.done)
	defer close(a.lines)
	for {
		line, err := a.in.Line()
		if err != nil {
			a.end(err)
			return
		}
		if code, text, ok := proto.ParseError(line); ok {
			a.end(&RemoteError{Code: code, Message: text})
			return
		}
		select {
		case a.lines <- append([]byte(nil), line...):
		case <-a.stop:
			return
		}
	}
}

func (a *answers) end(err error) {
	a.err = err
	if err != io.EOF { // his last chunk may come before ours
		a.interrupt()
	}
}

// next waits for a line that says something.
func (a *answers) next(ctx context.Context, wait string, limit time.Duration) ([]byte, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case line, ok := <-a.lines:
			if !ok {
				return nil, a.ended(wait)
			}
			if len(proto.TrimBlanks(line)) > 0 {
				return line, nil
			}
			timer.Reset(limit)
		case <-timer.C:
			return nil, &TimeoutError{Wait: wait, After: limit}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ready is next without waiting: nil where nothing has come, or nothing more will,
// of which next tells.
func (a *answers) ready() []byte {
	for {
		select {
		case line := <-a.lines:
			if line == nil || len(proto.TrimBlanks(line)) > 0 {
				return line
			}
		default:
			return nil
		}
	}
}

func (a *answers) ended(wait string) error {
	var remote *RemoteError
	if errors.As(a.err, &remote) {
		return remote
	}
	if hungUp(a.err) {
		return fmt.Errorf("%s: %w", wait, ErrEarlyDisconnect)
	}
	return fmt.Errorf("%s: %w", wait, a.err)
}

// verdict gives the receiver a moment to have said why he hung up.
func (a *answers) verdict(moment time.Duration) error {
	select {
	case <-a.done:
		return a.ended("updates")
	case <-time.After(moment):
		return nil
	}
}

// close ends the listening; the connection has been closed before.
func (a *answers) close() {
	close(a.stop)
	a.in.Interrupt()
	<-a.done
	a.in.Close()
}
