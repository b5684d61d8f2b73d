package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/budget"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/recon"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/stats"
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
	Tuning     engine.Config        // what else of the engine is not the default; name, pool and lanes are the node's
	MaxClients int                  // max_clients: requests served at once; 1024
	Congestion string               // TCP congestion control; the system's
	// DisablePath makes /healthcheck answer 503 while there is such a file:
	// disable_path of [filter:healthcheck].
	DisablePath string
	Stats       *stats.Stats // nil: nobody counts
	Recon       *recon.Recon // nil: /recon/ is not served

	// ObjectServer is the HOST:PORT of the Python object server on the same
	// devices, to which everything goes that is not served here; none.
	ObjectServer string
	PassIdle     time.Duration // silence after which such a connection is cut; 10 minutes

	HeadTimeout time.Duration  // wait for a request's head, and then to be served; 60 s
	UserTimeout time.Duration  // TCP_USER_TIMEOUT: what was sent and not acknowledged ends the connection; 60 s
	AllowPeers  []netip.Prefix // who may ask; everybody, if empty and there is no AllowAlso
	// AllowAlso tells of an address that AllowPeers does not hold whether it may
	// ask nevertheless. It must not wait for anything. nil: none may.
	AllowAlso func(netip.Addr) bool
}

const (
	defaultBuffers    = 64
	defaultMaxClients = 1024

	// defaultHeadTimeout is Swift's client_timeout, here for the head as a whole.
	defaultHeadTimeout = 60 * time.Second

	// replyTimeout bounds the sending of a short answer.
	replyTimeout = 60 * time.Second
)

// Node answers the requests of other storage nodes.
type Node struct {
	cfg      Config
	pool     *buffer.Pool // for bodies
	answers  *buffer.Pool // one for each session, for what it is told
	engine   *engine.Engine
	receiver *ssync.Receiver
	watch    *store.Watch // nil where the mounts can't be watched
	lobby    *lobby
	clients  chan struct{}
	devices  *crowd // who is at each device
	peers    *crowd // who is served of each address

	sessions sync.WaitGroup
	ctx      context.Context // ends when sessions are cut
	cut      context.CancelCauseFunc
	closing  context.Context // ends when no more requests are to come
	close    context.CancelFunc
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
	if cfg.PassIdle == 0 {
		cfg.PassIdle = defaultPassIdle
	}
	if cfg.HeadTimeout == 0 {
		cfg.HeadTimeout = defaultHeadTimeout
	}
	if cfg.UserTimeout == 0 {
		cfg.UserTimeout = ssync.DefaultUserTimeout
	}
	cfg.warnUnserved()
	// Large bodies hold what they land in: see engine.Landing. What a session is
	// told is gathered elsewhere, since a session holds that for as long as it lives,
	// and may wait all the while: for a lock, a disk that hangs, a sender.
	pool, err := buffer.New(buffer.Config{Count: cfg.Buffers})
	if err != nil {
		return nil, err
	}
	answers, err := buffer.New(buffer.Config{Bytes: budget.AnswerBytes, Count: min(cfg.MaxClients, budget.MaxAnswers)})
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	cfg.Tuning.Name, cfg.Tuning.Pool, cfg.Tuning.Lanes = cfg.Engine, pool, cfg.Lanes
	moves, err := engine.New(cfg.Tuning)
	if err != nil {
		return nil, errors.Join(err, pool.Close(), answers.Close())
	}
	cfg.Log.Info("engine chosen", "engine", moves.Name(), "why", moves.Why())
	cfg.tellMemory(moves.Name())
	n := &Node{
		cfg: cfg, pool: pool, answers: answers, engine: moves,
		lobby: newLobby(cfg.MaxClients), clients: make(chan struct{}, cfg.MaxClients),
		devices: newCrowd(max(cfg.MaxClients/8, leastShare)), peers: newCrowd(cfg.MaxClients - cfg.MaxClients/8),
	}
	if err := n.show(); err != nil {
		return nil, errors.Join(err, moves.Close(), pool.Close(), answers.Close())
	}
	if n.watch, err = store.NewWatch(); err != nil {
		cfg.Log.Warn("mounts are not watched: sessions hold on to a device that is unmounted with umount -l", "error", err)
	}
	cfg.Receiver.Answers = answers
	cfg.Receiver.Store, cfg.Receiver.Pool, cfg.Receiver.Engine, cfg.Receiver.Log, cfg.Receiver.Watch = cfg.Store, pool, moves, cfg.Log, n.watch
	if cfg.Stats != nil {
		cfg.Receiver.Settled = cfg.Stats.Settled
	}
	if n.receiver, err = ssync.NewReceiver(cfg.Receiver); err != nil {
		n.watch.Close()
		return nil, errors.Join(err, moves.Close(), pool.Close(), answers.Close())
	}
	n.ctx, n.cut = context.WithCancelCause(context.Background())
	n.closing, n.close = context.WithCancel(n.ctx)
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
	socket := ssync.Socket{Congestion: n.cfg.Congestion, UserTimeout: n.cfg.UserTimeout}
	lc := net.ListenConfig{Control: socket.Control} // what is accepted inherits the options
	return lc.Listen(ctx, "tcp", address)
}

