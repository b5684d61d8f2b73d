package ssync

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/engine"
	"golang.org/x/sys/unix"
)

// Errors of the dialogue, for callers that decide by them.
var (
	// ErrEarlyDisconnect: the peer hung up where something had to come.
	ErrEarlyDisconnect = errors.New("early disconnect")
	// ErrBusy: a lock or a slot was not to be had in time.
	ErrBusy = errors.New("busy")
	// ErrStopping: this node is going down; the cause of a session's context.
	ErrStopping = errors.New("the node is stopping")
)

// TimeoutError tells which wait of the dialogue was given up. It reads as
// Swift's MessageTimeout does.
type TimeoutError struct {
	Wait  string
	After time.Duration
}

func (e *TimeoutError) Error() string { return seconds(e.After) + " seconds: " + e.Wait }

// Timeout makes it a timeout for those who ask.
func (e *TimeoutError) Timeout() bool { return true }

// seconds prints as Python prints a float.
func seconds(d time.Duration) string {
	text := strconv.FormatFloat(d.Seconds(), 'g', -1, 64)
	if d%time.Second == 0 {
		text += ".0"
	}
	return text
}

// RemoteError is the receiver's ":ERROR:" line.
type RemoteError struct {
	Code    int
	Message string
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("the receiver ended the session: %d %s", e.Code, e.Message)
}

// refusedObjects tells the line of a receiver who got as far as objects, and could
// not store some: "… 2 failures to 0 successes". A full disk is told like that.
// Source: ssync_receiver.py, updates.
func (e *RemoteError) refusedObjects() bool {
	return strings.Contains(e.Message, " failures to ") && strings.Contains(e.Message, " successes")
}

// StatusError is a receiver's answer other than 200.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("expected status 200, got %d (%s)", e.Status, e.Body)
}

// Refusal is a receiver's word to a request that it does not serve, where no
// status can say it: Code is an HTTP status, or 0.
type Refusal struct {
	Code int
	Text string
}

func (e *Refusal) Error() string { return e.Text }

// UnexpectedError is a line that has no place where it came.
type UnexpectedError struct{ Want, Got string }

func (e *UnexpectedError) Error() string {
	return fmt.Sprintf("looking for %s got %.1024q", e.Want, e.Got)
}

// waited names the wait that an error of the connection cut short.
func waited(wait string, limit time.Duration, err error) error {
	var timeout net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ETIMEDOUT): // the kernel's verdict, by TCP_USER_TIMEOUT: not a wait of ours
		return fmt.Errorf("%s: the peer acknowledges nothing any more: %w", wait, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return &TimeoutError{Wait: wait, After: limit}
	case errors.Is(err, engine.ErrTooSlow):
		return &TimeoutError{Wait: fmt.Sprintf("%s: fewer than %d bytes", wait, paceBytes), After: paceWaits * limit}
	case hungUp(err):
		return fmt.Errorf("%s: %w (%w)", wait, ErrEarlyDisconnect, err)
	}
	return fmt.Errorf("%s: %w", wait, err)
}

// hungUp tells a peer who has gone, in order or by a reset: which of the two it
// is depends on what he had not read yet.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}
