package replicator

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
)

// A peer finds his digests out while we do: from the second partition on, when there is
// a connection to him, he has been asked before hashes.pkl is read here.
func TestAskedAhead(t *testing.T) {
	c := newCluster(t, 1)
	peer := newAnswering(t, 1000)
	peer.device.ID, peer.device.Region = 1, 1
	c.rings.ring.Store(makeRing(t, []*ring.Device{c.dev(0, 0, "d1"), peer.device}, nil, []int{0, 0, 0, 0}, []int{1, 1, 1, 1}))
	for n := range uint32(4) {
		if err := os.MkdirAll(c.partition(0, n).Path(), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := c.partition(0, n).Digests(t.Context(), nil, false); err != nil {
			t.Fatal(err)
		}
	}
	var reads, questions int // one job at a time
	c.nodes[0].store = faultstest.Store(t, c.nodes[0].devices, storetest.Hooks{OnBefore: func(op *store.Op) error {
		if !strings.HasSuffix(op.Path, "/hashes.pkl") || op.Call != store.CallOpen {
			return nil
		}
		if reads++; reads == 1 {
			return nil // there is no connection yet
		}
		for ; questions < reads; questions++ {
			if !peer.asked() {
				t.Errorf("%s is read, and the peer has not been asked", op.Path)
			}
		}
		return nil
	}})
	if report := c.pass(0); report.HashMatch != 4 || reads != 4 {
		t.Errorf("%d reads, %+v", reads, report)
	}
}

// Who is asked ahead and shuts the connection meanwhile, as one does who does not keep
// any, is asked again.
func TestAheadIsShut(t *testing.T) {
	peer := newAnswering(t, 1)
	a := testAsker()
	ask := func(l *line) {
		t.Helper()
		digests, err := a.digests(t.Context(), l, peer.device, hashes.Policy{}, 7)
		if _, there := digests.Find(0xabc); err != nil || !there {
			t.Fatalf("%v, %v", digests, err)
		}
	}
	request, err := question(peer.device, hashes.Policy{}, 7)
	if err != nil {
		t.Fatal(err)
	}
	if a.ahead(peer.device.ReplicationAddress(), request) != nil {
		t.Fatal("a connection was kept before there was one")
	}
	ask(nil)
	l := a.ahead(peer.device.ReplicationAddress(), request)
	if l == nil {
		t.Fatal("no connection was kept")
	}
	ask(l)
	a.hangUp()
	if n := peer.connections.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// A question for whose answer nobody comes in time gives its place at the peer back,
// and so does one that is given up; what was taken is left alone.
func TestAheadGivesUp(t *testing.T) {
	for _, test := range []struct {
		name     string
		patience time.Duration
		end      func(questions)
		taken    bool
	}{
		{"late", 0, func(questions) {}, false},
		{"given up", time.Hour, questions.giveUp, false},
		{"taken", time.Hour, func(list questions) {
			if !list[nil].take() {
				t.Error("can't be taken")
			}
			list.giveUp()
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			peer := newAnswering(t, 1)
			l, err := testAsker().line(t.Context(), peer.device.ReplicationAddress())
			if err != nil {
				t.Fatal(err)
			}
			defer l.conn.Close()
			left := make(chan struct{})
			list := questions{nil: newAhead(l, func() { close(left) }, test.patience)}
			test.end(list)
			if !test.taken {
				<-left
			}
			if list[nil].take() {
				t.Error("it can be taken afterwards")
			}
			l.put([]byte("\r\n"))
			if shut := l.unput != nil; shut == test.taken {
				t.Errorf("the connection is shut: %v", shut)
			}
			select {
			case <-left:
				if test.taken {
					t.Error("the place was given back")
				}
			default:
			}
		})
	}
}

func testAsker() *asker {
	cfg := Config{Sender: ssync.SenderConfig{HTTPTimeout: time.Minute, ConnTimeout: time.Minute}}
	cfg.setDefaults()
	return newAsker(cfg)
}
