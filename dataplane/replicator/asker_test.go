package replicator

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
)

// peerOf answers so many questions on each connection, says each time that more may
// come, and shuts it then.
func peerOf(t *testing.T, questions int) (to *ring.Device, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			in := bufio.NewReader(conn)
			for range questions {
				if _, err := http.ReadRequest(in); err != nil {
					break
				}
				body := hashes.AppendReplicateAnswer(nil, hashes.Digests{{Suffix: 0xabc}})
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
			conn.Close()
		}
	}()
	return &ring.Device{ReplicationIP: "127.0.0.1", ReplicationPort: portOf(t, l.Addr().String()), Name: "d1"}, connections
}

// A connection is asked again, and replaced when the peer has shut it meanwhile.
func TestAskerKeeps(t *testing.T) {
	for questions, want := range map[int]int64{1: 6, 2: 3, 6: 1} {
		cfg := Config{Sender: ssync.SenderConfig{HTTPTimeout: time.Minute, ConnTimeout: time.Minute}}
		cfg.setDefaults()
		a := newAsker(cfg)
		to, connections := peerOf(t, questions)
		for range 6 {
			digests, err := a.digests(t.Context(), to, hashes.Policy{}, 7)
			if _, there := digests.Find(0xabc); err != nil || !there {
				t.Fatalf("%v, %v", digests, err)
			}
		}
		a.hangUp()
		if got := connections.Load(); got != want {
			t.Errorf("%d connections for 6 questions, of which each takes %d", got, questions)
		}
	}
}
