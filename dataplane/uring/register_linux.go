package uring

import (
	"fmt"
	"unsafe"

	"github.com/ringsync/ringsync/dataplane/buffer"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

// Register lets the ring register the pool's buffers, each when it is first used:
// the kernel then pins its pages once and not for every operation. The pool must
// outlive the ring. An error means that this kernel has no such table (5.19);
// operations work without.
//
// Pinned memory is counted against RLIMIT_MEMLOCK, for all rings of a user. A
// buffer that finds the limit reached is used as it is, which costs 6 to 17 %
// more processor time.
func (r *Ring) Register(pool *buffer.Pool) error {
	arg := rsrcRegister{count: uint32(pool.Count()), flags: registerSparse}
	// Sound: the kernel reads arg during the call only, and the call keeps it alive.
	if err := iouring.IOURingRegister(r.fd, registerBuffers2, unsafe.Pointer(&arg), uint32(unsafe.Sizeof(arg))); err != nil {
		return fmt.Errorf("register buffers: %w", err)
	}
	r.pool, r.registered = pool, make([]bool, pool.Count())
	return nil
}

// Registered is the number of buffers that are.
func (r *Ring) Registered() int {
	n := 0
	for _, is := range r.registered {
		if is {
			n++
		}
	}
	return n
}

// index is the number under which a buffer is registered; -1 where it is not, and
// can't be.
func (r *Ring) index(b *buffer.Buffer) int {
	if r.pool == nil || !b.Of(r.pool) {
		return -1
	}
	if k := b.Index(); r.registered[k] || r.register(b) == nil {
		return k
	}
	return -1
}

// register puts a buffer into its place of the table.
func (r *Ring) register(b *buffer.Buffer) error {
	if r.limited {
		return unix.ENOMEM
	}
	memory := b.Kernel()
	// Sound: both structures lie in the ring's own mapping, behind the slots, which
	// only the goroutine of the ring uses; the kernel reads them during the call.
	// What it pins is the pool's mapping.
	piece := r.slotMemory(len(r.ops))
	part, arg := (*unix.Iovec)(unsafe.Pointer(&piece[0])), (*rsrcUpdate)(unsafe.Pointer(&piece[64]))
	*part = unix.Iovec{Base: &memory[0]}
	part.SetLen(len(memory))
	*arg = rsrcUpdate{offset: uint32(b.Index()), count: 1, data: uint64(uintptr(unsafe.Pointer(part)))}
	err := iouring.IOURingRegister(r.fd, registerBuffersUpdate, unsafe.Pointer(arg), uint32(unsafe.Sizeof(*arg)))
	if err != nil {
		r.limited = true // no use in trying with every operation
		return err
	}
	r.registered[b.Index()] = true
	return nil
}

// unregister unpins the buffers. Nothing is in flight.
func (r *Ring) unregister() {
	if r.registered == nil {
		return
	}
	// An error leaves them pinned until the descriptor is closed, next.
	_ = iouring.IOURingRegister(r.fd, iouring.IORING_UNREGISTER_BUFFERS, nil, 0)
	r.pool, r.registered = nil, nil
}

// limitWorkers bounds the kernel threads that make blocking calls on files. It is
// a wish: kernels before 5.15 have their own idea.
func (r *Ring) limitWorkers(n int) {
	limits := [2]uint32{uint32(n), 0} // on files; on sockets and the like, 0 = as it is
	// Sound: the kernel reads and writes limits during the call only.
	_ = iouring.IOURingRegister(r.fd, registerIowqMaxWorkers, unsafe.Pointer(&limits[0]), 2)
}

// supported asks the kernel for the operations it knows.
func (r *Ring) supported() (known [256]bool, err error) {
	var p probe
	// Sound: the kernel fills p during the call only, and at most the 256 it is told.
	if err := iouring.IOURingRegister(r.fd, iouring.IORING_REGISTER_PROBE, unsafe.Pointer(&p), uint32(len(p.op))); err != nil {
		return known, err
	}
	for k := range min(int(p.ops), len(p.op)) {
		known[p.op[k].op] = p.op[k].flags&opSupported != 0
	}
	return known, nil
}

// Registers tells whether a buffer is registered, and tries to if it is not.
func (r *Ring) Registers(b *buffer.Buffer) bool { return r.index(b) >= 0 }
