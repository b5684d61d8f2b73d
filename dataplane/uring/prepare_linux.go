package uring

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

// Each of the following queues an operation; nothing happens before Submit or
// Wait. tag comes back in its Completion. ErrFull says that it was not queued.

// Nop does nothing.
func (r *Ring) Nop(tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	e.PrepOperation(iouring.IORING_OP_NOP, -1, 0, 0, 0)
	e.SetUserData(uint64(slot))
	return nil
}

// Read reads a file at off, into the registered buffer where it is one. As with
// pread(2) it may come short.
func (r *Ring) Read(fd int, s Span, off int64, tag uint64) error {
	return r.transfer(iouring.IORING_OP_READ, iouring.IORING_OP_READ_FIXED, fd, s, off, true, tag)
}

// ReadCached is Read of what lies in the page cache: it waits for no disk, and fails
// with EAGAIN where it would have to.
func (r *Ring) ReadCached(fd int, s Span, off int64, tag uint64) error {
	err := r.Read(fd, s, off, tag)
	if err == nil {
		r.last.SetOpFlags(unix.RWF_NOWAIT)
	}
	return err
}

// Write writes to a file at off, from the registered buffer where it is one. As
// with pwrite(2) it may come short.
func (r *Ring) Write(fd int, s Span, off int64, tag uint64) error {
	return r.transfer(iouring.IORING_OP_WRITE, iouring.IORING_OP_WRITE_FIXED, fd, s, off, false, tag)
}

func (r *Ring) transfer(plain, fixed uint8, fd int, s Span, off int64, fills bool, tag uint64) error {
	e, o, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	code, index := plain, r.index(s.Buffer)
	if index >= 0 {
		code = fixed
	}
	e.PrepOperation(code, int32(fd), address(s), uint32(s.Len()), uint64(off))
	if index >= 0 {
		e.SetBufIndex(uint16(index))
	}
	e.SetUserData(uint64(slot))
	o.lend(s, fills)
	return nil
}

// Send is send(2). On a socket that does not block, as Go's are, it may fail with
// EAGAIN: then Poll and try again.
func (r *Ring) Send(fd int, s Span, flags int, tag uint64) error {
	return r.socket(iouring.IORING_OP_SEND, fd, s, flags|unix.MSG_NOSIGNAL, false, tag)
}

// Recv is recv(2), with the same reservation. With MSG_WAITALL it comes short
// only at the stream's end, on an error, or when it is cancelled.
func (r *Ring) Recv(fd int, s Span, flags int, tag uint64) error {
	return r.socket(iouring.IORING_OP_RECV, fd, s, flags, true, tag)
}

func (r *Ring) socket(code uint8, fd int, s Span, flags int, fills bool, tag uint64) error {
	e, o, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	e.PrepOperation(code, int32(fd), address(s), uint32(s.Len()), 0)
	e.SetOpFlags(uint32(flags))
	e.SetUserData(uint64(slot))
	o.lend(s, fills)
	return nil
}

// SendZC is a send without a copy. It completes twice: when the bytes are queued
// (More is set, and the next send may go), and when the kernel no longer needs
// the buffer, with word of whether it copied after all.
func (r *Ring) SendZC(fd int, s Span, flags int, tag uint64) error {
	e, o, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	e.PrepOperation(iouring.IORING_OP_SEND_ZC, int32(fd), address(s), uint32(s.Len()), 0)
	e.SetOpFlags(uint32(flags | unix.MSG_NOSIGNAL))
	ioprio := uint16(sendReportUsage)
	if index := r.index(s.Buffer); index >= 0 {
		ioprio |= sendFixedBuffer
		e.SetBufIndex(uint16(index))
	}
	e.SetIoprio(ioprio)
	e.SetUserData(uint64(slot))
	o.lend(s, false)
	return nil
}

// Sendv is sendmsg(2) of up to eight spans, one behind the other.
func (r *Ring) Sendv(fd int, spans []Span, flags int, tag uint64) error {
	return r.message(iouring.IORING_OP_SENDMSG, fd, spans, flags|unix.MSG_NOSIGNAL, false, tag)
}

// Recvv is recvmsg(2) into up to eight spans, filled one after the other.
func (r *Ring) Recvv(fd int, spans []Span, flags int, tag uint64) error {
	return r.message(iouring.IORING_OP_RECVMSG, fd, spans, flags, true, tag)
}

