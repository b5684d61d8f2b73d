package hostile_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// Each answer of the corpus ends the session with the error that is written beside
// it; nothing counts as proven, and nothing happens to what the sender has.
func TestAnswers(t *testing.T) {
	for _, c := range readCorpus(t, "testdata/answers.txt") {
		t.Run(c.name, func(t *testing.T) {
			devices := storetest.Devices(t)
			p := faultstest.Partition(t, devices)
			fillOne(t, p)
			before := storetest.MustState(t, p, "/a/c/o")
			liar := startLiar(t)
			liar.say(c.bytes)
			liar.hold(!slices.Contains(c.want, "early disconnect"))
			r := faultstest.Push(t, p, liar.address, faultstest.Waits(5*time.Second))
			if r.Err == nil || r.Proven != 0 {
				t.Errorf("%d proven, %v", r.Proven, r.Err)
			} else {
				c.judge(t, r.Err.Error())
			}
			if after := storetest.MustState(t, p, "/a/c/o"); after != before {
				t.Errorf("%s became %s", before, after)
			}
			faultstest.Sound(t, devices, nil)
		})
	}
}

func fillOne(t *testing.T, p *store.Partition) {
	t.Helper()
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), bytes.Repeat([]byte("body"), 100), hashes.Field{Key: "X-Object-Meta-Color", Value: "blue"}); err != nil {
		t.Fatal(err)
	}
}

// liar is a receiver that says the same to everybody, whatever it hears.
type liar struct {
	address string
	mu      sync.Mutex
	answer  []byte
	holds   bool // keeps the connection when it has said it all
}

// hold lets the liar keep the connection; else he hangs up, and what is noticed
// first, the hang-up or what he said, is a matter of chance.
func (l *liar) hold(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holds = on
}

func (l *liar) say(answer []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = answer
}

func (l *liar) text() (answer []byte, holds bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answer, l.holds
}

func startLiar(t *testing.T) *liar {
	t.Helper()
	var lc net.ListenConfig
	listener, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{address: listener.Addr().String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(deadline))
				heard := make(chan struct{})
				go func() {
					defer close(heard)
					io.Copy(io.Discard, conn)
				}()
				answer, holds := l.text()
				conn.Write(answer)
				if !holds {
					conn.(*net.TCPConn).CloseWrite()
				}
				<-heard // until the sender has gone
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return l
}
