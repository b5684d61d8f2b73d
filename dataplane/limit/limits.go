package limit

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"strings"
)

// Direction is a direction of a connection.
type Direction int

// The directions.
const (
	Out Direction = iota // what we send
	In                   // what we receive
	directions
)

func (d Direction) String() string { return [...]string{"out", "in"}[d] }

// Kind is what a limit is of.
type Kind int

// The kinds.
const (
	Node Kind = iota
	Device
	Peer
	kinds
)

func (k Kind) String() string { return [...]string{"node", "device", "peer"}[k] }

// Rates are bytes a second; 0: no limit.
type Rates struct {
	Out Rate `json:"out"`
	In  Rate `json:"in"`
}

func (r Rates) of(d Direction) Rate {
	if d == Out {
		return r.Out
	}
	return r.In
}

// Limits are all there are. Who is named has his own rates, both of them; the others
// have Device or Peer, each for himself.
type Limits struct {
	Node    Rates            `json:"node"`
	Device  Rates            `json:"device"`
	Devices map[string]Rates `json:"devices,omitempty"`
	Peer    Rates            `json:"peer"`
	Peers   map[string]Rates `json:"peers,omitempty"` // by address, without a port
}

// mostNamed bounds what is named.
const mostNamed = 10_000

// checked returns a copy with each peer's name in the one form in which it is looked
// for.
func (l Limits) checked() (Limits, error) {
	if len(l.Devices)+len(l.Peers) > mostNamed {
		return l, fmt.Errorf("limits of %d devices and peers, more than %d", len(l.Devices)+len(l.Peers), mostNamed)
	}
	for what, rates := range map[string]Rates{"node": l.Node, "device": l.Device, "peer": l.Peer} {
		if err := rates.check(what); err != nil {
			return l, err
		}
	}
	for name, rates := range l.Devices {
		if name == "" || strings.Contains(name, "/") {
			return l, fmt.Errorf("%.64q is no device", name)
		}
		if err := rates.check("device " + name); err != nil {
			return l, err
		}
	}
	peers := make(map[string]Rates, len(l.Peers))
	for name, rates := range l.Peers {
		peer, err := checkPeer(name)
		if err != nil {
			return l, err
		}
		if _, twice := peers[peer]; twice {
			return l, fmt.Errorf("peer %s is there twice", peer)
		}
		if err := rates.check("peer " + peer); err != nil {
			return l, err
		}
		peers[peer] = rates
	}
	l.Devices, l.Peers = maps.Clone(l.Devices), peers
	return l, nil
}

func (r Rates) check(what string) error {
	if min(r.Out, r.In) < 0 || max(r.Out, r.In) > mostRate {
		return fmt.Errorf("%.128s: a rate that is not 0 to %s", what, mostRate)
	}
	return nil
}

// checkPeer takes an address or a host's name, and no port.
func checkPeer(name string) (string, error) {
	if peer := PeerOf(name); name != "" && len(name) <= 253 && !strings.ContainsAny(name, "/ \t\r\n") && (!strings.Contains(peer, ":") || isAddress(peer)) && peer == plain(strings.Trim(name, "[]")) {
		return peer, nil
	}
	return "", fmt.Errorf("%.64q is no peer: an address or a name, without a port", name)
}

func isAddress(name string) bool { _, err := netip.ParseAddr(name); return err == nil }

// PeerOf is the peer at HOST:PORT, or HOST, as Limits name him.
func PeerOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	return plain(strings.Trim(address, "[]"))
}

// plain is a host in the one form in which it is compared.
func plain(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return strings.ToLower(host)
}

// rates of a device or peer.
func (l *Limits) rates(k Kind, name string) Rates {
	named, others := l.Devices, l.Device
	switch k {
	case Node:
		return l.Node
	case Peer:
		named, others = l.Peers, l.Peer
	}
	if r, is := named[name]; is {
		return r
	}
	return others
}

// any tells whether there is a limit in a direction.
func (l *Limits) any(d Direction) bool {
	if l.Node.of(d) > 0 || l.Device.of(d) > 0 || l.Peer.of(d) > 0 {
		return true
	}
	for _, named := range []map[string]Rates{l.Devices, l.Peers} {
		for _, r := range named {
			if r.of(d) > 0 {
				return true
			}
		}
	}
	return false
}
