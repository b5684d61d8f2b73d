package ssync

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultUserTimeout is the patience of both ends, node_timeout of the commands
// and client_timeout of a receiver.
const DefaultUserTimeout = 60 * time.Second

// Socket holds the TCP options of a connection between two nodes. A listener hands
// them on to what it accepts.
type Socket struct {
	Congestion string // congestion control; "": the system's

	// UserTimeout ends a connection whose peer acknowledges nothing, or takes
	// nothing, for so long: without it the kernel sends again for some 15 minutes
	// (tcp_retries2). It must not be shorter than the waits of the dialogue, for a
	// peer whose disk is slow takes nothing meanwhile either. 0: the system's.
	UserTimeout time.Duration
}

// Control sets the options, as a net.Dialer or net.ListenConfig wants it.
func (s Socket) Control(_, _ string, c syscall.RawConn) error {
	var err error
	ctl := c.Control(func(fd uintptr) { err = s.set(int(fd)) })
	return errors.Join(ctl, err)
}

func (s Socket) set(fd int) error {
	if s.Congestion != "" {
		if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, s.Congestion); err != nil {
			return fmt.Errorf("tcp congestion control %q: %w", s.Congestion, err)
		}
	}
	if s.UserTimeout > 0 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(s.UserTimeout.Milliseconds())); err != nil {
			return fmt.Errorf("tcp user timeout: %w", err)
		}
	}
	return nil
}
