package uring

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

const (
	// A transfer has some ten operations in flight, a window of small files up to
	// 256 if it asks for them.
	defaultEntries = 64
	// fewestEntries is what is tried when there is no memory for more.
	fewestEntries = 64
)

// Config sizes a ring. The zero value is usable.
type Config struct {
	Entries int // operations in flight; a power of two, at most 4096; 0 = 64
	Workers int // kernel threads at most for calls on files that block; 0 = the kernel's default

	kernel kernel // nil: the one that runs
}

// kernel is io_uring_setup(2), or a test's that plays another one.
type kernel func(entries uint, p *iouring.IOURingParams) (fd int, err error)

// Ring is one io_uring. It belongs to the goroutine that made it, which must be
// locked to its thread (runtime.LockOSThread); only Wake may be called by others.
type Ring struct {
	fd     int
	flags  uint32 // of setup, as far as the kernel knows them
	queues queues

	ops      []op     // slots of the operations in flight
	free     []uint32 // slots that are not in use, a stack
	last     *sqe     // prepared last
	scratch  []byte   // what the kernel reads besides buffers: a piece for each slot, one for times
	inFlight int

	pool       *buffer.Pool // whose buffers may be registered; nil: none
	registered []bool       // by buffer index
	limited    bool         // one could not be registered

	waking sync.Mutex // guards waker against its reuse after Close
	waker  int        // eventfd; -1 after Close
	armed  bool       // the ring watches it
	woken  bool
}

// flagSets are tried in turn: an older kernel knows fewer.
var flagSets = [...]uint32{
	// 6.1: one thread submits, and completions are worked on when it asks for
	// them, not by interrupting it.
	iouring.IORING_SETUP_CLAMP | iouring.IORING_SETUP_SUBMIT_ALL | setupSingleIssuer | setupDeferTaskrun,
	iouring.IORING_SETUP_CLAMP | iouring.IORING_SETUP_SUBMIT_ALL | iouring.IORING_SETUP_COOP_TASKRUN, // 5.19
	iouring.IORING_SETUP_CLAMP | iouring.IORING_SETUP_SUBMIT_ALL,                                     // 5.18
	iouring.IORING_SETUP_CLAMP,
}

// New makes a ring on the calling thread. Unavailable tells whether an error
// means that there is none to be had here, and Explain says why.
func New(cfg Config) (*Ring, error) {
	entries := cfg.Entries
	if entries == 0 {
		entries = defaultEntries
	}
	if entries < 1 || entries > 4096 || entries&(entries-1) != 0 {
		return nil, fmt.Errorf("ring of %d entries: not a power of two up to 4096", entries)
	}
	ask := cfg.kernel
	if ask == nil {
		ask = iouring.IOURingSetup
	}
	fd, params, err := ask.setup(entries)
	if errors.Is(err, unix.ENOMEM) && entries > fewestEntries {
		fd, params, err = ask.setup(fewestEntries)
	}
	if err != nil {
		return nil, err
	}
	r := &Ring{fd: fd, flags: params.Flags, waker: -1}
	if err := r.build(params, cfg.Workers); err != nil {
		r.unmap()
		return nil, err
	}
	return r, nil
}

// setup asks for a ring with as many of the flags as the kernel takes.
func (ask kernel) setup(entries int) (fd int, params iouring.IOURingParams, err error) {
	for _, flags := range flagSets {
		params = iouring.IOURingParams{Flags: flags}
		fd, err = ask(uint(entries), &params)
		if !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	return fd, params, err
}

func (r *Ring) build(params iouring.IOURingParams, workers int) (err error) {
	if params.Features&featExtArg == 0 || params.Features&iouring.IORING_FEAT_NODROP == 0 {
		return ErrTooOld
	}
	if err = r.queues.open(r.fd, &params); err != nil {
		return err
	}
	slots := int(params.SQEntries)
	r.ops, r.free = make([]op, slots), make([]uint32, slots)
	for k := range r.free {
		r.free[k] = uint32(slots - 1 - k)
	}
	r.scratch, err = unix.Mmap(-1, 0, (slots+1)*slotBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	if r.waker, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if workers > 0 {
		r.limitWorkers(workers)
	}
	return nil
}

// Slots is how many operations may be in flight.
func (r *Ring) Slots() int { return len(r.ops) }

// InFlight is how many are: queued, and their last completion not taken yet.
func (r *Ring) InFlight() int { return r.inFlight }

// Close ends the ring, on its own thread: what is in flight is cancelled and
// reaped first, however long a disk may take. After an error the kernel may
// still own memory; then the ring stays as it is, and its buffers must not be
// released.
func (r *Ring) Close() error {
	if r.fd < 0 {
		return nil
	}
	if err := r.Drain(); err != nil {
		return fmt.Errorf("close ring: %w", err)
	}
	if err := r.disarm(); err != nil {
		return fmt.Errorf("close ring: %w", err)
	}
	r.unregister()
	return r.unmap()
}

func (r *Ring) unmap() error {
	r.waking.Lock()
	defer r.waking.Unlock()
	var err error
	if r.waker >= 0 {
		err = unix.Close(r.waker)
	}
	err = errors.Join(err, r.queues.close(), unix.Close(r.fd))
	if r.scratch != nil {
		err = errors.Join(err, unix.Munmap(r.scratch))
	}
	r.fd, r.waker, r.scratch = -1, -1, nil
	return err
}

// Wake makes the Wait that is under way, or else the next one, return ErrWoken.
// Any goroutine may call it, also after Close.
func (r *Ring) Wake() {
	r.waking.Lock()
	defer r.waking.Unlock()
	if r.waker >= 0 {
		// EAGAIN would mean that the counter is full: it has been woken, then.
		_, _ = unix.Write(r.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// Drain cancels what is in flight and takes all of its completions. A disk that
// hangs holds it up: the kernel gives no memory back before.
func (r *Ring) Drain() error {
	for slot := range r.ops {
		if r.ops[slot].busy {
			if err := r.cancel(uint32(slot)); err != nil {
				return err
			}
		}
	}
	for r.inFlight > 0 {
		if err := r.Wait(time.Time{}); err != nil && err != ErrWoken {
			return err
		}
		for range r.inFlight {
			if _, ok := r.Next(); !ok {
				break
			}
		}
	}
	return nil
}
