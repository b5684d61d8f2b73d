package dataplane

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// caller is a connection from an address that says nothing.
type caller struct {
	net.Conn
	from   string
	closed bool
}

func (c *caller) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}

func (c *caller) Close() error {
	c.closed = true
	return nil
}

// In a full lobby the address with the most places loses the one that has been
// silent for the longest, and whoever has spoken stays. So one address, which may
// be a network of IPv6, can turn away nobody but its own.
func TestLobbyIsFair(t *testing.T) {
	const crowd, other = "10.0.0.6", "10.0.0.7"
	l := newLobby(6)
	first, _ := l.enter(&caller{from: other + ":1"}) // the oldest of all
	spoken, _ := l.enter(&caller{from: crowd + ":1"})
	l.spoke(spoken)
	var many []*visitor
	for i := range 4 {
		v, _ := l.enter(&caller{from: fmt.Sprintf("%s:%d", crowd, 2+i)})
		many = append(many, v)
	}
	for i := range 3 {
		_, sent := l.enter(&caller{from: fmt.Sprintf("%s:%d", crowd, 10+i)})
		if sent != many[i] || !sent.conn.(*caller).closed {
			t.Fatalf("arrival %d: %v had to go", i, sent)
		}
	}
	if l.spoke(many[0]) || !l.spoke(first) || spoken.gone {
		t.Error("who was sent away may be served, or somebody else may not")
	}
	for _, v := range many {
		l.leave(v) // of those sent away nothing is left to count
	}
	l.leave(first)
	l.leave(spoken)
	if l.taken != 3 || l.of[crowd] != 3 || len(l.of) != 1 || l.silent.Len() != 3 {
		t.Errorf("%d taken, %v, %d silent", l.taken, l.of, l.silent.Len())
	}
}

func TestHousehold(t *testing.T) {
	var got []string
	for _, from := range []string{"10.0.0.7:1", "[::ffff:10.0.0.7]:2", "[fd00:1:2:3::9]:1", "[fd00:1:2:3:ffff::]:1", "[fe80::1%eth0]:1"} {
		got = append(got, household(&caller{from: from}))
	}
	if want := []string{"10.0.0.7", "10.0.0.7", "fd00:1:2:3::/64", "fd00:1:2:3::/64", "fe80::/64"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A crowd has room for so many at each place, gives a place back once, and forgets
// who has nobody.
func TestCrowd(t *testing.T) {
	c := newCrowd(2)
	leave, ok := c.enter("sda")
	_, ok2 := c.enter("sda")
	_, ok3 := c.enter("sda")
	leaveOther, other := c.enter("sdb")
	if !ok || !ok2 || ok3 || !other {
		t.Fatalf("%v %v %v %v", ok, ok2, ok3, other)
	}
	leave()
	leave()
	leaveOther()
	_, again := c.enter("sda")
	_, full := c.enter("sda")
	if !again || full || len(c.in) != 1 {
		t.Errorf("%v %v %v", again, full, c.in)
	}
}