// message lays a message header and its parts into the slot's memory.
func (r *Ring) message(code uint8, fd int, spans []Span, flags int, fills bool, tag uint64) error {
	if len(spans) == 0 || len(spans) > mostSpans {
		return fmt.Errorf("message of %d parts", len(spans))
	}
	e, o, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	piece := r.slotMemory(int(slot))
	// Sound: the slot's memory is mapped until Close, page-aligned, long enough for
	// one header (56 bytes) and eight parts of 16, and nobody else's until the
	// completion. The parts point into the pool's mapping, lent until then.
	header := (*unix.Msghdr)(unsafe.Pointer(&piece[0]))
	parts := unsafe.Slice((*unix.Iovec)(unsafe.Pointer(&piece[128])), mostSpans)[:len(spans)]
	for k, s := range spans {
		parts[k].Base = base(s)
		parts[k].SetLen(s.Len())
		o.lend(s, fills)
	}
	*header = unix.Msghdr{Iov: &parts[0]}
	header.SetIovlen(len(spans))
	e.PrepOperation(code, int32(fd), uint64(uintptr(unsafe.Pointer(header))), 1, 0)
	e.SetOpFlags(uint32(flags))
	e.SetUserData(uint64(slot))
	return nil
}

// Poll waits once until a descriptor is ready for events, unix.POLLIN and others.
func (r *Ring) Poll(fd int, events uint32, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	preparePoll(e, fd, events)
	e.SetUserData(uint64(slot))
	return nil
}

func preparePoll(e *sqe, fd int, events uint32) {
	e.PrepOperation(iouring.IORING_OP_POLL_ADD, int32(fd), 0, 0, 0)
	e.SetOpFlags(events)
}

// Openat opens a path relative to a directory; the result is a descriptor.
func (r *Ring) Openat(dir int, path string, flags int, mode uint32, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	at, ok := r.putPath(slot, path)
	if !ok {
		return r.giveUp(e, slot, unix.ENAMETOOLONG)
	}
	e.PrepOperation(iouring.IORING_OP_OPENAT, int32(dir), at, mode, 0)
	e.SetOpFlags(uint32(flags | unix.O_CLOEXEC))
	e.SetUserData(uint64(slot))
	return nil
}

// Openat2 is Openat in the way that how says, with what a path may not lead through.
func (r *Ring) Openat2(dir int, path string, how unix.OpenHow, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	at, ok := r.putPath(slot, path)
	if piece := r.slotMemory(int(slot)); ok && len(path) < len(piece)-howBytes {
		// Sound: the end of the slot's memory, which the path does not reach, is mapped
		// until Close, aligned, and the operation's until its completion.
		lies := (*unix.OpenHow)(unsafe.Pointer(&piece[len(piece)-howBytes]))
		*lies = how
		e.PrepOperation(iouring.IORING_OP_OPENAT2, int32(dir), at, uint32(unsafe.Sizeof(how)), uint64(uintptr(unsafe.Pointer(lies))))
		e.SetUserData(uint64(slot))
		return nil
	}
	return r.giveUp(e, slot, unix.ENAMETOOLONG)
}

// howBytes hold a unix.OpenHow, and are a multiple of what it is aligned to.
const howBytes = 64

// Fgetxattr asks for the length of an attribute's value, which brings the value into
// the kernel's caches.
func (r *Ring) Fgetxattr(fd int, name string, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	at, ok := r.putPath(slot, name)
	if !ok {
		return r.giveUp(e, slot, unix.ERANGE)
	}
	e.PrepOperation(iouring.IORING_OP_FGETXATTR, int32(fd), at, 0, 0)
	e.SetUserData(uint64(slot))
	return nil
}

// Statx writes a unix.Statx_t about a path, or with AT_EMPTY_PATH and "" about
// dir itself, to the beginning of the span, which must be long enough for it.
func (r *Ring) Statx(dir int, path string, flags int, mask uint32, into Span, tag uint64) error {
	if into.Len() < int(unsafe.Sizeof(unix.Statx_t{})) || into.From%8 != 0 {
		return unix.EINVAL
	}
	e, o, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	at, ok := r.putPath(slot, path)
	if !ok {
		return r.giveUp(e, slot, unix.ENAMETOOLONG)
	}
	e.PrepOperation(iouring.IORING_OP_STATX, int32(dir), at, mask, address(into))
	e.SetOpFlags(uint32(flags))
	e.SetUserData(uint64(slot))
	o.lend(into, true)
	return nil
}

// Stat is what Statx wrote to the beginning of a span.
func Stat(s Span) unix.Statx_t {
	b := s.Bytes()
	_ = b[unsafe.Sizeof(unix.Statx_t{})-1]
	// Sound: the span is long enough, aligned to 8 as Statx demands, and its buffer
	// the caller's since the completion.
	return *(*unix.Statx_t)(unsafe.Pointer(&b[0]))
}

