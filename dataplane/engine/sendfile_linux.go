package engine

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileSender sends chunks whose bytes the kernel takes from the page cache. The
// descriptor stays the net.Conn's: it is borrowed inside RawConn for one chunk,
// which also keeps to the write deadline.
type fileSender struct {
	raw  syscall.RawConn // nil: the connection is no descriptor
	step func(fd uintptr) bool

	head []byte // still to be sent before the file's bytes
	file int    // descriptor
	off  int64  // in it
	left int    // bytes
	err  error
	call string // that err is of
}

func newFileSender(conn net.Conn) fileSender { return fileSender{raw: rawConn(conn)} }

func (s *fileSender) usable() bool { return s.raw != nil }

// sendFile sends src[off, off+n), which fills whole chunks, or more of them where a
// pacer makes them smaller: for each one one send of all that goes before the
// file's bytes, held back (MSG_MORE) until they come, and one sendfile(2).
func (o *Outbound) sendFile(src FileSource, off, n int64) (sent int64, err error) {
	for sent < n && err == nil {
		part := int(o.pay(min(int64(o.room()), n-sent)))
		o.owe(o.Pending())
		var k int
		k, err = o.sendFilePart(src, off+sent, part)
		sent += int64(k)
	}
	return sent, err
}

func (o *Outbound) sendFilePart(src FileSource, off int64, part int) (n int, err error) {
	if err := src.StartRead(part, off); err != nil {
		return 0, o.sourceFailed(err)
	}
	if err := o.gate.pass(); err != nil {
		src.EndRead(0, off, nil)
		o.err = err
		return 0, err
	}
	s := &o.file
	s.head, s.file, s.off, s.left, s.err = o.head(part), src.Descriptor(), off, part, nil
	before := len(s.head)
	if s.step == nil {
		s.step = s.try // once a stream: a method value is an allocation
	}
	err = s.raw.Write(s.step)
	n = part - s.left
	o.sent.Add(int64(before - len(s.head) + n))
	o.end, o.owed = headroom, !o.raw
	s.head = nil
	if err == nil && refused(s.err) {
		src.EndRead(n, off, nil)
		k, err := o.copyPart(src, off+int64(n), s.left)
		return n + k, err
	}
	return n, o.judge(src, off, n, err)
}

// copyPart sends the rest of a chunk by way of the buffer, where the file system
// does not do better.
func (o *Outbound) copyPart(src Source, off int64, n int) (int, error) {
	owed := o.owed
	room := o.buf[headroom : headroom+n]
	n, err := readAt(src, room, off)
	if err != nil {
		return n, o.sourceFailed(err)
	}
	err = o.put(room) // it is paid
	o.owed = owed
	return n, err
}

// judge tells whose fault it is that a part was not sent.
func (o *Outbound) judge(src FileSource, off int64, n int, err error) error {
	s := &o.file
	switch {
	case err == nil && s.err == nil:
		return src.EndRead(n, off, nil)
	case err != nil: // RawConn's: the deadline, or closed
		src.EndRead(n, off, nil)
		o.err = o.gate.fail(err)
	case s.err == io.ErrUnexpectedEOF:
		src.EndRead(n, off, nil)
		o.sourceFailed(s.err)
	case s.diskFails():
		o.err = &SourceError{Err: src.EndRead(n, off, s.err)}
	default:
		src.EndRead(n, off, nil)
		o.err = o.gate.fail(os.NewSyscallError(s.call, s.err))
	}
	return o.err
}

// refused tells what a file system answers whose files can't be sent so.
func refused(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) }

// diskFails asks the disk: sendfile(2) has one error for two descriptors.
func (s *fileSender) diskFails() bool {
	if s.call != "sendfile" {
		return false
	}
	var one [1]byte
	_, err := unix.Pread(s.file, one[:], s.off)
	return err != nil
}

// try sends what it can; false makes RawConn wait until there is room for more.
func (s *fileSender) try(fd uintptr) bool {
	for len(s.head) > 0 {
		n, err := unix.SendmsgN(int(fd), s.head, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
		if err != nil {
			return s.stop("sendmsg", err)
		}
		s.head = s.head[n:]
	}
	for s.left > 0 {
		n, err := unix.Sendfile(int(fd), s.file, &s.off, s.left)
		if err != nil {
			if err == unix.EINTR {
				continue
			}
			return s.stop("sendfile", err)
		}
		if n == 0 {
			return s.stop("sendfile", io.ErrUnexpectedEOF)
		}
		s.left -= n
	}
	return true
}

func (s *fileSender) stop(call string, err error) bool {
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return false
	}
	s.call, s.err = call, err
	return true
}
