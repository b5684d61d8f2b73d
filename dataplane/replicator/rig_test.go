package replicator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is some nodes of one device each, d1, and their ring.
type cluster struct {
	t     *testing.T
	nodes []*node
	rings *fixed
}

type node struct {
	devices string
	store   *store.Store
	server  *faultstest.Node
	port    int
	region  int
	log     *lines
}

// fixed are rings that change when a test says so.
type fixed struct{ ring atomic.Pointer[ring.Ring] }

func (f *fixed) State(policy int) (rings.State, bool) {
	if policy != 0 {
		return rings.State{Err: errors.New("no such ring")}, false
	}
	return rings.State{Ring: f.ring.Load()}, true
}

// newCluster starts n nodes; nobody has a partition yet.
func newCluster(t *testing.T, n int, edit ...func(i int, c *dataplane.Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, rings: new(fixed)}
	for i := range n {
		at := &node{devices: storetest.Devices(t), region: 1, log: &lines{}}
		at.store = faultstest.Store(t, at.devices, nil)
		at.server = faultstest.Start(t, at.store, func(cfg *dataplane.Config) {
			cfg.Receiver.LockTimeout = 100 * time.Millisecond
			for _, e := range edit {
				e(i, cfg)
			}
		})
		at.port = portOf(t, at.server.Address)
		c.nodes = append(c.nodes, at)
	}
	return c
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// place makes the ring: rows of device ids, which are those of the nodes.
func (c *cluster) place(rows ...[]int) {
	c.t.Helper()
	var devs []*ring.Device
	for i := range c.nodes {
		devs = append(devs, c.dev(i, i, "d1"))
	}
	c.rings.ring.Store(makeRing(c.t, devs, nil, rows...))
}

// makeRing is a ring of these devices.
func makeRing(t *testing.T, devices []*ring.Device, more map[string]any, rows ...[]int) *ring.Ring {
	t.Helper()
	table := make([][]uint16, len(rows))
	for i, row := range rows {
		for _, id := range row {
			table[i] = append(table[i], uint16(id))
		}
	}
	r, err := ring.Read(bytes.NewReader(ringtest.Encode(t, devices, table, more)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dev is a device of a node in a ring.
func (c *cluster) dev(id, node int, name string) *ring.Device {
	n := c.nodes[node]
	return &ring.Device{ID: id, Region: n.region, Zone: id, IP: "127.0.0.1", Port: 1, ReplicationIP: "127.0.0.1", ReplicationPort: n.port, Name: name, Weight: 1}
}

// partition is one of a node's, on d1.
func (c *cluster) partition(i int, number uint32) *store.Partition {
	return storetest.Device(c.t, c.nodes[i].store).Partition(storetest.Cluster(c.t).Policies[0], number)
}

// put stores an object on some nodes, in partition 0.
func (c *cluster) put(name string, second float64, body string, on ...int) {
	c.t.Helper()
	for _, i := range on {
		if err := storetest.Put(c.partition(i, 0), name, storetest.Time(second), []byte(body)); err != nil {
			c.t.Fatal(err)
		}
	}
}

// state is what a node has of a name, in partition 0.
func (c *cluster) state(i int, name string) string {
	c.t.Helper()
	return storetest.MustState(c.t, c.partition(i, 0), name)
}

// has fails unless just these nodes have a name, all in the same state.
func (c *cluster) has(name string, on ...int) {
	c.t.Helper()
	first := ""
	for i := range c.nodes {
		got, want := c.state(i, name), false
		for _, n := range on {
			want = want || n == i
		}
		switch {
		case want && got == "nothing":
			c.t.Errorf("node %d lacks %s", i, name)
		case !want && got != "nothing":
			c.t.Errorf("node %d has %s: %s", i, name, got)
		case want && first == "":
			first = got
		case want && got != first:
			c.t.Errorf("node %d has of %s %s, another one %s", i, name, got, first)
		}
	}
}

// replicator is a node's, made once.
func (c *cluster) replicator(i int, edit ...func(*Config)) *Replicator {
	c.t.Helper()
	n := c.nodes[i]
	cfg := Config{
		Store: n.store, Rings: c.rings, Log: n.log.logger(), Engine: os.Getenv("RINGSYNC_ENGINE"),
		IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Port: n.port, ReclaimAge: faultstest.Century,
		Sender: ssync.SenderConfig{ConnTimeout: 10 * time.Second, NodeTimeout: 30 * time.Second},
		Again:  func(ctx context.Context, _ time.Duration) bool { return ctx.Err() == nil },
		jitter: func(time.Duration) time.Duration { return 0 },
	}
	for _, e := range edit {
		e(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			c.t.Error(err)
		}
	})
	return r
}

// pass lets a node make a pass.
func (c *cluster) pass(i int, edit ...func(*Config)) Report {
	c.t.Helper()
	report, err := c.replicator(i, edit...).Once(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	if c.t.Failed() {
		c.t.Log(c.nodes[i].log.String())
	}
	return report
}

// logged fails unless a node's log has a text.
func (c *cluster) logged(i int, texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if log := c.nodes[i].log.String(); !strings.Contains(log, text) {
			c.t.Errorf("node %d does not log %q:\n%s", i, text, log)
		}
	}
}

// gone fails unless a node has no partition 0 any more.
func (c *cluster) gone(i int) {
	c.t.Helper()
	if there, err := c.partition(i, 0).Exists(); there || err != nil {
		names, _ := filepath.Glob(c.partition(i, 0).Path() + "/*")
		c.t.Errorf("node %d still has the partition: %v, %v", i, names, err)
	}
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// only is a ring's row of one partition, for some nodes.
func only(ids ...int) (rows [][]int) {
	for _, id := range ids {
		rows = append(rows, []int{id})
	}
	return rows
}

// restart starts a node again that was stopped, on its old port.
func (c *cluster) restart(i int) {
	c.t.Helper()
	n := c.nodes[i]
	node, err := dataplane.New(dataplane.Config{Store: n.store, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		c.t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)))
	if err != nil {
		c.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	c.t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			c.t.Error(err)
		}
		if err := node.Shutdown(context.Background()); err != nil {
			c.t.Error(err)
		}
	})
}
