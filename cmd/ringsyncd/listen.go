package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"golang.org/x/sys/unix"
)

// bindPause is how long Swift waits before it tries a port again that is in use.
const bindPause = 100 * time.Millisecond

// listen opens the replication port, for bind_timeout again and again if it is
// in use: the object server that had it may be about to end. Source: wsgi.py,
// get_socket.
func listen(ctx context.Context, log *slog.Logger, s *config.Settings, congestion string) (net.Listener, error) {
	socket := ssync.Socket{Congestion: congestion, UserTimeout: max(ssync.DefaultUserTimeout, s.ClientTimeout)}
	lc := net.ListenConfig{
		Control: socket.Control, // what is accepted inherits the options
		// Swift sets the idle time alone; the others stay the system's.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: s.KeepIdle, Interval: -1, Count: -1},
	}
	address := net.JoinHostPort(s.BindIP, strconv.Itoa(s.BindPort))
	deadline, told := time.Now().Add(s.BindTimeout), false
	for {
		l, err := lc.Listen(ctx, network(s.BindIP), address)
		if err == nil {
			return l, setBacklog(l, s.Backlog)
		}
		if !errors.Is(err, unix.EADDRINUSE) || time.Now().After(deadline) {
			return nil, fmt.Errorf("the replication address %s: %w", address, err)
		}
		if !told {
			log.Info("the replication address is in use, trying on", "address", address, "bind_timeout", s.BindTimeout.String())
			told = true
		}
		select {
		case <-time.After(bindPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// network keeps Go from taking 0.0.0.0 for both families.
func network(ip string) string {
	if a, err := netip.ParseAddr(ip); err == nil && a.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// setBacklog sets how many connections may wait to be accepted: Go asks for as
// many as the system allows, and a second listen(2) sets another number.
func setBacklog(l net.Listener, n int) error {
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	ctl := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), n) })
	return errors.Join(ctl, err)
}