// Serve accepts connections until the listener is closed. With MaxClients waiting
// to be served it waits for one to leave, also after that: so Shutdown counts it
// as a session.
func (n *Node) Serve(l net.Listener) error {
	if err := checkObjectServer(l.Addr(), n.cfg.ObjectServer); err != nil {
		return err
	}
	n.sessions.Add(1)
	defer n.sessions.Done()
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if !n.wait(err) {
				return err
			}
			continue
		}
		if !n.allowed(conn) {
			n.cfg.Log.Warn("connection refused: not an address of --allow-peers", "peer", conn.RemoteAddr().String())
			conn.Close()
			continue
		}
		n.welcome(conn)
	}
}

// welcome lets a connection in and answers its request.
func (n *Node) welcome(conn net.Conn) {
	v, sent := n.lobby.enter(conn)
	if sent != nil {
		n.cfg.Log.Warn("connection closed: as many as max_clients are waiting, and of the address with the most of them this one has sent no request for the longest time", "peer", sent.conn.RemoteAddr().String())
	}
	n.sessions.Add(1)
	go func() {
		defer n.sessions.Done()
		defer conn.Close()
		n.serve(conn, v)
	}()
}

// admit waits until fewer than MaxClients requests are being served, and lets the
// visitor out of the lobby.
func (n *Node) admit(v *visitor) (release func(), err error) {
	if !n.lobby.spoke(v) {
		return nil, net.ErrClosed
	}
	gone, ok := n.peers.enter(v.from)
	if !ok {
		return nil, fmt.Errorf("%d requests of %s are being served or wait for it, as many of max_clients as one address may take", n.peers.room, v.from)
	}
	defer func() {
		if err != nil {
			gone()
		}
	}()
	patience := time.NewTimer(n.cfg.HeadTimeout)
	defer patience.Stop()
	select {
	case n.clients <- struct{}{}:
		n.lobby.leave(v)
		return func() { <-n.clients; gone() }, nil
	case <-patience.C:
		return nil, fmt.Errorf("%d requests are being served, as many as max_clients allows", cap(n.clients))
	case <-n.ctx.Done():
		return nil, context.Cause(n.ctx)
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

// cutGrace is how long sessions that are cut get to end: telling the peer takes a
// second, publishing what has arrived some more. Beyond it they wait for a disk that
// hangs, and nothing but its driver can end that.
const cutGrace = 5 * time.Second

// Shutdown waits for the sessions in hand until ctx ends, then cuts them: each
// tells its peer, and keeps what has arrived in full. Sessions that do not end then
// are left behind, with an error. The listener has been closed before.
func (n *Node) Shutdown(ctx context.Context) error {
	n.close() // connections that are kept, and idle
	ended := make(chan struct{})
	go func() {
		n.sessions.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		n.cut(ssync.ErrStopping)
		select {
		case <-ended:
		case <-time.After(cutGrace):
			return fmt.Errorf("sessions have not ended %v after they were cut: does a disk hang?", cutGrace)
		}
	}
	n.cut(ssync.ErrStopping)
	n.watch.Close()
	return errors.Join(n.engine.Close(), n.pool.Close(), n.answers.Close())
}
