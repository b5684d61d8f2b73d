package uring

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

// Completion is what came of an operation.
type Completion struct {
	Tag          uint64
	N            int   // result: bytes, a descriptor, events; 0 with an error
	Err          error // a unix.Errno
	More         bool  // a zero-copy send's notification is still to come: the buffer stays lent
	Notification bool  // this is it
	Copied       bool  // and it says that the kernel copied after all
}

// Submit hands what was queued to the kernel, which works on it as far as it can
// without waiting. An error of it, and one of Wait that Wait does not name, means
// that the ring is closed or in use on another thread.
func (r *Ring) Submit() error { return r.enter(0, time.Time{}) }

// Wait submits what was queued and returns as soon as there is a completion for
// Next. It returns os.ErrDeadlineExceeded when there was none until deadline
// (zero: it waits for ever), and ErrWoken when Wake was called, be there a
// completion or not. Neither ends any operation.
func (r *Ring) Wait(deadline time.Time) error {
	if err := r.arm(); err != nil {
		return err
	}
	for entered := false; ; entered = true {
		r.skipWake()
		if r.woken {
			r.woken = false
			return ErrWoken
		}
		// The kernel may refuse what is queued until completions were taken.
		if r.queues.ready() && (entered || r.queues.queued() == 0) {
			return nil
		}
		if err := r.enter(1, deadline); err != nil {
			return err
		}
	}
}

// Next takes a completion that is there. Its buffers are the caller's again,
// unless More is set.
func (r *Ring) Next() (c Completion, ok bool) {
	for {
		e, ok := r.queues.pop()
		if !ok {
			return Completion{}, false
		}
		if e.UserData() == wakeData {
			r.sawWake()
			continue
		}
		if e.UserData() == ignoreData {
			continue
		}
		return r.complete(&e), true
	}
}

// complete ends an operation and its loans.
func (r *Ring) complete(e *cqe) Completion {
	slot := uint32(e.UserData())
	o := &r.ops[slot]
	if !o.busy {
		panic(fmt.Sprintf("ring: completion of slot %d, where nothing is in flight", slot))
	}
	c := Completion{Tag: o.tag, More: e.Flags()&cqeMore != 0, Notification: e.Flags()&cqeNotification != 0}
	switch result := e.Result(); {
	case c.Notification:
		c.Copied = uint32(result)&usageCopied != 0
	case result < 0:
		c.Err = unix.Errno(-result)
	default:
		c.N = int(result)
	}
	if !c.More {
		o.end()
		r.free = append(r.free, slot)
		r.inFlight--
	}
	return c
}

// enter is io_uring_enter(2): it submits all that is queued and, with wait,
// returns when there is that many completions, or sooner.
func (r *Ring) enter(wait uint32, deadline time.Time) error {
	r.queues.publish()
	for {
		submit := r.queues.queued()
		arg, size, flags, err := r.waitArg(wait, deadline)
		if err != nil {
			return err
		}
		_, _, errno := unix.Syscall6(iouring.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(submit), uintptr(wait), flags, arg, size)
		switch errno {
		case 0:
			if r.queues.queued() == 0 {
				return nil
			}
			continue // an SQE that was refused stopped the ones behind it: its CQE tells
		case unix.EINTR:
			if wait == 0 || !r.queues.ready() {
				continue
			}
			return nil
		case unix.ETIME:
			if r.queues.ready() {
				return nil
			}
			return os.ErrDeadlineExceeded
		case unix.EAGAIN, unix.EBUSY:
			// No memory for a request just now, or completions wait to be taken.
			if r.queues.ready() {
				return nil
			}
			time.Sleep(enterPause)
			continue
		}
		return os.NewSyscallError("io_uring_enter", errno)
	}
}

// enterPause lies between tries when the kernel has no memory for a request.
const enterPause = 10 * time.Millisecond

// waitArg builds the argument that bounds a wait. It lies in the ring's own
// memory, behind the slots.
func (r *Ring) waitArg(wait uint32, deadline time.Time) (arg, size uintptr, flags uintptr, err error) {
	flags = uintptr(iouring.IORING_ENTER_FLAGS_GETEVENTS)
	if wait == 0 || deadline.IsZero() {
		return 0, 0, flags, nil
	}
	left := time.Until(deadline)
	if left <= 0 {
		if r.queues.queued() == 0 {
			return 0, 0, 0, os.ErrDeadlineExceeded
		}
		left = 1 // what is queued goes down in any case
	}
	piece := r.slotMemory(len(r.ops))
	// Sound: scratch is mapped until Close, aligned to pages, and this piece is
	// used by the one goroutine that enters.
	ts := (*unix.Timespec)(unsafe.Pointer(&piece[0]))
	*ts = unix.NsecToTimespec(int64(left))
	ext := (*extArg)(unsafe.Pointer(&piece[64]))
	*ext = extArg{timespec: uint64(uintptr(unsafe.Pointer(ts)))}
	return uintptr(unsafe.Pointer(ext)), unsafe.Sizeof(*ext), flags | enterExtArg, nil
}

// arm lets the ring watch for Wake.
func (r *Ring) arm() error {
	if r.armed {
		return nil
	}
	e, err := r.push()
	if err != nil {
		return err
	}
	preparePoll(e, r.waker, unix.POLLIN)
	e.SetUserData(wakeData)
	r.armed = true
	return nil
}

// skipWake takes completions of ours that lie before others, so that what is
// ready is for the caller.
func (r *Ring) skipWake() {
	for r.queues.ready() {
		switch e := &r.queues.cqes[*r.queues.cqHead&r.queues.cqMask]; e.UserData() {
		case wakeData:
			r.sawWake()
		case ignoreData:
		default:
			return
		}
		r.queues.pop()
	}
}

// sawWake notes that the watch has ended: because somebody called Wake, or
// because it was cancelled.
func (r *Ring) sawWake() {
	r.armed = false
	var count [8]byte
	if _, err := unix.Read(r.waker, count[:]); err == nil {
		r.woken = true
	}
}

// disarm ends the watch and takes its completion.
func (r *Ring) disarm() error {
	if !r.armed {
		return nil
	}
	e, err := r.push()
	if err != nil {
		return err
	}
	prepareCancel(e, wakeData)
	for r.armed {
		if err := r.enter(1, time.Time{}); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		r.skipWake()
	}
	return nil
}
