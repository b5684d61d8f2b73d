package replicator

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
)

// answering is a peer that answers so many questions on each connection, says each
// time that more may come, and shuts it then.
type answering struct {
	device      *ring.Device
	connections atomic.Int64
	questions   chan struct{} // one for each
}

func newAnswering(t *testing.T, each int) *answering {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &answering{questions: make(chan struct{}, 100)}
	p.device = &ring.Device{IP: "127.0.0.1", Port: 1, ReplicationIP: "127.0.0.1", ReplicationPort: portOf(t, l.Addr().String()), Name: "d1", Weight: 1}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.connections.Add(1)
			go p.answer(conn, each)
		}
	}()
	return p
}

func (p *answering) answer(conn net.Conn, each int) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for range each {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		p.questions <- struct{}{}
		body := hashes.AppendReplicateAnswer(nil, hashes.Digests{{Suffix: 0xabc}})
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
}

// asked tells whether another question comes within a time in which one does that was
// put at all.
func (p *answering) asked() bool {
	select {
	case <-p.questions:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

// A connection is asked again, and replaced when the peer has shut it meanwhile.
func TestAskerKeeps(t *testing.T) {
	for questions, want := range map[int]int64{1: 6, 2: 3, 6: 1} {
		a, peer := testAsker(), newAnswering(t, questions)
		for range 6 {
			digests, err := a.digests(t.Context(), nil, peer.device, hashes.Policy{}, 7)
			if _, there := digests.Find(0xabc); err != nil || !there {
				t.Fatalf("%v, %v", digests, err)
			}
		}
		a.hangUp()
		if got := peer.connections.Load(); got != want {
			t.Errorf("%d connections for 6 questions, of which each takes %d", got, questions)
		}
	}
}
