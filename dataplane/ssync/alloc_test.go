package ssync_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// transferAllocations is what a session with n objects allocates at both ends
// together, between two disks of which the second holds them already or not.
func transferAllocations(t *testing.T, n, size int, held bool) uint64 {
	t.Helper()
	from, to := storetest.New(t), storetest.New(t)
	p, q := storetest.Partition(t, from), storetest.Partition(t, to)
	body := make([]byte, size)
	for i := range n {
		name := fmt.Sprintf("/a/c/%d", i)
		if err := storetest.Put(p, name, storetest.Time(1), body); err != nil {
			t.Fatal(err)
		}
		if !held {
			continue
		}
		if err := storetest.Put(q, name, storetest.Time(1), body); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := buffer.New(buffer.Config{Count: 16})
	if err != nil {
		t.Fatal(err)
	}
	receiver, err := ssync.NewReceiver(ssync.ReceiverConfig{Store: to, Pool: pool, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 4<<10)) // the request's head, behind which nothing comes before the answer
		receiver.Serve(context.Background(), conn, ssync.Request{Device: "d1", Policy: to.Cluster().Policies[0], Minor: 1, Chunked: true})
	}()
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	suffixes, err := p.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	result := sender.Push(context.Background(), ssync.Job{To: l.Addr().String(), Device: "d1", Partition: p, Suffixes: suffixes})
	<-done
	runtime.ReadMemStats(&after)
	if result.Err != nil || result.Proven != n {
		t.Fatalf("%+v", result)
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	return after.Mallocs - before.Mallocs
}

// What an object costs is bounded, whatever the size of the session, and a body's
// bytes cost nothing. An object is two directories and a file opened, and its
// metadata read from a pickle, at each end: strings that live on in no buffer.
// Measured at both ends together: 42 for an object that is held, 154 for a small
// PUT, 186 for one of 100,000 bytes; half as much again is room for change
// and for the race detector.
func TestTransferAllocations(t *testing.T) {
	for _, test := range []struct {
		name string
		size int
		held bool
		most uint64
	}{
		{"an object that is held", 4096, true, 65},
		{"an empty PUT", 0, false, 240},
		{"a small PUT", 4096, false, 240},
		{"a larger PUT", 100_000, false, 290},
	} {
		t.Run(test.name, func(t *testing.T) {
			const few, many = 200, 1200
			transferAllocations(t, few, test.size, test.held) // fills what is pooled
			a, b := transferAllocations(t, few, test.size, test.held), transferAllocations(t, many, test.size, test.held)
			each := (b - min(a, b)) / (many - few)
			t.Logf("%d allocations each", each)
			if each > test.most {
				t.Errorf("%d allocations each, want at most %d", each, test.most)
			}
		})
	}
	t.Run("a body", func(t *testing.T) {
		const more = 63 // MiB
		a, b := transferAllocations(t, 1, 1<<20, false), transferAllocations(t, 1, (1+more)<<20, false)
		t.Logf("%d for a session with 1 MiB, %d with 64 MiB", a, b)
		if b > a+more/2 {
			t.Errorf("%d allocations for 1 MiB, %d for 64 MiB: the bytes cost something", a, b)
		}
	})
}
