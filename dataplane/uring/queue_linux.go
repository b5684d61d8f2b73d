package uring

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

// queues are the two rings in the memory that is shared with the kernel. Of each
// pair of counters one side writes one: we sqTail and cqHead, the kernel sqHead
// and cqTail. They run freely and are masked when used.
type queues struct {
	rings   []byte // the mapping of counters and CQEs
	entries []byte // the mapping of the SQEs

	sqHead, sqTail *uint32
	cqHead, cqTail *uint32
	sqMask, cqMask uint32
	sqes           []sqe
	cqes           []cqe

	tail uint32 // ours; sqTail follows it when we enter
}

func (q *queues) open(fd int, p *iouring.IOURingParams) (err error) {
	if p.Features&iouring.IORING_FEAT_SINGLE_MMAP == 0 {
		return ErrTooOld
	}
	size := max(
		int(p.SQOffset.Array)+int(p.SQEntries)*4,
		int(p.CQOffset.Cqes)+int(p.CQEntries)*int(unsafe.Sizeof(cqe{})),
	)
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if q.rings, err = unix.Mmap(fd, int64(iouring.IORING_OFF_SQ_RING), size, prot, flags); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	size = int(p.SQEntries) * int(unsafe.Sizeof(sqe{}))
	if q.entries, err = unix.Mmap(fd, int64(iouring.IORING_OFF_SQES), size, prot, flags); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	q.sqHead, q.sqTail = q.word(p.SQOffset.Head), q.word(p.SQOffset.Tail)
	q.cqHead, q.cqTail = q.word(p.CQOffset.Head), q.word(p.CQOffset.Tail)
	q.sqMask, q.cqMask = *q.word(p.SQOffset.RingMask), *q.word(p.CQOffset.RingMask)
	q.tail = *q.sqTail

	// Sound: both mappings live until close, are as long as computed above from
	// the kernel's own numbers, and page-aligned; sqe and cqe are its structures.
	q.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&q.entries[0])), p.SQEntries)
	q.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&q.rings[p.CQOffset.Cqes])), p.CQEntries)

	// The array between tail and SQEs is not needed: entry k is always SQE k.
	for k := range p.SQEntries {
		*q.word(p.SQOffset.Array + 4*k) = k
	}
	return nil
}

// word is a counter in the shared memory.
func (q *queues) word(offset uint32) *uint32 {
	// Sound: the index is checked, the kernel aligns its counters, and the mapping
	// lives until close, after which no counter is used.
	return (*uint32)(unsafe.Pointer(&q.rings[offset : offset+4][0]))
}

func (q *queues) close() (err error) {
	if q.rings != nil {
		err = unix.Munmap(q.rings)
	}
	if q.entries != nil {
		err = errors.Join(err, unix.Munmap(q.entries))
	}
	*q = queues{}
	return err
}

// push returns a blank SQE that goes down with the next enter; nil while the
// kernel has not taken those before.
func (q *queues) push() *sqe {
	if q.queued() == uint32(len(q.sqes)) {
		return nil
	}
	e := &q.sqes[q.tail&q.sqMask]
	e.Reset()
	q.tail++
	return e
}

// queued counts the SQEs that the kernel has not taken.
func (q *queues) queued() uint32 { return q.tail - atomic.LoadUint32(q.sqHead) }

// publish lets the kernel see what was pushed.
func (q *queues) publish() { atomic.StoreUint32(q.sqTail, q.tail) }

// ready tells whether a CQE is there.
func (q *queues) ready() bool { return *q.cqHead != atomic.LoadUint32(q.cqTail) }

// pop takes a CQE off, a copy: its place is the kernel's again.
func (q *queues) pop() (e cqe, ok bool) {
	if !q.ready() {
		return e, false
	}
	head := *q.cqHead
	e = q.cqes[head&q.cqMask]
	atomic.StoreUint32(q.cqHead, head+1)
	return e, true
}
