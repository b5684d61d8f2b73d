package engine

import (
	"fmt"
	"os"
	"time"

	"github.com/ringsync/ringsync/dataplane/uring"
)

// lanes are rings with their threads.
type lanes = uring.Lanes

func newLanes(cfg Config) (*lanes, error) {
	return uring.NewLanes(cfg.Pool, uring.LanesConfig{Count: cfg.Lanes, Ring: uring.Config{Entries: laneEntries, Workers: laneWorkers}})
}

const (
	// laneEntries are for a window of small files, two operations each: with 64 places
	// it takes more rounds, and a fifth more time. A large body needs 64.
	laneEntries = 256
	// laneWorkers are the kernel threads of a lane at the most that wait in calls on
	// files; they end when they are idle. Left alone a kernel takes four for each core:
	// with eight a window took a third more time than with 64.
	laneWorkers = 64
)

// probeUring finds out whether rings can be had, and says so in a sentence. An
// error is one that has nothing to do with io_uring, such as too many open files.
func probeUring() (works bool, why string, err error) {
	p := uring.Probe()
	if p.Err != nil && !uring.Unavailable(p.Err) {
		return false, "", p.Err
	}
	for _, op := range []string{"read_fixed", "write_fixed", "recv", "recvmsg", "sendmsg", "poll", "cancel"} {
		if p.Err == nil && !p.Operations[op] {
			return false, "the kernel's io_uring lacks " + op, nil
		}
	}
	return p.Err == nil, p.String(), nil
}

// ringSocket is the one operation that a transfer has on its socket; the others,
// on a file, complete meanwhile.
type ringSocket struct {
	ring  *uring.Ring
	fd    int
	gate  *gate
	taker taker

	heard uring.Completion
	did   bool // it has completed, with heard
}

// taker takes the completions that are there.
type taker interface{ take() }

// tagSocket is the operation's; tags below it are the file's.
const tagSocket = 1 << 32

// noDeadline lets a wait go on for ever.
var noDeadline time.Time

// hears tells whether a completion is the socket's, and keeps it.
func (s *ringSocket) hears(c uring.Completion) bool {
	if c.Tag != tagSocket {
		return false
	}
	s.heard, s.did = c, true
	return true
}

// await returns the completion of the operation, which has the gate's timeout. One
// that does not come in time, or that the gate is shut on, is cancelled; err then is
// a deadline's, as it is from a connection, and the completion may still have bytes.
func (s *ringSocket) await() (c uring.Completion, err error) { return s.awaitTag(tagSocket) }

// awaitTag is await for an operation of another tag.
func (s *ringSocket) awaitTag(tag uint64) (c uring.Completion, err error) {
	deadline := s.deadline()
	for s.did = false; !s.did; s.taker.take() {
		switch wait := s.ring.Wait(deadline); {
		case wait == os.ErrDeadlineExceeded, wait == uring.ErrWoken && s.gate.shutBy() != nil:
			if err == nil {
				err = os.ErrDeadlineExceeded
				must(s.ring.Cancel(tag))
			}
			deadline = noDeadline
		case wait != uring.ErrWoken:
			must(wait)
		}
	}
	return s.heard, err
}

// deadline is when an operation that begins now has taken too long.
func (s *ringSocket) deadline() time.Time {
	if s.gate.timeout <= 0 {
		return noDeadline
	}
	return time.Now().Add(s.gate.timeout)
}

// must: a ring that is open, on its own thread, with room for what a transfer has
// in flight, can be used.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("engine: ring: %v", err))
	}
}

// LaneBytes is what a lane takes: its ring, and the thread's stack as far as it is
// used.
func LaneBytes() int64 { return uring.MappedBytes(laneEntries) + threadBytes }

const threadBytes = 32 << 10
