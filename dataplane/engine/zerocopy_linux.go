package engine

import (
	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

// zeroCopyFrom says from how many bytes on a send is tried without a copy, and why.
func zeroCopyFrom(cfg Config, rings bool) (from int, why string) {
	switch from = cfg.ZeroCopyFrom; {
	case !rings:
		return -1, "no rings"
	case from < 0:
		return -1, "switched off"
	case from == 0:
		from = defaultZeroCopyFrom
	}
	switch p := cfg.probe(); {
	case !p.Operations["send_zc"]:
		return -1, "the kernel's io_uring has no SEND_ZC (6.0)"
	case p.Registered != nil:
		return -1, "buffers can't be registered: " + p.Registered.Error()
	}
	return from, "tried on each connection, and kept where the kernel reports that it did not copy"
}

// probe is uring.Probe, unless a test knows better.
func (c Config) probe() *uring.Report {
	if c.seams.probe != nil {
		return c.seams.probe()
	}
	return uring.Probe()
}

// seams let tests play another kernel.
type seams struct {
	probe  func() *uring.Report
	report func(copied bool) bool // what a usage report is taken for
}

// notice is of a send without a copy: until the kernel has given it, the block may
// not be reused. tag is its operation's.
type notice struct {
	tag   uint64
	block *block
	sent  int // bytes
}

// Tags from tagZeroCopy on are of sends without a copy, each its own.
const tagZeroCopy = 2 * tagSocket

// sendZeroCopy queues a send of the first span without a copy, if that is worth
// while, the connection takes it, and the buffer is registered. It returns its tag.
func (w *ringSending) sendZeroCopy(flags int) (tag uint64, queued bool) {
	e, from := w.o.engine, w.o.engine.rules.ZeroCopyFrom
	if from < 0 || w.limited || w.spans[0].Len() < from || len(w.notices) >= mostNotices {
		return 0, false
	}
	b := w.blockOf(w.spans[0])
	if b == nil {
		return 0, false
	}
	if w.limited = !w.ring.Registers(b.lease); w.limited || !w.o.zero.begin() {
		return 0, false
	}
	if len(w.spans) > 1 {
		flags |= unix.MSG_MORE
	}
	w.serial++
	tag = tagZeroCopy + w.serial
	w.notices = append(w.notices, notice{tag: tag, block: b})
	b.notices++
	must(w.ring.SendZC(w.fd, w.spans[0], flags, tag))
	e.zeroCopies.Add(1)
	return tag, true
}

// plain is how many of the spans go with one plain send: up to the first that is
// better sent without a copy.
func (w *ringSending) plain() int {
	from := w.o.engine.rules.ZeroCopyFrom
	if z := w.o.zero.now(); from < 0 || w.limited || z != ZeroCopyUntried && z != ZeroCopyKept {
		return len(w.spans)
	}
	for k := 1; k < len(w.spans); k++ {
		if w.spans[k].Len() >= from {
			return k
		}
	}
	return len(w.spans)
}

// blockOf is the block that a span is of; nil for a chunk's head.
func (w *ringSending) blockOf(s uring.Span) *block {
	for _, b := range w.blocks {
		if b.lease == s.Buffer {
			return b
		}
	}
	return nil
}

// hearsZeroCopy takes the first completion of a send without a copy, which is the
// socket's, and its notification.
func (w *ringSending) hearsZeroCopy(c uring.Completion) bool {
	if c.Tag < tagZeroCopy {
		return false
	}
	k := 0
	for w.notices[k].tag != c.Tag {
		k++
	}
	n := &w.notices[k]
	if !c.Notification {
		n.sent = c.N
		w.zeroCopied += int64(c.N)
		w.heard, w.did = c, true
		if refusesZeroCopy(c.Err) {
			w.o.zero.never(ZeroCopyRefused, w.o.engine)
		}
		if c.More {
			return true
		}
	}
	w.judge(n, c)
	b := n.block
	w.notices = append(w.notices[:k], w.notices[k+1:]...)
	b.notices--
	w.recycle(b)
	return true
}

// judge decides for the connection. The report of a send of nothing says nothing: it
// counts as copied.
func (w *ringSending) judge(n *notice, c uring.Completion) {
	z, e := &w.o.zero, w.o.engine
	switch {
	case n.sent == 0 || !c.Notification:
		z.untried()
	default:
		copied := c.Copied
		if e.seams.report != nil {
			copied = e.seams.report(copied)
		}
		z.reported(copied, e)
	}
}

// refusesZeroCopy tells what kernels and sockets answer that do not send without a
// copy, or not now, or not so much.
func refusesZeroCopy(err error) bool {
	return err == unix.EINVAL || err == unix.EOPNOTSUPP || err == unix.ENOMEM || err == unix.ENOBUFS
}

// awaitNotice waits for the kernel to give a block back, no longer than for a send.
func (w *ringSending) awaitNotice() error {
	switch err := w.ring.Wait(w.deadline()); {
	case err == uring.ErrWoken:
		if shut := w.o.gate.shutBy(); shut != nil {
			return shut
		}
	case err != nil:
		return w.o.gate.fail(err)
	}
	w.take()
	return nil
}

// leave gives the buffers back when the kernel has, on the lane's thread; the owner
// of the stream has gone on. What is in flight is on its way to the peer, and comes
// back with his acknowledgement.
func (w *ringSending) leave() {
	for len(w.notices) > 0 {
		if err := w.ring.Wait(noDeadline); err != uring.ErrWoken {
			must(err)
		}
		w.take()
	}
	w.release()
}

// abandon makes the end of a connection that failed the end of what it still holds:
// else a peer who does not acknowledge would keep our buffers, and the lane. Where the
// disk failed he does, and shall see all that came before.
func (w *ringSending) abandon() {
	if len(w.notices) > 0 {
		// An error means that it is no TCP connection, or closed.
		_ = unix.SetsockoptLinger(w.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
}
