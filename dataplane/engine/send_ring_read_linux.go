package engine

import (
	"io"

	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

// The reading half of ringSending: blocks are asked for ahead of what is sent.

// front returns the first block with bytes to be sent, read.
func (w *ringSending) front() (*block, error) {
	for {
		w.ask()
		if len(w.blocks) == 0 {
			if err := w.awaitSpare(); err != nil {
				return nil, err
			}
			continue
		}
		b := w.blocks[0]
		switch {
		case b.err != nil:
			return nil, &SourceError{Err: b.err}
		case b.settled:
			return b, nil
		}
		if err := w.wait(); err != nil {
			return nil, err
		}
	}
}

// awaitSpare waits for a block, all of which are sent: from the digest, which is
// never far behind, or else from the kernel.
func (w *ringSending) awaitSpare() error {
	if w.summing > 0 {
		w.sumDone(<-w.summed)
		return nil
	}
	return w.awaitNotice()
}

// ask begins reads into the blocks that are spare. While the kernel holds some that
// are sent, others are taken in their place, if the pool can spare them.
func (w *ringSending) ask() {
	for w.summed != nil {
		select {
		case b := <-w.summed:
			w.sumDone(b)
			continue
		default:
		}
		break
	}
	if len(w.spare) == 0 && len(w.notices) > 0 && len(w.blocks) < w.o.engine.ahead && w.tags < mostBlocks && w.asked < w.n {
		w.another(w.o.engine.pool.TrySpare())
	}
	for len(w.spare) > 0 && w.asked < w.n {
		b := w.spare[len(w.spare)-1]
		w.spare = w.spare[:len(w.spare)-1]
		*b = block{lease: b.lease, tag: b.tag, at: w.asked, n: int(min(blockBytes, w.n-w.asked))}
		w.asked += int64(b.n)
		w.blocks = append(w.blocks, b)
		if b.err = w.src.StartRead(b.n, w.off+b.at); b.err == nil {
			w.read(b)
		}
	}
	if w.asked == w.n && w.tail != nil {
		w.tail()
		w.tail = nil
	}
}

// read asks for what a block lacks.
func (w *ringSending) read(b *block) {
	to := b.n
	if w.direct {
		to = (to + blockAlign - 1) &^ (blockAlign - 1)
	}
	b.busy = true
	must(w.ring.Read(w.src.Descriptor(), uring.Span{Buffer: b.lease, From: b.got, To: to}, w.off+b.at+int64(b.got), b.tag))
}

// wait waits for any completion.
func (w *ringSending) wait() error {
	switch err := w.ring.Wait(noDeadline); {
	case err != uring.ErrWoken:
		must(err)
	case w.o.gate.shutBy() != nil:
		return w.o.gate.shutBy()
	}
	w.take()
	return nil
}

// take implements taker.
func (w *ringSending) take() {
	for {
		c, ok := w.ring.Next()
		if !ok {
			break
		}
		if w.hearsZeroCopy(c) || w.hears(c) {
			continue
		}
		for _, b := range w.blocks {
			if b.busy && b.tag == c.Tag {
				w.haveRead(b, c)
				break
			}
		}
	}
	w.settle()
}

// haveRead deals with a read that has completed, perhaps short.
func (w *ringSending) haveRead(b *block, c uring.Completion) {
	b.busy = false
	b.got += c.N
	switch {
	case w.ending && b.got < b.n:
		w.src.EndRead(0, w.off+b.at, unix.ECANCELED)
		b.err = unix.ECANCELED
	case c.Err == unix.EINVAL && w.direct: // this file system has it otherwise
		w.direct = false
		if err := w.src.PastCache(false); err != nil {
			b.err = w.src.EndRead(b.got, w.off+b.at, err)
			return
		}
		w.read(b)
	case c.Err == unix.EAGAIN, c.Err == unix.EINTR:
		w.read(b)
	case c.Err != nil:
		b.err = w.src.EndRead(b.got, w.off+b.at, c.Err)
	case b.got >= b.n:
	case c.N == 0 || w.direct && b.got%blockAlign != 0:
		w.src.EndRead(b.got, w.off+b.at, nil)
		b.err = io.ErrUnexpectedEOF
	default:
		w.read(b)
	}
}
