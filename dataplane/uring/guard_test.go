//go:build linux && invariants

package uring

import (
	"runtime/debug"
	"testing"
	"time"
)

// faults tells whether f touches what it may not.
func faults(f func()) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	f()
	return false
}

// What the kernel fills nobody may look at, what it reads nobody may change,
// until the completion was taken; and the kernel is not hindered.
func TestGuard(t *testing.T) {
	for _, registered := range []bool{true, false} {
		pool, r := newPool(t, 2), newRing(t, Config{})
		if registered && r.Register(pool) != nil {
			continue
		}
		pipeR, pipeW := pipe(t)
		into, from := span(t, pool, 5), text(t, pool, "hello")
		var seen byte // so that the look is not optimized away
		see := func(s Span) func() { return func() { seen += s.Buffer.Bytes()[100] } }
		change := func(s Span) func() { return func() { s.Buffer.Bytes()[0] = 'H' } }

		must(t, r.Read(pipeR, into, NoOffset, 1))
		must(t, r.Submit())
		if !faults(see(into)) || !faults(change(into)) {
			t.Error("a buffer that the kernel fills is accessible")
		}
		must(t, r.Write(pipeW, from, NoOffset, 2))
		if faults(see(from)) || !faults(change(from)) {
			t.Error("a buffer that the kernel reads is not read-only")
		}
		for range 2 {
			must(t, r.Wait(time.Now().Add(patience)))
			if c, ok := r.Next(); !ok || c.N != 5 {
				t.Fatalf("completion %+v", c)
			}
		}
		if faults(see(into)) || faults(change(into)) || faults(change(from)) {
			t.Error("buffers are not ours again")
		}
		if got := string(into.Bytes()[1:]); got != "ello" {
			t.Errorf("read %q, seen %d", got, seen)
		}
	}
}

// A buffer that is lent can't be released.
func TestReleaseLent(t *testing.T) {
	pool, r := newPool(t, 1), newRing(t, Config{})
	_, b := sockets(t)
	into := Span{Buffer: pool.TryGet(), To: 10}
	must(t, r.Recv(b, into, 0, 1))
	if !faults(into.Buffer.Release) {
		t.Error("released while the kernel works on it")
	}
	must(t, r.Drain())
	into.Buffer.Release()
}
