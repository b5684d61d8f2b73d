package engine

import (
	"errors"
	"io"
	"os"
	"time"
)

// receive reads once from the connection. At its end it returns io.EOF if the
// stream may end there.
func (i *Inbound) receive(p []byte) (int, error) {
	if err := i.gate.pass(); err != nil {
		return 0, i.keep(err)
	}
	began := i.pace.begin()
	n, err := i.from.text(p)
	return n, i.got(began, n, err)
}

// receiveTwo is receive into two places, the second one filled when the first
// is full.
func (i *Inbound) receiveTwo(first, second []byte) (int, error) {
	if err := i.gate.pass(); err != nil {
		return 0, i.keep(err)
	}
	began := i.pace.begin()
	n, err := i.from.body(first, second)
	return n, i.got(began, n, err)
}

// got counts n bytes and judges the error that came with them. Bytes go first:
// an error beside them comes again with the next read.
func (i *Inbound) got(began time.Time, n int, err error) error {
	i.received.Add(int64(n))
	slow := i.pace.tooSlow(began, n)
	i.spend(n)
	switch {
	case slow && err == nil:
		return i.keep(&OpError{Kind: kindReceive, Err: ErrTooSlow})
	case n > 0 || err == nil:
		return nil
	case !errors.Is(err, io.EOF):
		return i.keep(i.gate.fail(err))
	case i.frame.endless:
		i.err = io.EOF
	default:
		i.err = i.gate.fail(io.ErrUnexpectedEOF)
	}
	return i.err
}

// keep makes an error final, unless the peer was merely slow.
func (i *Inbound) keep(err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		i.err = err
	}
	return err
}
