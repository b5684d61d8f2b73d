package replicator

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/hashes/ring"
)

// While a pass runs, more jobs may begin at once, and fewer: those in hand end then,
// and the others take turns.
func TestChangeBounds(t *testing.T) {
	c := newCluster(t, 2, func(_ int, cfg *dataplane.Config) { cfg.Receiver.PerDevice = -1 })
	c.place([][]int{{1, 1, 1, 1, 1, 1, 1, 1}}...)
	for n := range uint32(8) {
		c.putIn(0, n, fmt.Sprint("/a/c/o", n))
	}
	r := c.replicator(0)
	if got := r.Bounds(); got != (Bounds{1, 0, 1}) {
		t.Fatalf("at first %+v", got)
	}
	var mu sync.Mutex
	inHand, most := 0, 0
	together := make(chan struct{})
	r.meanwhile = func(*job) {
		mu.Lock()
		inHand++
		now := inHand
		if now > most {
			most = now
		}
		mu.Unlock()
		select {
		case <-together: // the first four are through: from now on one at a time
		default:
			switch now {
			case 1:
				must(t, r.Change(Bounds{4, 0, 8}))
			case 4:
				must(t, r.Change(Bounds{1, 0, 1}))
				mu.Lock()
				most = 0
				mu.Unlock()
				close(together)
			}
			<-together
		}
		mu.Lock()
		inHand--
		mu.Unlock()
	}
	report, err := r.Once(context.Background())
	if err != nil || report.Remove != 8 {
		t.Fatalf("%+v, %v", report, err)
	}
	if most >= 4 {
		t.Errorf("%d jobs in hand, though only one may begin at a time", most)
	}
	c.gone(0)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// Bounds without sense, and more jobs than there are buffers for, are refused.
func TestChangeBoundsRefused(t *testing.T) {
	c := newCluster(t, 1)
	r := c.replicator(0, func(cfg *Config) { cfg.Concurrency, cfg.MaxConcurrency = 2, 5 })
	for _, to := range []Bounds{{0, 0, 1}, {6, 0, 1}, {1, -1, 1}, {1, 0, 0}} {
		if r.Change(to) == nil {
			t.Errorf("%+v is taken", to)
		}
	}
	must(t, r.Change(Bounds{5, 1, 1}))
	if got := r.Bounds(); got != (Bounds{5, 1, 1}) {
		t.Errorf("%+v", got)
	}
}

// Who waits at a peer's door goes in when there are more places, and nobody does
// while there are fewer than are taken.
func TestChangeDoors(t *testing.T) { synctest.Test(t, testChangeDoors) }

func testChangeDoors(t *testing.T) {
	cfg := Config{PerPeer: 1, MaxConcurrency: 8, Concurrency: 1, Now: time.Now}
	r := &Replicator{bounds: newBounds(cfg)}
	p := newPeers(cfg, r.bounds)
	d := &ring.Device{ReplicationIP: "10.0.0.1", ReplicationPort: 6200, Name: "d1"}
	leave, err := p.enter(context.Background(), d)
	must(t, err)
	second := make(chan func(error), 1)
	go func() {
		leave, err := p.enter(context.Background(), d)
		must(t, err)
		second <- leave
	}()
	synctest.Wait() // he stands there
	must(t, r.Change(Bounds{1, 0, 2}))
	other := <-second
	must(t, r.Change(Bounds{1, 0, 1}))
	leave(nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.enter(ctx, d); err == nil {
		t.Error("a second one is let in where one has a place")
	}
	other(nil)
	leave, err = p.enter(context.Background(), d)
	must(t, err)
	leave(nil)
}
