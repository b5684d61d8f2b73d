package contestant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startGrace is how long a program may take until it listens, on a busy machine.
const startGrace = 30 * time.Second

// Stop ends the receiving side, and returns when none of it is left.
func (r *Receiver) Stop() error {
	var errs []error
	for i := len(r.stop) - 1; i >= 0; i-- {
		errs = append(errs, r.stop[i]())
	}
	r.stop = nil
	return errors.Join(errs...)
}

// server is a program that goes on until it is stopped.
type server struct {
	*Command
	gone chan struct{} // closed when it has ended
	exit error         // how; read after gone
}

var errEnded = errors.New("ended by itself")

// serve starts a program as part of the receiving side.
func (r *Receiver) serve(c *Command) (*server, error) {
	if err := c.Start(); err != nil {
		return nil, err
	}
	s := &server{Command: c, gone: make(chan struct{})}
	go func() {
		s.exit = c.Wait()
		close(s.gone)
	}()
	r.PIDs = append(r.PIDs, c.Process.Pid)
	r.stop = append(r.stop, s.end)
	return s, nil
}

// end asks the program to end, kills it if it does not, and returns when it has.
func (s *server) end() error {
	select {
	case <-s.gone:
		return s.failed(errors.Join(errEnded, s.exit))
	default:
	}
	s.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.gone:
	case <-time.After(stopGrace):
		s.killAll()
		<-s.gone
	}
	return s.failed(orderly(s.exit))
}

// rsyncStopped is the status of an rsync that a signal ended. Source: rsync(1),
// EXIT VALUES.
const rsyncStopped = 20

// orderly forgives what a program that was asked to end may end with.
func orderly(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if ok && (status.Signaled() && status.Signal() == syscall.SIGTERM || status.ExitStatus() == rsyncStopped) {
		return nil
	}
	return err
}

// announced starts a program and waits for the line in which it says where it
// listens.
func (r *Receiver) announced(ctx context.Context, c *Command, said *lines) error {
	s, err := r.serve(c)
	if err != nil {
		return err
	}
	return r.await(ctx, s, said.found)
}

// await waits until a program does what it was started for.
func (r *Receiver) await(ctx context.Context, s *server, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-s.gone:
		r.stop = r.stop[:len(r.stop)-1]
		return errors.Join(s.failed(s.exit), r.Stop())
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), r.Stop())
	case <-time.After(startGrace):
		return errors.Join(fmt.Errorf("%s does not say where it listens: %s", s.name(), s.stderr.text()), r.Stop())
	}
}

// lines is where a program writes: find is called with each line until it is
// content, and then found is closed. The end of it all is kept for messages.
type lines struct {
	tail
	part  []byte
	find  func(line []byte) bool
	found chan struct{}
}

func newLines(find func(line []byte) bool) *lines {
	return &lines{find: find, found: make(chan struct{})}
}

// maxLine bounds a line that has no end.
const maxLine = 64 << 10

// Write is called by one goroutine, that of the program's pipe.
func (l *lines) Write(p []byte) (int, error) {
	l.tail.Write(p)
	if l.find == nil {
		return len(p), nil
	}
	l.part = append(l.part, p...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte("\n"))
		if !whole {
			if len(line) > maxLine {
				l.part = nil
			}
			return len(p), nil
		}
		l.part = rest
		if l.find(line) {
			l.find, l.part = nil, nil
			close(l.found)
			return len(p), nil
		}
	}
}

// tail keeps the end of what is written to it, for a message.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 1024

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p[max(0, len(p)-tailBytes):]...)
	t.kept = t.kept[max(0, len(t.kept)-tailBytes):]
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
