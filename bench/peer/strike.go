package peer

import (
	"fmt"
	"syscall"
)

// Kill ends the server at once, as a crash would, in the middle of whatever it
// does, and returns when none of its processes is left. Stop has nothing to
// complain of then.
func (s *Server) Kill() {
	s.killed.Store(true)
	_ = s.h.kill()
	<-s.gone
}

// Hang stops all processes of the server where they are: connections are taken by
// the kernel, and nobody answers. GoOn wakes them up, and so does Stop.
func (s *Server) Hang() error { return s.signal(syscall.SIGSTOP) }

// GoOn ends a Hang.
func (s *Server) GoOn() error { return s.signal(syscall.SIGCONT) }

func (s *Server) signal(which syscall.Signal) error {
	if err := syscall.Kill(-s.PID(), which); err != nil {
		return fmt.Errorf("peer: object server at %s: %v: %w", s.addr, which, err)
	}
	return nil
}
