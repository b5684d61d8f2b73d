package interop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"golang.org/x/sync/errgroup"
)

// reverting is a handoff's disk, and the primary that it is moved to.
type reverting struct {
	*beside
	primary string // its node
	sender  *ssync.Sender

	reverts, gone, removed, changed, busy int
	changes, refused                      atomic.Int64 // at Swift's server; the latter while directories went
}

// A handoff is emptied again and again, while Swift's object server takes PUTs and
// DELETEs into the same partitions, our node takes sessions into them, and digests
// are asked of both: all that was acknowledged arrives at the primary, nothing is
// removed that it has not got, and at the end the handoff has no partition left.
func TestRevertBesideSwift(t *testing.T) {
	lasting := 8 * time.Second
	if os.Getenv("RINGSYNC_FULL") != "" {
		lasting = 3 * time.Minute
	}
	r := newRig(t)
	b := &reverting{beside: &beside{rig: r, ledger: newLedger(), dir: disk(t)}}
	b.swift = besideServer(r, b.dir)
	b.node = ourNode(r, b.dir)
	primary := disk(t)
	b.primary = ourNode(r, primary)
	b.makeSender()

	deadline := time.Now().Add(lasting)
	var g errgroup.Group
	again := func(f func(round int) error) {
		g.Go(func() error {
			for round := 0; time.Now().Before(deadline); round++ {
				if err := f(round); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range besideClients {
		random := rand.New(rand.NewPCG(uint64(i), 3))
		again(func(int) error { return b.change(random) })
	}
	ourDisk := disk(t)
	again(func(round int) error { return b.replicate(ourPush, ourDisk, uint64(round)) })
	again(func(round int) error { return b.askDigests(round % 2) })
	again(func(int) error { return b.revert() })
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is young on the first pass need not have been there when it began
		if err := b.revert(); err != nil {
			t.Fatal(err)
		}
	}
	if left := b.partitions(); len(left) > 0 {
		t.Errorf("partitions left at the handoff: %v", left)
	}
	t.Logf("%d reverts: %d objects removed, %d had changed, partitions went %d times, %d were busy; Swift refused %d changes",
		b.reverts, b.removed, b.changed, b.gone, b.busy, b.refused.Load())
	if b.removed == 0 || b.gone == 0 {
		t.Error("too little happened to show anything")
	}
	b.dir, b.node = primary, b.primary
	b.settle()
}

func (b *reverting) makeSender() {
	pool, err := buffer.New(buffer.Config{Count: 5})
	if err != nil {
		b.t.Fatal(err)
	}
	moves := enginetest.FromEnv(b.t, pool)
	b.t.Cleanup(func() {
		if err := errors.Join(moves.Close(), pool.Close()); err != nil {
			b.t.Error(err)
		}
	})
	b.sender, err = ssync.NewSender(ssync.SenderConfig{Pool: pool, Engine: moves, Log: b.log, ConnTimeout: 5e9, NodeTimeout: 60e9})
	if err != nil {
		b.t.Fatal(err)
	}
}

// change makes one change at Swift's server. While directories go under its hands it
// may fail, and then has acknowledged nothing. No POSTs: one whose object goes while
// it is under way leaves a .meta without one, see store's removeObject.
//
// A few names at a time are changed a few times and then left alone: what is lost of
// the last change to one of them no later change can hide.
func (b *reverting) change(random *rand.Rand) error {
	const names, changes = 8, 24
	name, ts := fmt.Sprintf("/AUTH_a/c/passing-%d-%d", b.changes.Add(1)/changes, random.IntN(names)), b.now()
	method := []string{"PUT", "PUT", "DELETE"}[random.IntN(3)]
	var body string
	if method == "PUT" {
		body = strings.Repeat(name, 1+random.IntN(100))
	}
	_, partition := b.place(name)
	req, err := http.NewRequest(method, fmt.Sprintf("http://%s/%s/%d%s", b.swift, device, partition, name), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Timestamp", ts.Internal())
	req.Header.Set("Content-Type", "text/plain")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	switch code := answer.StatusCode; {
	case code == http.StatusCreated, code == http.StatusNoContent, code == http.StatusNotFound && method == "DELETE":
		b.note(method, name, ts)
	case code >= 500:
		b.refused.Add(1)
	case code != http.StatusConflict:
		return fmt.Errorf("%s %s at Swift's server: %s", method, name, answer.Status)
	}
	return nil
}

func (b *reverting) partitions() []uint32 {
	d, err := b.store(b.dir).Device(device)
	if err != nil {
		b.t.Fatal(err)
	}
	defer d.Close()
	numbers, err := d.Partitions(b.cluster.Policies[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return numbers
}

// revert pushes each partition to the primary, and removes what that has proven.
func (b *reverting) revert() error {
	d, err := b.store(b.dir).Device(device)
	if err != nil {
		return err
	}
	defer d.Close()
	for _, number := range b.partitions() {
		if err := b.revertOne(d.Partition(b.cluster.Policies[0], number)); err != nil {
			return fmt.Errorf("revert: %w", err)
		}
	}
	return nil
}

func (b *reverting) revertOne(p *store.Partition) error {
	lock, err := p.LockRevert(context.Background(), 0)
	var busy *store.LockTimeoutError
	switch {
	case errors.As(err, &busy):
		b.busy++
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	defer lock.Release()
	suffixes, err := p.Suffixes()
	if err != nil {
		return err
	}
	result := b.sender.Push(context.Background(), ssync.Job{To: b.primary, Device: device, Partition: p, Suffixes: suffixes})
	if result.Err != nil {
		return result.Err
	}
	removal, err := p.Remove(context.Background(), lock, result.AppendProven(nil))
	b.reverts++
	b.removed += removal.Removed
	b.changed += removal.Changed
	if removal.Partition {
		b.gone++
	}
	return err
}
