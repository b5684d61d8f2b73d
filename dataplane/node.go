package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"golang.org/x/sys/unix"
)

// Config says what a node is made of. Zero values mean the defaults.
type Config struct {
	Store      *store.Store
	Log        *slog.Logger
	Engine     string               // auto, uring, sendfile, portable; see engine.Choose
	Receiver   ssync.ReceiverConfig // Store, Pool and Log are the node's
	Buffers    int                  // of 1 MiB, for bodies; 64
	Lanes      int                  // rings for large bodies, with their threads; 4
	MaxClients int                  // max_clients: connections served at once; 1024
	Congestion string               // TCP congestion control; the system's
}

const (
	defaultBuffers    = 64
	defaultMaxClients = 1024

	// headTimeout bounds the time a client may take for a request's head.
	headTimeout = 60 * time.Second
)

// Node answers the requests of other storage nodes.
type Node struct {
	cfg      Config
	pool     *buffer.Pool
	engine   *engine.Engine
	receiver *ssync.Receiver
	clients  chan struct{}

	sessions sync.WaitGroup
	ctx      context.Context // ends when sessions are cut
	cut      context.CancelCauseFunc
}

// New builds a node and says which engine it will use.
func New(cfg Config) (*Node, error) {
	if cfg.Store == nil || cfg.Log == nil {
		return nil, errors.New("dataplane: a node needs a store and a log")
	}
	if cfg.Buffers == 0 {
		cfg.Buffers = defaultBuffers
	}
	if cfg.MaxClients == 0 {
		cfg.MaxClients = defaultMaxClients
	}
	// A session holds a buffer for what it sends, and its large bodies what they
	// land in: see engine.Landing.
	pool, err := buffer.New(buffer.Config{Count: cfg.Buffers})
	if err != nil {
		return nil, err
	}
	moves, err := engine.New(engine.Config{Name: cfg.Engine, Pool: pool, Lanes: cfg.Lanes})
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	cfg.Log.Info("engine chosen", "engine", moves.Name(), "why", moves.Why())
	n := &Node{cfg: cfg, pool: pool, engine: moves, clients: make(chan struct{}, cfg.MaxClients)}
	cfg.Receiver.Store, cfg.Receiver.Pool, cfg.Receiver.Engine, cfg.Receiver.Log = cfg.Store, pool, moves, cfg.Log
	if n.receiver, err = ssync.NewReceiver(cfg.Receiver); err != nil {
		return nil, errors.Join(err, moves.Close(), pool.Close())
	}
	n.ctx, n.cut = context.WithCancelCause(context.Background())
	return n, nil
}

// CheckDevices opens a few objects of each device that is there, and fails if
// their names do not fit the cluster's hash prefix and suffix.
func (n *Node) CheckDevices(ctx context.Context) error {
	names, err := n.cfg.Store.DeviceNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		device, err := n.cfg.Store.Device(name)
		if err != nil {
			n.cfg.Log.Warn("device left alone", "device", name, "error", err)
			continue
		}
		err = device.CheckSecret(ctx)
		device.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Listen opens the replication port.
func (n *Node) Listen(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{Control: Congestion(n.cfg.Congestion)}
	return lc.Listen(ctx, "tcp", address)
}

// Congestion returns a dialer's or listener's Control function that sets the TCP
// congestion control; nil for the system's own.
func Congestion(name string) func(network, address string, c syscall.RawConn) error {
	if name == "" {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctl := c.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
		}); ctl != nil {
			return ctl
		}
		if err != nil {
			return fmt.Errorf("tcp congestion control %q: %w", name, err)
		}
		return nil
	}
}

// Serve accepts connections until the listener is closed. With MaxClients served
// it waits for one to leave, also after that: so Shutdown counts it as a session.
func (n *Node) Serve(l net.Listener) error {
	n.sessions.Add(1)
	defer n.sessions.Done()
	for {
		n.clients <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			<-n.clients
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if !n.wait(err) {
				return err
			}
			continue
		}
		n.sessions.Add(1)
		go func() {
			defer func() { <-n.clients; n.sessions.Done() }()
			defer conn.Close()
			n.answer(conn)
		}()
	}
}

// acceptPause is how long nobody is accepted after the process ran out of
// descriptors: sessions that end will bring some.
const acceptPause = 100 * time.Millisecond

// wait tells whether an error of Accept will pass, and lets some time go by.
func (n *Node) wait(err error) bool {
	if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.ENFILE) && !errors.Is(err, unix.ECONNABORTED) {
		return false
	}
	n.cfg.Log.Warn("connection not accepted", "error", err)
	time.Sleep(acceptPause)
	return true
}

// Shutdown waits for the sessions in hand until ctx ends, then cuts them: each
// tells its peer, and keeps what has arrived in full. The listener has been
// closed before.
func (n *Node) Shutdown(ctx context.Context) error {
	ended := make(chan struct{})
	go func() {
		n.sessions.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		n.cut(ssync.ErrStopping)
		<-ended
	}
	n.cut(ssync.ErrStopping)
	return errors.Join(n.engine.Close(), n.pool.Close())
}
