package rings

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/hashes/ring"
)

// Peers is the addresses of the rings' devices, for clients and for other nodes,
// of all policies: from there a storage node is asked by its like.
type Peers struct {
	set      *Set
	lookup   Lookup
	log      *slog.Logger
	interval time.Duration

	known atomic.Pointer[map[netip.Addr]bool]

	// Of Refresh alone:
	of      []*ring.Ring            // which rings known was made of
	named   map[string][]netip.Addr // the addresses that a name had last
	missing int                     // names that were not found
}

// Lookup finds the addresses of a host's name; net.Resolver.LookupNetIP does, with
// "ip" for its network.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// lookupTimeout bounds the search for one name.
const lookupTimeout = 5 * time.Second

// ErrNoAddresses is returned where no ring names any address: nobody could
// connect.
var ErrNoAddresses = errors.New("rings: no ring could be read, so no address of a peer is known")

// NewPeers collects the addresses of a set's rings; Run keeps them up to date.
func NewPeers(ctx context.Context, set *Set, lookup Lookup, log *slog.Logger) (*Peers, error) {
	p := &Peers{set: set, lookup: lookup, log: log, interval: defaultCheckInterval, named: map[string][]netip.Addr{}}
	p.known.Store(&map[netip.Addr]bool{})
	p.Refresh(ctx)
	if len(*p.known.Load()) == 0 {
		return nil, ErrNoAddresses
	}
	return p, nil
}

// Allowed tells whether an address is one of the rings'.
func (p *Peers) Allowed(address netip.Addr) bool {
	return (*p.known.Load())[address.Unmap().WithZone("")]
}

// Run looks at the rings until ctx ends.
func (p *Peers) Run(ctx context.Context) {
	tick := time.NewTicker(p.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.Refresh(ctx)
		}
	}
}

// Refresh collects the addresses anew if a ring is another than it was, or if a
// name was not found the last time. A name that is not found any more keeps the
// addresses that it had: a name server that is away must not stop replication.
// One goroutine may call it at a time.
func (p *Peers) Refresh(ctx context.Context) {
	var rings []*ring.Ring
	changed := false
	for i, state := range p.set.States() {
		rings = append(rings, state.Ring)
		changed = changed || i >= len(p.of) || p.of[i] != state.Ring
	}
	if !changed && p.missing == 0 {
		return
	}
	p.of, p.missing = rings, 0
	known := p.collect(ctx)
	if ctx.Err() != nil {
		return // what could not be looked up in time is not gone
	}
	p.known.Store(&known)
	p.log.Info("peers are those of the rings", "addresses", len(known), "names_not_found", p.missing)
}

func (p *Peers) collect(ctx context.Context) map[netip.Addr]bool {
	known, asked := map[netip.Addr]bool{}, map[string]bool{}
	for _, r := range p.of {
		if r == nil {
			continue
		}
		for _, d := range r.Devices() {
			for _, host := range []string{d.IP, d.ReplicationIP} {
				if !asked[host] {
					asked[host] = true
					p.add(ctx, known, host)
				}
			}
		}
	}
	return known
}

// add notes the addresses of a host, which a ring names by its address or by its
// name.
func (p *Peers) add(ctx context.Context, known map[netip.Addr]bool, host string) {
	if address, err := netip.ParseAddr(host); err == nil {
		known[address.Unmap().WithZone("")] = true
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := p.lookup(ctx, host)
	if err != nil {
		p.missing++
		p.log.Warn("a host that a ring names is not found", "host", host, "addresses_of_before", len(p.named[host]), "error", err)
	} else {
		p.named[host] = found
	}
	for _, address := range p.named[host] {
		known[address.Unmap().WithZone("")] = true
	}
}
