package dataplane

import (
	"net"
	"net/netip"
	"sync"
)

// crowd counts who is where: requests at a device, or of a peer. Each place has
// room for so many, and who comes beyond that is sent away at once, since waiting
// would take a place of max_clients too.
//
//   - A device whose disk hangs keeps every request that touches it, for as long as
//     it likes, and its peers come again each minute. It gets an eighth of
//     max_clients: the others are for the disks that answer.
//   - A peer's address gets all but an eighth, so that whoever opens sessions and
//     lets them drip does not keep the others out.
type crowd struct {
	mu   sync.Mutex
	room int
	in   map[string]int
}

// leastShare is a device's room where max_clients is small: one session that has the
// device, those that wait for it, and somebody who asks for digests.
const leastShare = 8

func newCrowd(room int) *crowd { return &crowd{room: room, in: map[string]int{}} }

// enter takes a place at where, which leave gives back; false if there is none.
func (c *crowd) enter(where string) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in[where] >= c.room {
		return nil, false
	}
	c.in[where]++
	return sync.OnceFunc(func() { c.leave(where) }), true
}

func (c *crowd) leave(where string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in[where]--; c.in[where] == 0 {
		delete(c.in, where)
	}
}

// household is the address of a peer, and of IPv6 the network that one machine can
// take any address of.
func household(conn net.Conn) string {
	peer, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return "unknown"
	}
	address := peer.Addr().Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	network, _ := address.Prefix(64)
	return network.String()
}
