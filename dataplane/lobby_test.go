package dataplane_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"golang.org/x/sys/unix"
)

// Who is not on the list gets no answer, not even to /healthcheck, and a line in
// the log says so.
func TestAllowPeers(t *testing.T) {
	for _, test := range []struct {
		allowed []string
		let     bool
	}{
		{nil, true},
		{[]string{"127.0.0.1"}, true},
		{[]string{"10.0.0.0/8", "127.0.0.0/30"}, true},
		{[]string{"10.0.0.0/8", "::1"}, false},
		{[]string{"::/0"}, false},
	} {
		t.Run(strings.Join(test.allowed, ","), func(t *testing.T) {
			peers, err := dataplane.ParsePeers(test.allowed)
			if err != nil {
				t.Fatal(err)
			}
			address, _ := startNode(t, func(c *dataplane.Config) { c.AllowPeers = peers })
			if answer := healthcheck(t, address); strings.Contains(answer, "200 OK") != test.let {
				t.Errorf("%q", answer)
			}
		})
	}
}

// Who is on no list may ask if somebody says so, and only then.
func TestAllowAlso(t *testing.T) {
	elsewhere, err := dataplane.ParsePeers([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, let := range []bool{true, false} {
		for _, peers := range [][]netip.Prefix{nil, elsewhere} {
			address, _ := startNode(t, func(c *dataplane.Config) {
				c.AllowPeers = peers
				c.AllowAlso = func(a netip.Addr) bool { return let && a == netip.MustParseAddr("127.0.0.1") }
			})
			if answer := healthcheck(t, address); strings.Contains(answer, "200 OK") != let {
				t.Errorf("%v, beside %v: %q", let, peers, answer)
			}
		}
	}
}

func healthcheck(t *testing.T, address string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "GET /healthcheck HTTP/1.1\r\n\r\n")
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// A node all of whose places are taken says that it is well, as often as it is asked;
// any other request waits for a place, or is told that there is none.
func TestHealthcheckWhileBusy(t *testing.T) {
	address, _ := startNode(t, func(c *dataplane.Config) { c.MaxClients = 1 })
	session, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	io.WriteString(session, head)
	if _, err := io.ReadFull(session, make([]byte, len("HTTP/1.1 200"))); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if answer := healthcheck(t, address); !strings.Contains(answer, "200 OK") {
			t.Errorf("%q", answer)
		}
	}
	if answer := ask(t, address, "OPTIONS * HTTP/1.1\r\n\r\n"); !strings.Contains(answer, " 503 ") {
		t.Errorf("%q", answer)
	}
}

func TestParsePeersRefuses(t *testing.T) {
	for _, word := range []string{"", "node7", "10.0.0.0/33", "10.0.0.1:6200", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.1/8/8", " 10.0.0.1"} {
		if peers, err := dataplane.ParsePeers([]string{word}); err == nil {
			t.Errorf("%q is taken for %v", word, peers)
		}
	}
}

// A connection that the listener accepted has the user timeout of the listener.
func TestAcceptedInheritsUserTimeout(t *testing.T) {
	lc := net.ListenConfig{Control: ssync.Socket{UserTimeout: 1234 * time.Millisecond}.Control}
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if ms, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); err != nil || ms != 1234 {
			t.Errorf("%d ms, %v", ms, err)
		}
	})
}
