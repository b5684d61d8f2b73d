package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/hashes"
)

// ringWord stands in --allow-peers for the addresses of the object rings.
const ringWord = "ring"

// allowList is who may connect.
type allowList struct {
	fixed []netip.Prefix
	also  func(netip.Addr) bool // nil: nobody
	stop  func()                // ends the looks at the rings
}

// newAllowList reads --allow-peers. With the word ring it reads the rings, and
// looks at them until stop is called: a node that is added to a ring may connect
// within ring_check_interval and another 15 s.
func newAllowList(ctx context.Context, words []string, shared *sharedRings, s *config.Settings, cluster *hashes.Cluster, log *slog.Logger) (*allowList, error) {
	list := &allowList{stop: func() {}}
	fixed := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == ringWord })
	var err error
	if list.fixed, err = dataplane.ParsePeers(fixed); err != nil {
		return nil, fmt.Errorf("--allow-peers: %w", err)
	}
	if len(fixed) == len(words) {
		return list, nil
	}

	set, err := shared.open(s, cluster, log)
	if err != nil {
		return nil, err
	}
	lookup := func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	peers, err := rings.NewPeers(ctx, set, lookup, log)
	if err != nil {
		return nil, fmt.Errorf("--allow-peers %s: %s: %w", ringWord, s.SwiftDir, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		peers.Run(ctx)
	}()
	list.also, list.stop = peers.Allowed, func() { cancel(); <-done }
	return list, nil
}

// peersText says at the start who may connect.
func peersText(allowed []string) string {
	if len(allowed) == 0 {
		return "all"
	}
	return strings.Join(allowed, ",")
}
