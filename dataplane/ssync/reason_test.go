package ssync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Every error is put into the word that an operator would use for it, whatever
// it is wrapped in; what is nobody's goes to the word that the caller has for it.
func TestReasonOf(t *testing.T) {
	_, syntax := proto.ParseTimestamp("yesterday")
	for _, test := range []struct {
		err  error
		want Reason
	}{
		{nil, ReasonOK},
		{ErrStopping, ReasonStopping},
		{context.Canceled, ReasonStopping},
		{&engine.OpError{Kind: "receive", Err: ErrStopping}, ReasonStopping},
		{&failedUpdates{code: 500}, ReasonFailedUpdates},
		{&RemoteError{500, "ERROR: With :UPDATES: 1 failures to 0 successes"}, ReasonFailedUpdates},
		{&RemoteError{500, "Too many 3 failures to 0 successes"}, ReasonFailedUpdates},
		{&RemoteError{500, "list index out of range"}, "otherwise"},
		{ErrBusy, ReasonBusy},
		{&store.LockTimeoutError{}, ReasonLockTimeout},
		{&TimeoutError{}, ReasonTimeout},
		{&engine.OpError{Kind: "send", Err: os.ErrDeadlineExceeded}, ReasonTimeout},
		{&engine.OpError{Kind: "send", Err: unix.EPIPE}, ReasonEarlyDisconnect},
		{waited("x", 0, &engine.OpError{Kind: "receive", Err: io.ErrUnexpectedEOF}), ReasonEarlyDisconnect},
		{ErrEarlyDisconnect, ReasonEarlyDisconnect},
		{&UnexpectedError{}, ReasonProtocol},
		{syntax, ReasonProtocol},
		{store.ErrUnmounted, ReasonUnmounted},
		{store.ErrSuspect, ReasonSuspect},
		{&fs.PathError{Op: "write", Err: unix.ENOSPC}, ReasonNoSpace},
		{&fs.PathError{Op: "write", Err: unix.EDQUOT}, ReasonNoSpace},
		{&fs.PathError{Op: "write", Err: unix.EIO}, ReasonDisk},
		{&store.QuarantinedError{Err: &fs.PathError{Op: "rename", Err: unix.EIO}}, ReasonQuarantined},
		{refuse(404, ""), ReasonNotFound},
		{refuse(409, ""), ReasonConflict},
		{refuse(422, ""), ReasonDigest},
		{refuse(413, ""), ReasonInvalid},
		{errors.New("what is this?"), "otherwise"},
	} {
		for _, err := range []error{test.err, fmt.Errorf("wrapped: %w", test.err)} {
			if test.err == nil {
				err = nil
			}
			if got := ReasonOf(err, "otherwise"); got != test.want {
				t.Errorf("%v: %s, want %s", err, got, test.want)
			}
		}
	}
}
