package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Hooks is a Witness made of two functions, each of which may be nil.
type Hooks struct {
	OnBefore func(*store.Op) error
	OnAfter  func(*store.Op, error)
}

// Before implements store.Witness.
func (h Hooks) Before(op *store.Op) error {
	if h.OnBefore == nil {
		return nil
	}
	return h.OnBefore(op)
}

// After implements store.Witness.
func (h Hooks) After(op *store.Op, err error) {
	if h.OnAfter != nil {
		h.OnAfter(op, err)
	}
}

// NoTmpfile lets a device do without O_TMPFILE, as some file systems and old
// kernels do. The witness behind it sees all other calls.
type NoTmpfile struct{ store.Witness }

// Before implements store.Witness.
func (n NoTmpfile) Before(op *store.Op) error {
	if op.Call == store.CallTemp {
		return unix.EOPNOTSUPP
	}
	return n.Witness.Before(op)
}

// Trace is a Witness that notes the calls that were made and succeeded.
type Trace struct {
	mu  sync.Mutex
	ops []store.Op
}

// Before implements store.Witness.
func (t *Trace) Before(*store.Op) error { return nil }

// After implements store.Witness.
func (t *Trace) After(op *store.Op, err error) {
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	noted := *op
	noted.Data = nil
	t.ops = append(t.ops, noted)
}

// Reset forgets what was noted.
func (t *Trace) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ops = nil
}

// Calls returns the calls of some kinds that were made since the last Reset, in
// the order of their ends.
func (t *Trace) Calls(kinds ...store.Call) []store.Op {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found []store.Op
	for _, op := range t.ops {
		for _, kind := range kinds {
			if op.Call == kind {
				found = append(found, op)
			}
		}
	}
	return found
}

// Fault is a Witness that refuses one call: the n-th since it was armed.
type Fault struct {
	mu    sync.Mutex
	at    int
	errno unix.Errno
	seen  int
	hit   *store.Op
}

// Errnos are what every call is refused with in turn: a disk that can't, a disk
// that is full, a process without descriptors.
var Errnos = []unix.Errno{unix.EIO, unix.ENOSPC, unix.EMFILE}

// Arm lets the n-th call from now on fail; with n = 0 calls are only counted.
func (f *Fault) Arm(n int, errno unix.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.errno, f.seen, f.hit = n, errno, 0, nil
}

// Disarm lets all calls pass, and returns how many there were since Arm and which
// of them was refused: nil if it never came to that.
func (f *Fault) Disarm() (calls int, hit *store.Op) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = 0
	return f.seen, f.hit
}

// Before implements store.Witness.
func (f *Fault) Before(op *store.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	if f.seen != f.at {
		return nil
	}
	hit := *op
	hit.Data = nil
	f.hit = &hit
	return f.errno
}

// After implements store.Witness.
func (f *Fault) After(*store.Op, error) {}

// Names tells whether a text, an error's or a log's, says which call failed, on
// what, and how.
func Names(text string, op *store.Op, errno unix.Errno) bool {
	return strings.Contains(text, string(op.Call)+" ") && strings.Contains(text, op.Path+": "+errno.Error())
}

// Ignored is the reason for which the store may go on after a refused call as if
// nothing had happened; empty where there is none, and somebody must be told.
func Ignored(op *store.Op) string {
	switch op.Call {
	case store.CallUnlink:
		return "an obsolete file is removed by the next reader, a temporary one by Swift's replicator after reclaim_age"
	case store.CallRmdir:
		return "an empty directory is removed by the next reader"
	case store.CallDirect:
		if op.Offset == 1 {
			return "what can't go past the page cache goes by way of it"
		}
	case store.CallSetxattr, store.CallGetxattr:
		if op.To == hashes.StoredSumXattr {
			return "without a stored sum a body is held against its ETag"
		}
	case store.CallOpen, store.CallReadDir:
		if strings.Count(op.Path, "/") == hashDirDepth {
			return "the tidying after a commit is repeated by the next reader"
		}
	}
	return ""
}

// hashDirDepth is the number of slashes in objects/0/abc/<hash>.
const hashDirDepth = 3

// Describe prints a call for a test's log.
func Describe(op *store.Op, errno unix.Errno) string {
	text := fmt.Sprintf("%s %s", op.Call, op.Path)
	if op.To != "" {
		text += " → " + op.To
	}
	return text + ": " + errno.Error()
}

// Errno finds the errno at the bottom of an error; 0 where there is none.
func Errno(err error) unix.Errno {
	var errno unix.Errno
	errors.As(err, &errno)
	return errno
}
