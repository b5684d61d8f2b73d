package enginetest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

const mib = 1 << 20

// sizes lie on, before and behind every border there is.
var sizes = []int64{0, 1, 4095, 4096, 65535, 65536, 65537, mib - 1, mib, mib + 1, 5*mib + 3}

// borders are the sizes; with -short all but the largest, which crosses none that the
// others don't, and is sent in fewer mixtures.
func borders() []int64 {
	if testing.Short() {
		return sizes[:len(sizes)-1]
	}
	return sizes
}

// patience bounds every wait of the suite; nothing should come near it.
const patience = 20 * time.Second

// rig is one connection between the stream under test and a peer.
type rig struct {
	t      testing.TB
	engine *engine.Engine
	pool   *buffer.Pool
	near   net.Conn // the stream under test
	far    net.Conn // its peer
}

// link makes both ends of a connection.
type link struct {
	name string
	make func(testing.TB) (near, far net.Conn)
}

// links are what a stream may run over: a descriptor, a connection that is
// none, and one that hides its descriptor.
var links = []link{
	{"tcp", tcpPair},
	{"pipe", func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() }},
	{"wrapped", func(t testing.TB) (net.Conn, net.Conn) {
		near, far := tcpPair(t)
		return struct{ net.Conn }{near}, struct{ net.Conn }{far}
	}},
}

func newRig(t testing.TB, e Engine, over func(testing.TB) (net.Conn, net.Conn)) *rig {
	t.Helper()
	return newRigWith(t, e, over, buffer.Config{Count: 8})
}

// newRigWith checks at the end of the test that every buffer came back.
func newRigWith(t testing.TB, e Engine, over func(testing.TB) (net.Conn, net.Conn), cfg buffer.Config) *rig {
	t.Helper()
	pool, err := buffer.New(cfg)
	must(t, err)
	under, err := e(pool)
	must(t, err)
	near, far := over(t)
	t.Cleanup(func() {
		near.Close()
		far.Close()
		if err := under.Close(); err != nil {
			t.Errorf("after the test: %v", err)
		}
		if err := pool.Close(); err != nil {
			t.Errorf("after the test: %v", err)
		}
	})
	return &rig{t: t, engine: under, pool: pool, near: near, far: far}
}

func tcpPair(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	far, err = l.Accept()
	must(t, err)
	return near, far
}

// outbound is a stream on conn that is closed after the test.
func (r *rig) outbound(conn net.Conn, cfg engine.OutConfig) *engine.Outbound {
	r.t.Helper()
	cfg.Pool, cfg.Engine = r.pool, r.engine
	out, err := engine.NewOutbound(context.Background(), conn, cfg)
	must(r.t, err)
	r.t.Cleanup(out.Close)
	return out
}

// inbound is a stream on the near end that is closed after the test.
func (r *rig) inbound(cfg engine.InConfig) *engine.Inbound {
	r.t.Helper()
	return r.inboundWith(context.Background(), cfg)
}

func (r *rig) inboundWith(ctx context.Context, cfg engine.InConfig) *engine.Inbound {
	r.t.Helper()
	cfg.Pool, cfg.Engine = r.pool, r.engine
	in, err := engine.NewInbound(ctx, r.near, cfg)
	must(r.t, err)
	in.SetTimeout(patience)
	r.t.Cleanup(in.Close)
	return in
}

// peer runs f in a goroutine that the test waits for. Its error fails the test.
func (r *rig) peer(f func(far net.Conn) error) {
	done := make(chan error, 1)
	go func() { done <- f(r.far) }()
	r.t.Cleanup(func() {
		r.near.Close()
		if err := <-done; err != nil {
			r.t.Errorf("peer: %v", err)
		}
	})
}

// feed is a peer that writes p, then closes its end. The test may have heard
// enough before all of it is written.
func (r *rig) feed(p []byte) {
	r.peer(func(far net.Conn) error {
		_, _ = far.Write(p)
		return far.Close()
	})
}

// seeded is what bodies are cut from; nobody writes to it.
var seeded = sync.OnceValue(func() []byte {
	p := make([]byte, 6*mib)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p)
	return p
})

// body is n bytes, at most 5 MiB and a little, like no other body's.
func body(n int64) []byte {
	from := n % 8191
	return seeded()[from : from+n : from+n]
}

func md5hex(p []byte) string {
	sum := md5.Sum(p)
	return hex.EncodeToString(sum[:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr fails unless err is, or wraps, want.
func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: got error %v, want %v", what, err, want)
	}
}

// wantKind fails unless err is an *engine.OpError of that kind.
func wantKind(t testing.TB, err error, kind string) {
	t.Helper()
	var op *engine.OpError
	if !errors.As(err, &op) || op.Kind != kind {
		t.Fatalf("got error %v, want an OpError of kind %q", err, kind)
	}
}
