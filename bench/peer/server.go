package peer

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	startGrace = 2 * time.Minute  // importing Swift takes one second, on a machine that is overloaded thirty
	stopGrace  = 30 * time.Second // ending takes none, on a machine that is overloaded more than five
)

// ServerConfig says what an object server serves.
type ServerConfig struct {
	SwiftDir string // holds swift.conf
	Devices  string // the directory of the devices
	Addr     string // IP:PORT of the loopback; default: a free port of 127.0.0.1
	Workers  int    // forked processes; 0: the server itself, which dies at once on SIGTERM

	// Set overrides options of object-server.conf, by their Swift names. By
	// default neither replication_concurrency nor
	// replication_concurrency_per_device limits anything, mount_check and
	// fallocate_reserve are off, and reclaim_age is NeverReclaim.
	Set map[string]string

	Log io.Writer // the server's log lines; default: dropped
}

// Server is a running object server.
type Server struct {
	h    *helper
	addr string

	stop   sync.Once
	killed atomic.Bool   // by Kill
	gone   chan struct{} // closed when no process of it is left
	exit   error         // how it ended; read after gone
	err    error         // Stop's answer
}

// StartObjectServer starts Swift's object server with all its verbs, SSYNC and
// REPLICATE among them, and returns when every worker accepts connections. It
// is an error if somebody else holds the address. When ctx ends the server is
// killed; Stop is the gentle way.
func (s *Swift) StartObjectServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	host, port, err := splitAddr(cmp.Or(cfg.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("peer: object server: %.64q is no address of the loopback, and it asks nobody for a password", host)
	}
	h, err := s.start(ctx, "server.py", map[string]any{
		"swift_dir": cfg.SwiftDir, "devices": cfg.Devices,
		"host": host, "port": port, "workers": cfg.Workers,
		"reclaim_age": NeverReclaim, "set": cfg.Set,
	}, cfg.Log)
	if err != nil {
		return nil, err
	}
	var bound struct {
		Host string
		Port int
	}
	late := time.AfterFunc(startGrace, func() { _ = h.kill() })
	refused := h.answer(&bound)
	late.Stop()
	if refused != nil {
		return nil, h.explain(refused, h.finish(refused))
	}
	srv := &Server{h: h, gone: make(chan struct{}), addr: net.JoinHostPort(bound.Host, strconv.Itoa(bound.Port))}
	go srv.watch()
	return srv, nil
}

func splitAddr(addr string) (host string, port int, err error) {
	host, digits, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("peer: object server: %w", err)
	}
	if port, err = strconv.Atoi(digits); err != nil {
		return "", 0, fmt.Errorf("peer: object server: port %.20q is not a number", digits)
	}
	return host, port, nil
}

// watch collects the server whenever it ends; Stop waits for it.
func (s *Server) watch() {
	s.exit = s.h.finish(nil)
	close(s.gone)
}

// Addr is HOST:PORT where the server listens.
func (s *Server) Addr() string { return s.addr }

// PID is that of the server's first process, which leads the group of all.
func (s *Server) PID() int { return s.h.cmd.Process.Pid }

// Stop asks the server to end, kills it if it has not within its grace, and
// returns when none of its processes is left. It is an error if the server
// ended by itself, while its context was alive. Further calls return the first
// one's result.
func (s *Server) Stop() error {
	s.stop.Do(func() { s.err = s.end() })
	return s.err
}

func (s *Server) end() error {
	select {
	case <-s.gone:
		return s.unasked()
	default:
	}
	// The parent of forked workers passes SIGTERM on to its whole group.
	_ = s.h.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.GoOn() // one that hangs would take its grace to be killed
	select {
	case <-s.gone:
	case <-time.After(stopGrace):
		_ = s.h.kill()
		<-s.gone
		return nil
	}
	if s.exit == nil || terminated(s.h.cmd.ProcessState) {
		return nil
	}
	return s.unasked()
}

// unasked is the error of a server that ended otherwise than by Stop or Kill.
func (s *Server) unasked() error {
	if s.h.ctx.Err() != nil || s.killed.Load() {
		return nil
	}
	return fmt.Errorf("peer: object server at %s ended by itself: %v: %s", s.addr, s.exit, s.h.last.text())
}

func terminated(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGTERM
}
