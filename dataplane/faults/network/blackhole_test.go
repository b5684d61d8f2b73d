package network_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// A peer that takes nothing any more, and will never say so, is given up by
// TCP_USER_TIMEOUT, on either side, where the dialogue's own waits would last for
// an hour. (The kernel treats one whose window stays shut as it does one that
// acknowledges nothing.)
func TestBlackHole(t *testing.T) {
	const soon = 500 * time.Millisecond
	t.Run("the receiver", func(t *testing.T) {
		t.Parallel()
		from := storetest.Devices(t)
		here := faultstest.Partition(t, from)
		if err := storetest.Put(here, "/a/c/o", storetest.Time(1), make([]byte, 64<<20)); err != nil {
			t.Fatal(err)
		}
		address := pit(t, fmt.Sprintf("HTTP/1.1 200 OK\r\n\r\n\r\n:MISSING_CHECK: START\r\n%s d\r\n:MISSING_CHECK: END\r\n", storetest.Hash("/a/c/o")))
		dialer := &net.Dialer{Control: ssync.Socket{UserTimeout: soon}.Control}
		var result *ssync.Result
		within(t, "the session", func() {
			result = faultstest.Push(t, here, address, faultstest.Waits(time.Hour), func(c *ssync.SenderConfig) {
				c.Dialer = func(ctx context.Context, to string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", to) }
			})
		})
		if !errors.Is(result.Err, unix.ETIMEDOUT) || result.Proven != 0 {
			t.Errorf("%d proven, %v", result.Proven, result.Err)
		}
	})
	t.Run("the sender", func(t *testing.T) {
		t.Parallel()
		to := storetest.Devices(t)
		node := faultstest.Start(t, faultstest.Store(t, to, nil), faultstest.Impatient(time.Hour), func(c *dataplane.Config) { c.UserTimeout = soon })
		conn, err := net.Dial("tcp", node.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		// Two hundred thousand wanted lines are more than all buffers on the way hold.
		go func() {
			conn.Write(proto.AppendRequestHead(nil, proto.RequestHead{Method: "SSYNC", Target: "/d1/0", Minor: 1, Headers: []proto.Header{{Name: "Transfer-Encoding", Value: "chunked"}}}))
			conn.Write(proto.AppendChunk(nil, []byte(proto.MissingCheckStart+"\r\n")))
			var offers []byte
			for i := range 200_000 {
				offers = proto.AppendOffer(offers, proto.Offer{Hash: storetest.Hash(fmt.Sprint(i)), Data: storetest.Time(1), Meta: storetest.Time(1), CType: storetest.Time(1)})
			}
			conn.Write(proto.AppendChunk(nil, append(offers, proto.MissingCheckEnd+"\r\n"...)))
		}()
		lock := faultstest.Partition(t, to)
		waitUntilTaken(t, to)
		within(t, "the session", func() {
			taken, err := lock.LockReplication(t.Context(), deadline)
			if err != nil {
				t.Fatal(err)
			}
			taken.Release()
		})
		node.Stop()
	})
}

// waitUntilTaken waits until a session holds the partition.
func waitUntilTaken(t *testing.T, devices string) {
	t.Helper()
	for {
		lock, err := storetest.Flock(devices + "/d1/objects/0/.lock-replication")
		if errors.Is(err, unix.EWOULDBLOCK) {
			return
		}
		if err == nil {
			lock.Close()
		}
		time.Sleep(time.Millisecond)
	}
}

// pit accepts connections, says something, and never reads beyond what came first.
func pit(t *testing.T, answer string) (address string) {
	lc := net.ListenConfig{}
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var conns []net.Conn
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			conn.Write([]byte(answer))
			conns = append(conns, conn)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
		for _, c := range conns {
			c.Close()
		}
	})
	return l.Addr().String()
}
