package engine_test

import (
	"sync/atomic"
	"testing"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// fetched counts how often it was fetched.
type fetched struct {
	times atomic.Int32
	cold  bool
	do    func()
}

func (f *fetched) Fetch() bool {
	f.times.Add(1)
	if f.do != nil {
		f.do()
	}
	return f.cold
}

// Each file is fetched once, and the cold ones are counted.
func TestFetch(t *testing.T) {
	for _, n := range []int{0, 1, 100} {
		var list []engine.Ahead
		cold := 0
		for i := range n {
			f := &fetched{cold: i%3 == 0}
			if f.cold {
				cold++
			}
			list = append(list, f)
		}
		if got := (*engine.Engine)(nil).Fetch(list, new(atomic.Bool)); got != cold {
			t.Errorf("%d of %d were cold, want %d", got, n, cold)
		}
		for i, f := range list {
			if times := f.(*fetched).times.Load(); times != 1 {
				t.Errorf("file %d of %d was fetched %d times", i, n, times)
			}
		}
	}
}

// Once it is stopped, nothing more is begun.
func TestFetchStops(t *testing.T) {
	const n = 1000
	var stop atomic.Bool
	var begun atomic.Int32
	var list []engine.Ahead
	for range n {
		list = append(list, &fetched{cold: true, do: func() { begun.Add(1); stop.Store(true) }})
	}
	(*engine.Engine)(nil).Fetch(list, &stop)
	if got := begun.Load(); got == 0 || got >= n/2 {
		t.Errorf("%d of %d files were fetched", got, n)
	}
}