// putPath lays a path into the slot's memory, ended by a zero.
func (r *Ring) putPath(slot uint32, path string) (uint64, bool) {
	piece := r.slotMemory(int(slot))
	if len(path) >= len(piece) {
		return 0, false
	}
	piece[copy(piece, path)] = 0
	// Sound: the address is of the ring's own mapping, which outlives the operation.
	return uint64(uintptr(unsafe.Pointer(&piece[0]))), true
}

// giveUp turns an operation that can't be described into one that does nothing
// and is not reported.
func (r *Ring) giveUp(e *sqe, slot uint32, err error) error {
	e.PrepOperation(iouring.IORING_OP_NOP, -1, 0, 0, 0)
	e.SetUserData(ignoreData)
	r.ops[slot] = op{}
	r.free = append(r.free, slot)
	r.inFlight--
	return err
}

// CloseFile closes a descriptor.
func (r *Ring) CloseFile(fd int, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	e.PrepOperation(iouring.IORING_OP_CLOSE, int32(fd), 0, 0, 0)
	e.SetUserData(uint64(slot))
	return nil
}

// Fsync is fsync(2), or with data alone fdatasync(2). It covers the writes that
// have completed, not those in flight.
func (r *Ring) Fsync(fd int, dataOnly bool, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	e.PrepOperation(iouring.IORING_OP_FSYNC, int32(fd), 0, 0, 0)
	if dataOnly {
		e.SetOpFlags(fsyncDatasync)
	}
	e.SetUserData(uint64(slot))
	return nil
}

// NoOffset says that a descriptor has no offset, as a pipe, or keeps its own.
const NoOffset int64 = -1

// Splice moves n bytes between two descriptors, of which one is a pipe, without
// a copy. It may come short.
func (r *Ring) Splice(in int, inOff int64, out int, outOff int64, n, flags int, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	if n < 0 || n > math.MaxInt32 {
		return r.giveUp(e, slot, unix.EINVAL)
	}
	e.PrepOperation(iouring.IORING_OP_SPLICE, int32(out), uint64(inOff), uint32(n), uint64(outOff))
	e.SetSpliceFdIn(int32(in))
	e.SetOpFlags(uint32(flags))
	e.SetUserData(uint64(slot))
	return nil
}

// Timeout completes with ETIME after d.
func (r *Ring) Timeout(d time.Duration, tag uint64) error {
	e, _, slot, err := r.begin(tag)
	if err != nil {
		return err
	}
	piece := r.slotMemory(int(slot))
	// Sound: the slot's memory is mapped until Close, aligned, and the operation's
	// until its completion.
	ts := (*unix.Timespec)(unsafe.Pointer(&piece[0]))
	*ts = unix.NsecToTimespec(int64(d))
	e.PrepOperation(iouring.IORING_OP_TIMEOUT, -1, uint64(uintptr(unsafe.Pointer(ts))), 1, 0)
	e.SetUserData(uint64(slot))
	return nil
}

// Link makes the operation queued last and the next one a chain: the next begins
// when this one has ended well and in full; else it fails with ECANCELED.
func (r *Ring) Link() { r.last.SetFlags(iouring.IOSQE_FLAGS_IO_LINK) }

// Cancel asks for the end of the operations with a tag. Each of them completes,
// with ECANCELED unless it was too late, and perhaps with what it had done so far.
func (r *Ring) Cancel(tag uint64) error {
	for slot := range r.ops {
		if o := &r.ops[slot]; o.busy && o.tag == tag {
			if err := r.cancel(uint32(slot)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Ring) cancel(slot uint32) error {
	e, err := r.push()
	if err != nil {
		return err
	}
	prepareCancel(e, uint64(slot))
	return nil
}

func prepareCancel(e *sqe, target uint64) {
	e.PrepOperation(iouring.IORING_OP_ASYNC_CANCEL, -1, target, 0, 0)
	e.SetUserData(ignoreData)
}

// address is where a span lies as the kernel is to see it.
func address(s Span) uint64 { return uint64(uintptr(unsafe.Pointer(base(s)))) }

func base(s Span) *byte {
	if s.To > len(s.Buffer.Kernel()) {
		panic(fmt.Sprintf("ring: span to %d of a buffer of %d bytes", s.To, len(s.Buffer.Kernel())))
	}
	// Sound: the memory is the pool's mapping, never the Go heap, so the collector
	// neither frees nor moves it; the pool unmaps nothing while a buffer is out, and
	// the owner releases it only after the completion.
	return &s.Buffer.Kernel()[s.From]
}
