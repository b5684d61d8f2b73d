// Package faultstest is what the rooms of faults share: a node and a sender of a
// test, a data set, and a judge who says whether what lies on a disk is sound.
package faultstest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// Century keeps the tests' tombstones, of 2023, from being reclaimed.
const Century = 100 * 365 * 24 * time.Hour

// Torture tells that somebody asked for the long runs.
func Torture() bool { return os.Getenv("RINGSYNC_TORTURE") != "" }

// Count is how often something is done: in a usual run, of which -short does a fifth,
// or with RINGSYNC_TORTURE=1; RINGSYNC_COUNT overrides both.
func Count(tb testing.TB, usual, torture int) int {
	if text := os.Getenv("RINGSYNC_COUNT"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			tb.Fatalf("RINGSYNC_COUNT: %v", err)
		}
		return n
	}
	switch {
	case Torture():
		return torture
	case testing.Short():
		return max(1, usual/5)
	}
	return usual
}

// Seeds returns the seeds of a run: 1 to n, or the one in RINGSYNC_SEED.
func Seeds(tb testing.TB, n int) []uint64 {
	if text := os.Getenv("RINGSYNC_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			tb.Fatalf("RINGSYNC_SEED: %v", err)
		}
		return []uint64{seed}
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = uint64(i) + 1
	}
	return seeds
}

// Again is the command that runs a seed once more.
func Again(room, test string, seed uint64) string {
	return fmt.Sprintf("RINGSYNC_SEED=%d go test ./dataplane/faults/%s -run '^%s$'", seed, room, test)
}

// Store opens a devices directory as the tests do; w may be nil.
func Store(tb testing.TB, devices string, w store.Witness) *store.Store {
	return storetest.New(tb, func(c *store.Config) {
		c.Devices, c.ReclaimAge, c.Witness = devices, Century, w
		c.Notice = func(store.Notice) {}
	})
}

// Partition is partition 0 of policy 0 on d1 of a devices directory.
func Partition(tb testing.TB, devices string) *store.Partition {
	return storetest.Partition(tb, Store(tb, devices, nil))
}

// Node is a node that listens on loopback.
type Node = nodetest.Node

// Start serves a store; the node is stopped after the test, if it was not before.
func Start(tb testing.TB, s *store.Store, edit ...func(*dataplane.Config)) *Node {
	tb.Helper()
	cfg := dataplane.Config{Store: s}
	for _, e := range edit {
		e(&cfg)
	}
	return nodetest.Start(tb, cfg)
}

// Impatient gives a receiver short waits.
func Impatient(wait time.Duration) func(*dataplane.Config) {
	return func(c *dataplane.Config) {
		c.HeadTimeout, c.Receiver.ClientTimeout, c.Receiver.LockTimeout = wait, wait, 10*time.Second
	}
}

// Push sends a partition to the device d1 of a node.
func Push(tb testing.TB, p *store.Partition, to string, edit ...func(*ssync.SenderConfig)) *ssync.Result {
	tb.Helper()
	return PushTo(tb, p, to, "d1", edit...)
}

// PushTo is Push to a device of any name.
func PushTo(tb testing.TB, p *store.Partition, to, device string, edit ...func(*ssync.SenderConfig)) *ssync.Result {
	tb.Helper()
	pool, err := buffer.New(buffer.Config{Count: 2})
	if err != nil {
		tb.Fatal(err)
	}
	cfg := ssync.SenderConfig{Pool: pool, Log: slog.New(slog.DiscardHandler), ConnTimeout: 10 * time.Second}
	for _, e := range edit {
		e(&cfg)
	}
	sender, err := ssync.NewSender(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	suffixes, err := p.Suffixes()
	if err != nil {
		return &ssync.Result{Err: err}
	}
	result := sender.Push(context.Background(), ssync.Job{To: to, Device: device, Partition: p, Suffixes: suffixes})
	if err := pool.Close(); err != nil {
		tb.Errorf("sender's buffers: %v", err)
	}
	return result
}

// Waits gives a sender short waits.
func Waits(wait time.Duration) func(*ssync.SenderConfig) {
	return func(c *ssync.SenderConfig) { c.NodeTimeout, c.HTTPTimeout = wait, wait }
}
