package ssync

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Reason says in one word how a session, a request or a subrequest ended. There
// are no other words than these: they label metrics, and the same word stands in
// the log.
type Reason string

// How a session or a request ends.
const (
	ReasonOK              Reason = "ok"
	ReasonRefused         Reason = "refused"          // by its head: method, path, policy
	ReasonUnmounted       Reason = "unmounted"        // the device is
	ReasonSuspect         Reason = "suspect"          // the device is, after a failed fsync
	ReasonBusy            Reason = "busy"             // as many sessions as replication_concurrency allows
	ReasonLockTimeout     Reason = "lock_timeout"     // a partition, a device's slot, or .lock
	ReasonTimeout         Reason = "timeout"          // the peer was silent
	ReasonEarlyDisconnect Reason = "early_disconnect" // the peer hung up, or the connection broke
	ReasonProtocol        Reason = "protocol"         // something came that has no place there
	ReasonFailedUpdates   Reason = "failed_updates"   // subrequests failed; each has its own reason, which only the receiver knows
	ReasonStopping        Reason = "stopping"         // this node was
	ReasonOther           Reason = "other"            // the error in the log says what
)

// How a subrequest ends, beside ReasonOK and some of the above.
const (
	ReasonConflict    Reason = "conflict"    // another body stands there under the same time
	ReasonNotFound    Reason = "not_found"   // a POST found no object
	ReasonDigest      Reason = "digest"      // the body does not fit its ETag or announced xxhash64; of a session: a chunk does not fit its own
	ReasonInvalid     Reason = "invalid"     // headers that Swift refuses too
	ReasonNoSpace     Reason = "no_space"    // the disk or a quota is full, or at its reserve
	ReasonQuarantined Reason = "quarantined" // what stood there could not be true
	ReasonDisk        Reason = "disk"        // any other failure of the file system
)

// ReasonOf puts an error into a word; otherwise is for an error that none of the
// others is for.
func ReasonOf(err error, otherwise Reason) Reason {
	var failed *failedUpdates
	var refused *refusal
	switch {
	case err == nil:
		return ReasonOK
	case errors.Is(err, ErrStopping) || errors.Is(err, context.Canceled):
		return ReasonStopping
	case errors.As(err, &failed):
		return ReasonFailedUpdates
	case errors.As(err, &refused):
		return refused.word()
	}
	return reasonOfLocal(err, reasonOfPeer(err, otherwise))
}

// reasonOfPeer looks for what the other side did.
func reasonOfPeer(err error, otherwise Reason) Reason {
	var timeout *TimeoutError
	var unexpected *UnexpectedError
	var syntax *proto.SyntaxError
	var op *engine.OpError
	var remote *RemoteError
	switch {
	case errors.As(err, &remote) && remote.refusedObjects():
		return ReasonFailedUpdates
	case errors.As(err, &timeout):
		return ReasonTimeout
	case errors.Is(err, engine.ErrDamaged):
		return ReasonDigest
	case errors.As(err, &unexpected) || errors.As(err, &syntax):
		return ReasonProtocol
	case errors.As(err, &op) && errors.Is(op.Err, os.ErrDeadlineExceeded):
		return ReasonTimeout
	case errors.As(err, &op) || errors.Is(err, ErrEarlyDisconnect):
		return ReasonEarlyDisconnect
	}
	return otherwise
}

// reasonOfLocal looks for what this node's disks and locks did.
func reasonOfLocal(err error, otherwise Reason) Reason {
	var lock *store.LockTimeoutError
	var quarantined *store.QuarantinedError
	var call *fs.PathError
	switch {
	case errors.Is(err, ErrBusy):
		return ReasonBusy
	case errors.As(err, &lock):
		return ReasonLockTimeout
	case errors.Is(err, store.ErrUnmounted):
		return ReasonUnmounted
	case errors.Is(err, store.ErrSuspect):
		return ReasonSuspect
	case errors.As(err, &quarantined):
		return ReasonQuarantined
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return ReasonNoSpace
	case errors.As(err, &call):
		return ReasonDisk
	}
	return otherwise
}

// word is the reason behind a refusal's status.
func (e *refusal) word() Reason {
	switch e.status {
	case 404:
		return ReasonNotFound
	case 409:
		return ReasonConflict
	case 422:
		return ReasonDigest
	}
	return ReasonInvalid
}
