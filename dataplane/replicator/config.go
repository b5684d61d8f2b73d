package replicator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store"
)

// Config says what is replicated and how. Zero values mean the defaults; keys of
// [object-replicator] are named where one stands behind a field.
type Config struct {
	Store *store.Store // required
	Rings Rings        // required
	Log   *slog.Logger // required
	Watch *store.Watch // tells that a device has gone; nil: nobody does
	Stats *stats.Replicator

	IPs  []netip.Addr // by which the rings may know this node; see Addresses
	Port int          // bind_port; 0: any, as with servers_per_port

	Engine      string // how bodies are sent; see engine.Choose
	Sender      ssync.SenderConfig
	Concurrency int // concurrency: jobs at once; 1
	PerDevice   int // of them on one local device; default its share
	PerPeer     int // sessions with one remote device; 1
	// MaxConcurrency is what Change may raise Concurrency to: there is address space
	// for so many jobs' buffers, of which those in use take memory. 4 times
	// Concurrency, and at least 8.
	MaxConcurrency int

	HandoffsFirst bool // handoffs_first
	HandoffsOnly  bool // primaries are left out
	HandoffDelete int  // handoff_delete: primaries that must have an object before it goes; 0: all
	ReclaimAge    time.Duration
	Interval      time.Duration // interval: between two passes; 30 s
	StatsInterval time.Duration // stats_interval; 5 minutes

	ReconCache string   // path of object.recon; "": none is written
	StateDir   string   // remembers each device's last complete pass; "": stale devices can't be told
	Accept     []string // stale devices that may push nevertheless
	Only       Filter
	StuckAfter int  // passes in a row in which a partition must fail to be told of; 3
	DryRun     bool // look, and tell what would be done

	Now     func() time.Time                                              // tests only
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)  // of names in rings; the system's
	Again   func(ctx context.Context, wait time.Duration) (goOn bool)     // tests only: waits before busy peers are asked again
	Dialer  func(ctx context.Context, address string) (net.Conn, error)   // of REPLICATE and sessions; TCP
	Idle    func(ctx context.Context, interval time.Duration) (goOn bool) // tests only: waits between passes
	shuffle func(n int, swap func(i, j int))                              // of jobs and nodes
	jitter  func(d time.Duration) time.Duration                           // half of it to half as much again
}

// Rings is where partitions belong: a rings.Set.
type Rings interface {
	State(policy int) (rings.State, bool)
}

// Filter says what a pass is about; empty: everything.
type Filter struct {
	Devices    []string
	Partitions []uint32
	Policies   []int
}

func (f *Filter) empty() bool { return len(f.Devices)+len(f.Partitions)+len(f.Policies) == 0 }

// in tells whether a list has a value, or is none.
func in[T comparable](list []T, value T) bool { return len(list) == 0 || slices.Contains(list, value) }

const (
	defaultInterval      = 30 * time.Second
	defaultStatsInterval = 5 * time.Minute
	defaultReclaimAge    = 7 * 24 * time.Hour
	defaultHTTPTimeout   = time.Minute
	defaultConnTimeout   = 500 * time.Millisecond

	// buffersPerJob: a session holds one for what it sends, and four that it reads
	// ahead into.
	buffersPerJob = 5
)

// Replicator makes passes.
type Replicator struct {
	cfg    Config
	pool   *buffer.Pool
	engine *engine.Engine
	sender *ssync.Sender
	asker  *asker
	peers  *peers
	state  *state
	behind *behind
	bounds *bounds
	board  *board
	now    counters // of the pass in hand, or of the last one

	mu       sync.Mutex
	cycle    int              // of Swift's ten; which partitions are listed anew
	unstable map[key]struct{} // done in a pass that a ring's change ended
	warned   map[string]bool  // of what is told once in a pass

	meanwhile func(*job) // tests only: called between a proof and a removal
	pushed    func(*job) // tests only: called behind a primary's session
}

// New checks cfg and makes what a replicator works with.
func New(cfg Config) (*Replicator, error) {
	if cfg.Store == nil || cfg.Rings == nil || cfg.Log == nil {
		return nil, errors.New("replicator: a store, rings and a log are needed")
	}
	cfg.setDefaults()
	pool, err := buffer.New(buffer.Config{Count: buffersPerJob * cfg.MaxConcurrency})
	if err != nil {
		return nil, err
	}
	moves, err := engine.New(engine.Config{Name: cfg.Engine, Pool: pool})
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	cfg.Sender.Pool, cfg.Sender.Engine, cfg.Sender.Log, cfg.Sender.Dialer = pool, moves, cfg.Log, cfg.Dialer
	sender, err := ssync.NewSender(cfg.Sender)
	if err != nil {
		return nil, errors.Join(err, moves.Close(), pool.Close())
	}
	bounds := newBounds(cfg)
	return &Replicator{
		cfg: cfg, pool: pool, engine: moves, sender: sender, bounds: bounds,
		asker: newAsker(cfg), peers: newPeers(cfg, bounds), state: &state{cfg: cfg}, behind: newBehind(), board: newBoard(cfg),
		cycle: rand.IntN(cycles), warned: map[string]bool{}, meanwhile: func(*job) {}, pushed: func(*job) {},
	}, nil
}

func (c *Config) setDefaults() {
	c.Concurrency, c.PerPeer = max(1, c.Concurrency), max(1, c.PerPeer)
	c.MaxConcurrency = max(c.Concurrency, cmp.Or(c.MaxConcurrency, max(8, 4*c.Concurrency)))
	c.Interval = cmp.Or(c.Interval, defaultInterval)
	c.StuckAfter = cmp.Or(c.StuckAfter, defaultStuckAfter)
	c.StatsInterval = cmp.Or(c.StatsInterval, defaultStatsInterval)
	c.ReclaimAge = cmp.Or(c.ReclaimAge, defaultReclaimAge)
	c.Sender.HTTPTimeout = cmp.Or(c.Sender.HTTPTimeout, defaultHTTPTimeout)
	c.Sender.ConnTimeout = cmp.Or(c.Sender.ConnTimeout, defaultConnTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Resolve == nil {
		c.Resolve = resolve
	}
	if c.Again == nil {
		c.Again = pause
	}
	if c.Idle == nil {
		c.Idle = pause
	}
	if c.Dialer == nil {
		dialer := &net.Dialer{Control: ssync.Socket{UserTimeout: c.Sender.NodeTimeout}.Control}
		c.Dialer = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	if c.shuffle == nil {
		c.shuffle = rand.Shuffle
	}
	if c.jitter == nil {
		c.jitter = func(d time.Duration) time.Duration { return d/2 + rand.N(d+1) }
	}
}

// Close frees what New made. Jobs that an unresponsive disk keeps from ending are
// an error: what they hold can't be freed.
func (r *Replicator) Close() error {
	if left := r.behind.wait(closeGrace); left > 0 {
		return fmt.Errorf("replicator: %d jobs have not ended %v after they were cut: does a disk hang?", left, closeGrace)
	}
	r.asker.hangUp() // those of jobs that ended after their pass
	return errors.Join(r.engine.Close(), r.pool.Close())
}

// closeGrace is how long jobs that were cut get to end.
const closeGrace = 5 * time.Second

// pause waits, and tells whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
