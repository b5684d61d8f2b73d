package replicator

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes/ring"
)

// Addresses are those by which a ring may know this node: ip (ring_ip, or else
// bind_ip) where it is one address, all of this machine where it stands for all.
// A name is looked up. Source: utils, whataremyips.
func Addresses(ctx context.Context, ip string) ([]netip.Addr, error) {
	if ip != "" {
		addresses, err := resolve(ctx, ip)
		if err != nil {
			return nil, fmt.Errorf("who are we in the ring: %w", err)
		}
		if !slices.ContainsFunc(addresses, netip.Addr.IsUnspecified) {
			return addresses, nil
		}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("who are we in the ring: %w", err)
	}
	var addresses []netip.Addr
	for _, a := range all {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			addresses = append(addresses, plain(prefix.Addr()))
		}
	}
	return addresses, nil
}

// resolveTimeout bounds the look-up of a name in a ring.
const resolveTimeout = 5 * time.Second

// resolve reads an address, or looks up a name.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return []netip.Addr{plain(a)}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range addresses {
		addresses[i] = plain(addresses[i])
	}
	return addresses, err
}

// plain is an address in the one form in which it is compared.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// localDevices are the devices of a ring that are this node's: by the address for
// other nodes, and its port unless every device has its own. Source: ring/utils.py,
// is_local_device.
func (r *Replicator) localDevices(ctx context.Context, from *ring.Ring) (local []*ring.Device) {
	known := map[string]bool{}
	for _, d := range from.Devices() {
		if r.cfg.Port != 0 && d.ReplicationPort != r.cfg.Port {
			continue
		}
		ours, looked := known[d.ReplicationIP]
		if !looked {
			ours = r.isOurs(ctx, d.ReplicationIP)
			known[d.ReplicationIP] = ours
		}
		if ours {
			local = append(local, d)
		}
	}
	return local
}

func (r *Replicator) isOurs(ctx context.Context, host string) bool {
	addresses, err := r.cfg.Resolve(ctx, host)
	if err != nil {
		r.cfg.Log.Warn("a node of the ring has a name that is not found: is it this one?", "host", host, "error", err)
		return false
	}
	return slices.ContainsFunc(addresses, func(a netip.Addr) bool { return slices.Contains(r.cfg.IPs, a) })
}
