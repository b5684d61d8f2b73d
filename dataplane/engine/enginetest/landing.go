package enginetest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// gated is a sink that writes when it may.
type gated struct {
	*sink
	open chan struct{}
}

func newGated(s *sink) *gated { return &gated{sink: s, open: make(chan struct{})} }

func (g *gated) WriteAt(p []byte, off int64) (int, error) {
	<-g.open
	return g.sink.WriteAt(p, off)
}

const landed = 2*mib + 7

// The stream goes on while a body is still landing: what follows it is read, and
// lands, before it has.
func testLandsLater(t *testing.T, e Engine) {
	r := newRigWith(t, e, tcpPair, buffer.Config{Count: 8})
	r.feed(framers[0].frame(dialogue(landed, landed, 3)))
	in := r.inbound(engine.InConfig{Chunked: true})

	slow, fast, small := newGated(newSink(landed)), newSink(landed), newSink(3)
	digest := md5.New()
	first := land(t, in, landed, slow, nil)
	must(t, land(t, in, landed, fast, digest).Wait())
	wantBytes(t, fast.body, body(landed))
	if got := hex.EncodeToString(digest.Sum(nil)); got != md5hex(body(landed)) {
		t.Errorf("digest of the second body is %s", got)
	}
	must(t, land(t, in, 3, small, nil).Wait())
	if len(slow.body) > 0 {
		t.Fatal("the first body landed too early to show anything")
	}
	close(slow.open)
	must(t, first.Wait())
	must(t, first.Wait())
	wantBytes(t, slow.body, body(landed))
}

// A disk that fails when the body has been received in full, and more after it,
// is told by Wait; the stream is none the worse.
func testLandingFails(t *testing.T, e Engine) {
	r := newRigWith(t, e, tcpPair, buffer.Config{Count: 8})
	r.feed(framers[0].frame(append(dialogue(landed), "next\r\n"...)))
	in := r.inbound(engine.InConfig{Chunked: true})

	s := newGated(&sink{failAt: 2})
	l := land(t, in, landed, s, md5.New())
	line, err := in.Line()
	if err != nil || string(line) != "next" {
		t.Fatalf("got line %.64q, error %v, want \"next\"", line, err)
	}
	close(s.open)
	err = l.Wait()
	var failed *engine.SinkError
	if !errors.As(err, &failed) || !errors.Is(err, errDisk) {
		t.Fatalf("got error %v, want a SinkError of the disk's", err)
	}
	if s.writes != 2 {
		t.Errorf("%d writes, want none after the second, which failed", s.writes)
	}
}

// As many bodies land at once as have room, the others later, and Close waits for
// all of them.
func testManyLand(t *testing.T, e Engine) {
	for _, row := range []struct{ buffers, room int }{{3, 3}, {8, 4}} {
		t.Run(fmt.Sprintf("%d buffers", row.buffers), func(t *testing.T) { manyLand(t, e, row.buffers, row.room) })
	}
}

func manyLand(t *testing.T, e Engine, buffers, room int) {
	const n, many = 65537, 9
	sizes := make([]int64, many)
	for i := range sizes {
		sizes[i] = n
	}
	r := newRigWith(t, e, tcpPair, buffer.Config{Count: buffers})
	r.feed(framers[0].frame(dialogue(sizes...)))
	in := r.inbound(engine.InConfig{Chunked: true})

	open := make(chan struct{})
	var sinks []*gated
	var opener sync.WaitGroup
	for i := range many {
		if i == room { // the next one can't land before one of these has
			opener.Go(func() { close(open) })
		}
		s := &gated{sink: newSink(n), open: open}
		sinks = append(sinks, s)
		land(t, in, n, s, md5.New())
	}
	opener.Wait()
	in.Close()
	for _, s := range sinks {
		wantBytes(t, s.body, body(n))
	}
}

// land takes a dialogue's line and the body behind it.
func land(t *testing.T, in *engine.Inbound, n int64, s engine.Sink, digest hash.Hash) *engine.Landing {
	t.Helper()
	_, err := in.Line()
	must(t, err)
	l, got, err := in.Land(context.Background(), n, s, digest)
	must(t, err)
	if got != n {
		t.Fatalf("got %d bytes off the stream, want %d", got, n)
	}
	return l
}
