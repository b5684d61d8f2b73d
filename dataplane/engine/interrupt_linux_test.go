package engine

import (
	"crypto/md5"
	"errors"
	"io"
	"syscall"
	"testing"
)

// late is a connection's descriptor that is lent, and only then something happens.
type late struct {
	syscall.RawConn
	happens func()
}

func (l late) Write(f func(fd uintptr) bool) error {
	return l.RawConn.Write(func(fd uintptr) bool {
		l.happens()
		return f(fd)
	})
}

// An interrupt that comes when the socket is lent, and before the ring can be woken,
// is not lost: nobody reads at the other end.
func TestInterruptBeforeTheRingListens(t *testing.T) {
	r := newZCRig(t, Config{})
	r.out.gate.timeout = 0 // which would end it, late
	r.out.file.raw = late{r.out.file.raw, r.out.Interrupt}
	if sent, err := r.body(md5.New()); !errors.Is(err, ErrInterrupted) || sent != 0 {
		t.Errorf("sent %d, error %v", sent, err)
	}
}

// An interrupt ends a body at whatever moment it comes, also in that in which a send
// has ended well.
func TestInterruptAtAnyMoment(t *testing.T) {
	for k := range 40 {
		r := newZCRig(t, Config{})
		r.out.gate.timeout = 0
		done := make(chan error, 1)
		go func() {
			_, err := r.body(md5.New())
			done <- err
		}()
		_, _ = io.CopyN(io.Discard, r.far, int64(k)<<16) // and then no more
		r.out.Interrupt()
		if err := <-done; err != nil && !errors.Is(err, ErrInterrupted) {
			t.Fatal(err)
		}
		r.close()
	}
}
