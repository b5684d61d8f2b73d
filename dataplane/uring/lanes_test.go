//go:build linux

package uring

import (
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func newLanes(t testing.TB, pool *buffer.Pool, count int) *Lanes {
	t.Helper()
	if p := Probe(); p.Err != nil {
		skip(t, p.Err)
	}
	l, err := NewLanes(pool, LanesConfig{Count: count})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// A lane does one job at a time, and who finds none free is counted.
func TestLanes(t *testing.T) {
	idle := goleak.IgnoreCurrent()
	t.Run("lanes", func(t *testing.T) {
		pool := newPool(t, 1)
		l := newLanes(t, pool, 2)
		goOn, done := make(chan struct{}), make(chan int, 2)
		for range 2 {
			l.TryGet().Run(func(r *Ring) {
				<-goOn
				_ = r.Nop(1)
				_ = r.Wait(time.Time{})
				c, _ := r.Next()
				done <- int(c.Tag)
			})
		}
		third := l.TryGet()
		if used, missed, failed := l.Used(); third != nil || used != 2 || missed != 1 || failed != nil {
			t.Errorf("a third lane of two; used %d, missed %d, error %v", used, missed, failed)
		}
		close(goOn)
		if got := <-done + <-done; got != 2 {
			t.Errorf("jobs said %d", got)
		}
	})
	goleak.VerifyNone(t, idle)
}

// Who could do without a lane leaves the last one to others, and is not counted as one
// who missed it.
func TestLanesSpare(t *testing.T) {
	for count, spared := range map[int]int{1: 0, 2: 1, 4: 3} {
		l := newLanes(t, newPool(t, 1), count)
		goOn, got := make(chan struct{}), 0
		for lane := l.TrySpare(); lane != nil; lane = l.TrySpare() {
			lane.Run(func(*Ring) { <-goOn })
			got++
		}
		if _, missed, _ := l.Used(); got != spared || missed != 0 {
			t.Errorf("%d of %d were spared, want %d; %d were missed", got, count, spared, missed)
		}
		close(goOn)
	}
}

// What a job leaves in flight is reaped before the lane is anybody else's.
func TestLaneDrains(t *testing.T) {
	pool := newPool(t, 1)
	l := newLanes(t, pool, 1)
	_, b := sockets(t)
	into := span(t, pool, 100)
	left := make(chan error, 1)
	l.TryGet().Run(func(r *Ring) {
		left <- r.Recv(b, into, 0, 1)
		_ = r.Submit()
	})
	must(t, <-left)
	var lane *Lane
	for lane == nil {
		lane = l.TryGet()
	}
	inFlight := make(chan int, 1)
	lane.Run(func(r *Ring) { inFlight <- r.InFlight() })
	if n := <-inFlight; n != 0 {
		t.Errorf("%d operations of the first job are in flight in the second", n)
	}
}

// A job that waits is interrupted by Wake.
func TestLaneWake(t *testing.T) {
	pool := newPool(t, 1)
	l := newLanes(t, pool, 1)
	_, b := sockets(t)
	lane, got := l.TryGet(), make(chan error, 1)
	lane.Run(func(r *Ring) {
		_ = r.Poll(b, unix.POLLIN, 1)
		got <- r.Wait(time.Now().Add(patience))
	})
	lane.Wake()
	if err := <-got; err != ErrWoken {
		t.Errorf("got error %v, want ErrWoken", err)
	}
}
