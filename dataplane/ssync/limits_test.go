package ssync_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// limited pushes an object of a MiB and two small ones from one of ours to another,
// over a pipe in a bubble, whose clock is the test's. Each seat has limits that there
// are; begun is called when the session is.
func limited(t *testing.T, out, in *limit.Set, begun func()) (sent *ssync.Result, received ssync.Report, took time.Duration) {
	t.Helper()
	from, to := storetest.New(t), storetest.New(t)
	policy := from.Cluster().Policies[0]
	p := storetest.Device(t, from).Partition(policy, 0)
	for name, n := range map[string]int{"/a/c/large": 1 << 20, "/a/c/small": 100, "/a/c/middling": 60_000} {
		if err := storetest.Put(p, name, storetest.Time(1), bytes.Repeat([]byte("x"), n)); err != nil {
			t.Fatal(err)
		}
	}
	suffixes, err := p.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := buffer.New(buffer.Config{Count: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	receiver, err := ssync.NewReceiver(ssync.ReceiverConfig{Store: to, Pool: pool, Log: log, Limits: in})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Log: log, Limits: out, Dialer: func(context.Context, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer close(done)
			defer theirs.Close()
			head := make([]byte, 4<<10)
			n, err := theirs.Read(head)
			if err != nil {
				t.Error(err)
				return
			}
			end := proto.HeadEnd(head[:n])
			received, _ = receiver.Serve(context.Background(), theirs, ssync.Request{Device: "d1", Policy: policy, Minor: 1, Chunked: true, Ahead: head[end:n]})
		}()
		return ours, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	go begun()
	sent, _ = sender.Send(context.Background(), ssync.Job{To: "peer:6200", Device: "d1", Partition: p, Suffixes: suffixes})
	took = time.Since(began)
	<-done
	if sent.Err != nil || sent.Proven != 3 {
		t.Errorf("%d of 3 proven, error %v", sent.Proven, sent.Err)
	}
	return sent, received, took
}

// bound is a set with rates for all.
func bound(t *testing.T, limits limit.Limits) *limit.Set {
	t.Helper()
	s := limit.New(limit.Config{})
	if err := s.Change(limits); err != nil {
		t.Fatal(err)
	}
	return s
}

// A session takes the time that its limits say, of its device or its peer, in either
// seat, and tells how long it waited.
func TestLimited(t *testing.T) {
	for name, row := range map[string]struct {
		out, in  *limit.Limits
		from, to time.Duration
	}{
		"no limit":           {from: 0, to: 0},
		"a device's, out":    {out: &limit.Limits{Devices: map[string]limit.Rates{"d1": {Out: 100_000}}}, from: 11 * time.Second, to: 11500 * time.Millisecond},
		"a peer's, out":      {out: &limit.Limits{Peers: map[string]limit.Rates{"peer": {Out: 50_000}}}, from: 22 * time.Second, to: 22500 * time.Millisecond},
		"the node's, in":     {in: &limit.Limits{Node: limit.Rates{In: 1_000_000}}, from: 1000 * time.Millisecond, to: 1150 * time.Millisecond},
		"another's":          {out: &limit.Limits{Peers: map[string]limit.Rates{"other": {Out: 1}}}, from: 0, to: 0},
		"next to nothing":    {out: &limit.Limits{Node: limit.Rates{Out: 1}}, from: 240 * time.Second, to: 270 * time.Second},
		"next to nothing in": {in: &limit.Limits{Peer: limit.Rates{In: 1}}, from: 2500 * time.Millisecond, to: 2800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, in *limit.Set
				if row.out != nil {
					out = bound(t, *row.out)
				}
				if row.in != nil {
					in = bound(t, *row.in)
				}
				sent, received, took := limited(t, out, in, func() {})
				if took < row.from || took > row.to {
					t.Errorf("it took %v, not %v to %v", took, row.from, row.to)
				}
				if waited := sent.Paced + received.Paced; waited > took+time.Millisecond || took-waited > time.Second {
					t.Errorf("it took %v and says that it waited %v and %v", took, sent.Paced, received.Paced)
				}
			})
		})
	}
}

// A limit that is taken away lets a session that waits go on at once.
func TestLimitChangesInMidSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := bound(t, limit.Limits{Node: limit.Rates{Out: 1}})
		_, _, took := limited(t, out, nil, func() {
			time.Sleep(20 * time.Second)
			if w := out.Waiting(); len(w) != 1 || w[0].Direction != limit.Out || w[0].Device != "d1" || w[0].Peer != "peer" {
				t.Errorf("%+v wait", w)
			}
			if err := out.Change(limit.Limits{}); err != nil {
				t.Error(err)
			}
		})
		if took != 20*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
