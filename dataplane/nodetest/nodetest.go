// Package nodetest is a node that listens, for tests:
//
//	node := nodetest.Start(t, dataplane.Config{Store: storetest.New(t)})
//	… node.Address …
//
// It is stopped after the test, and fails it where a session or a buffer is left.
package nodetest

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
)

// Node is a node that listens on loopback.
type Node struct {
	*dataplane.Node
	Address string

	tb       testing.TB
	listener net.Listener
	served   chan error
	stopped  bool
}

// Start serves what cfg says; without a log nobody hears of it. The node is stopped
// after the test, if it was not before.
func Start(tb testing.TB, cfg dataplane.Config) *Node {
	tb.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	node, err := dataplane.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	n := &Node{Node: node, Address: l.Addr().String(), tb: tb, listener: l, served: make(chan error, 1)}
	go func() { n.served <- node.Serve(l) }()
	tb.Cleanup(n.Stop)
	return n
}

// Stop waits for the sessions in hand.
func (n *Node) Stop() {
	n.tb.Helper()
	if n.stopped {
		return
	}
	n.stopped = true
	n.listener.Close()
	if err := <-n.served; err != nil {
		n.tb.Error(err)
	}
	if err := n.Shutdown(context.Background()); err != nil {
		n.tb.Errorf("receiver's buffers: %v", err)
	}
}

// Abandon closes the listener and shuts the node down within ctx, as a daemon does
// that is told to stop. Stop still has to be called.
func (n *Node) Abandon(ctx context.Context) error {
	n.listener.Close()
	return n.Shutdown(ctx)
}
