package dataplane

import (
	"container/list"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// lobby holds the connections that are not served yet: those that have not said
// what they want, or what they want next, and those that have and wait for one of
// MaxClients. It has as many places as MaxClients. Who connects and says nothing
// must not keep others out: when the lobby is full, one goes that has said nothing,
// of the address that has the most places the one that has been silent for the
// longest. A sender's head comes with its first packet, so with 1,024 places it
// would take a thousand connections within a round trip to turn a good one away, and
// from as many addresses as there are.
type lobby struct {
	mu     sync.Mutex
	left   *sync.Cond
	places int
	taken  int
	of     map[string]int // places, by address
	silent *list.List     // of *visitor, the oldest first
}

// visitor is a connection in the lobby.
type visitor struct {
	conn  net.Conn
	from  string        // its address
	place *list.Element // among the silent; nil once it has spoken or was sent away
	gone  bool          // sent away
}

func newLobby(places int) *lobby {
	l := &lobby{places: places, of: map[string]int{}, silent: list.New()}
	l.left = sync.NewCond(&l.mu)
	return l
}

// enter gives conn a place. If all are taken by those who wait to be served, it
// waits for one of them. sent is who had to go for it, or nil.
func (l *lobby) enter(conn net.Conn) (v, sent *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.taken >= l.places {
		if next := l.first(); next != nil {
			sent = next
			sent.conn.Close()
			l.out(sent)
			continue
		}
		l.left.Wait()
	}
	return l.in(conn), sent
}

// stay gives a place to a connection that was served and is kept; nil if there is
// none.
func (l *lobby) stay(conn net.Conn) *visitor {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken >= l.places {
		return nil
	}
	return l.in(conn)
}

func (l *lobby) in(conn net.Conn) *visitor {
	l.taken++
	v := &visitor{conn: conn, from: household(conn)}
	l.of[v.from]++
	v.place = l.silent.PushBack(v)
	return v
}

// first is who has to go first; nil if all have spoken.
func (l *lobby) first() (v *visitor) {
	for e := l.silent.Front(); e != nil; e = e.Next() {
		if other := e.Value.(*visitor); v == nil || l.of[other.from] > l.of[v.from] {
			v = other
		}
	}
	return v
}

// out takes a visitor off the books.
func (l *lobby) out(v *visitor) {
	l.hush(v)
	v.gone = true
	l.taken--
	if l.of[v.from]--; l.of[v.from] == 0 {
		delete(l.of, v.from)
	}
}

// hush takes a visitor from among the silent.
func (l *lobby) hush(v *visitor) {
	if v.place != nil {
		l.silent.Remove(v.place)
		v.place = nil
	}
}

// spoke tells that the visitor's request is there; false if it was sent away.
func (l *lobby) spoke(v *visitor) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hush(v)
	return !v.gone
}

// leave gives the place back. It may be called again.
func (l *lobby) leave(v *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v.gone {
		return
	}
	l.out(v)
	l.left.Signal()
}

// allowed tells whether a peer may ask anything of this node.
func (n *Node) allowed(conn net.Conn) bool {
	if len(n.cfg.AllowPeers) == 0 && n.cfg.AllowAlso == nil {
		return true
	}
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap().WithZone("")
	for _, prefix := range n.cfg.AllowPeers {
		if prefix.Contains(address) {
			return true
		}
	}
	return n.cfg.AllowAlso != nil && n.cfg.AllowAlso(address)
}

// ParsePeers reads a list of addresses and networks: "10.0.0.7,10.1.0.0/16,fd00::/8".
func ParsePeers(words []string) ([]netip.Prefix, error) {
	var peers []netip.Prefix
	for _, word := range words {
		if address, err := netip.ParseAddr(word); err == nil && address.Zone() == "" {
			address = address.Unmap()
			peers = append(peers, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(word)
		if err != nil {
			return nil, fmt.Errorf("%.64q is neither an address nor a network", word)
		}
		if prefix.Addr().Is4In6() {
			return nil, fmt.Errorf("%.64q: write an IPv4 network as such", word)
		}
		peers = append(peers, prefix.Masked())
	}
	return peers, nil
}
