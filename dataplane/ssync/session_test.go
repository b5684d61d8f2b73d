package ssync_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// caller plays the sender's seat of a session with our receiver, word by word,
// over a pipe. In a synctest bubble its clock is the test's: an hour of silence
// takes no time, and "nothing came" can be said for sure.
type caller struct {
	t    *testing.T
	conn net.Conn
	done chan struct{} // closed when the receiver has ended the session

	mu    sync.Mutex
	heard bytes.Buffer // de-chunked, behind the head

	report ssync.Report
	err    error
}

// call opens a session for partition 0 of d1.
func call(t *testing.T, s *store.Store, edit ...func(*ssync.ReceiverConfig)) *caller {
	t.Helper()
	c := callAsking(t, s, 0, edit...)
	go c.listen()
	return c
}

// callAsking is call with features asked for. Nobody listens yet.
func callAsking(t *testing.T, s *store.Store, asked proto.Features, edit ...func(*ssync.ReceiverConfig)) *caller {
	t.Helper()
	pool, err := buffer.New(buffer.Config{Count: 8})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ssync.ReceiverConfig{Store: s, Pool: pool, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, e := range edit {
		e(&cfg)
	}
	receiver, err := ssync.NewReceiver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	c := &caller{t: t, conn: ours, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer theirs.Close()
		c.report, c.err = receiver.Serve(context.Background(), theirs,
			ssync.Request{Device: "d1", Policy: s.Cluster().Policies[0], Minor: 1, Chunked: true, Features: asked})
	}()
	t.Cleanup(func() {
		ours.Close()
		<-c.done
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// listen notes what the receiver says, until he hangs up.
func (c *caller) listen() {
	response, err := http.ReadResponse(bufio.NewReader(c.conn), nil)
	if err != nil {
		return // the session's own error tells why
	}
	defer response.Body.Close()
	piece := make([]byte, 4<<10)
	for {
		n, err := response.Body.Read(piece)
		c.mu.Lock()
		c.heard.Write(piece[:n])
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// say sends a chunk for each piece. A receiver who has ended the session does
// not hear the rest.
func (c *caller) say(pieces ...string) {
	for _, piece := range pieces {
		c.conn.Write(proto.AppendChunk(nil, []byte(piece)))
	}
}

// hears lets all come to rest, and returns what has been said since it was last
// called.
func (c *caller) hears() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.heard.String()
	c.heard.Reset()
	return text
}

// after lets time pass, and returns what was said meanwhile.
func (c *caller) after(d time.Duration) string {
	time.Sleep(d)
	return c.hears()
}

// ended ends the stream and waits for the end of the session.
func (c *caller) ended() (ssync.Report, error) {
	io.WriteString(c.conn, proto.LastChunk)
	<-c.done
	return c.report, c.err
}

// gate is a witness that holds calls of a kind until they are let through, one
// by one. It belongs to the bubble that it is made in.
type gate struct {
	storetest.Hooks
	pass chan struct{}
}

func newGate(holds func(*store.Op) bool) *gate {
	g := &gate{pass: make(chan struct{})}
	g.OnBefore = func(op *store.Op) error {
		if holds(op) {
			<-g.pass
		}
		return nil
	}
	return g
}

// let lets n calls through, each as soon as it comes.
func (g *gate) let(n int) {
	for range n {
		g.pass <- struct{}{}
	}
}

func (g *gate) config(c *store.Config) { c.Witness = g }

// offerLine offers a name's object, of one second after the epoch.
func offerLine(name string) string {
	at := storetest.Time(1)
	return string(proto.AppendOffer(nil, proto.Offer{Hash: storetest.Hash(name), Data: at, Meta: at, CType: at}))
}

// checked holds the missing check for some names, all of which are wanted, and
// begins the updates.
func (c *caller) checked(names ...string) {
	c.t.Helper()
	c.say(start)
	for _, name := range names {
		c.say(offerLine(name))
	}
	c.say(end)
	want := "\r\n" + start
	for _, name := range names {
		want += storetest.Hash(name).String() + " dm\r\n"
	}
	if got := c.hears(); got != want+"\r\n"+end {
		c.t.Fatalf("the check: %q, want %q", got, want)
	}
	c.say(updStart)
}

// putHead is the head of a PUT that goes with offerLine, with a body of three
// bytes; more are further header lines.
func putHead(name, more string) string {
	return "PUT " + string(proto.AppendQuoted(nil, name)) + "\r\nContent-Length: 3\r\nContent-Type: t\r\n" + more +
		"X-Timestamp: " + storetest.Time(1).Internal() + "\r\n\r\n"
}
