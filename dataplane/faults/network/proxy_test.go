package network_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// fault is what happens to a connection once: in one direction, some bytes after
// a marker of the dialogue has passed.
type fault struct {
	kind     string
	toSender bool
	stage    string // the marker; "" for the head
	offset   int
	rand     *rand.Rand
}

// The kinds of fault. damaging are those after which other bytes arrive than were
// sent, as if they had been.
var (
	kinds    = []string{"reset", "half-close", "truncate", "stall", "dribble", "drop", "duplicate", "flip", "insert"}
	damaging = map[string]bool{"drop": true, "duplicate": true, "flip": true, "insert": true}
)

// proxy stands between a sender and a receiver, and lets the fault happen on the
// first connection.
type proxy struct {
	address  string
	to       string
	fault    *fault
	listener net.Listener
	running  sync.WaitGroup
	ended    chan struct{} // a stall ends when the test does
	hit      bool
}

func newProxy(t *testing.T, to string, f *fault) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: l.Addr().String(), to: to, fault: f, listener: l, ended: make(chan struct{})}
	p.running.Go(p.accept)
	return p
}

// close ends what is left, and tells whether the fault came to pass.
func (p *proxy) close() (hit bool) {
	p.listener.Close()
	close(p.ended)
	p.running.Wait()
	return p.hit
}

func (p *proxy) accept() {
	for f := p.fault; ; f = nil {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			in.Close()
			continue
		}
		p.running.Go(func() { p.join(in.(*net.TCPConn), out.(*net.TCPConn), f) })
	}
}

// join moves bytes both ways until both directions have ended.
func (p *proxy) join(sender, receiver *net.TCPConn, f *fault) {
	there := &line{proxy: p, from: sender, to: receiver, at: -1}
	back := &line{proxy: p, from: receiver, to: sender, at: -1}
	if f != nil && f.toSender {
		back.fault = f
	} else {
		there.fault = f
	}
	var both sync.WaitGroup
	both.Go(there.run)
	both.Go(back.run)
	both.Wait()
	sender.Close()
	receiver.Close()
}

// line is one direction of a connection.
type line struct {
	proxy    *proxy
	fault    *fault // nil once it has happened
	from, to *net.TCPConn
	tail     []byte // what passed last: a marker may come in pieces
	at       int    // bytes from here to the fault, once its marker has passed
	skip     int    // bytes still to be dropped
	dribble  int    // bytes still to be sent one by one
	mute     bool
}

func (l *line) run() {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.from.Read(buf)
		if n > 0 && !l.pass(buf[:n]) {
			return
		}
		if err != nil {
			l.to.CloseWrite()
			if err != io.EOF {
				l.to.SetLinger(0)
				l.to.Close()
			}
			return
		}
	}
}

// pass forwards what came, up to the fault and what is left behind it; false
// ends the direction.
func (l *line) pass(p []byte) bool {
	if l.fault == nil {
		return l.send(p)
	}
	if l.at < 0 {
		l.look(p)
	}
	if l.at < 0 || l.at >= len(p) {
		if l.at >= 0 {
			l.at -= len(p)
		}
		return l.send(p)
	}
	before, after := p[:l.at], p[l.at:]
	f := l.fault
	l.fault, l.proxy.hit = nil, true
	return l.send(before) && l.happen(f, after)
}

// look finds the marker.
func (l *line) look(p []byte) {
	if l.fault.stage == "" {
		l.at = l.fault.offset
		return
	}
	seen := append(l.tail, p...)
	if k := bytes.Index(seen, []byte(l.fault.stage)); k >= 0 {
		l.at = max(0, k+len(l.fault.stage)-len(l.tail)) + l.fault.offset
		return
	}
	l.tail = append([]byte(nil), seen[max(0, len(seen)-len(l.fault.stage)):]...)
}

// happen does what the fault is.
func (l *line) happen(f *fault, p []byte) bool {
	some := 1 + f.rand.IntN(60)
	switch f.kind {
	case "reset":
		for _, c := range []*net.TCPConn{l.from, l.to} {
			c.SetLinger(0)
			c.Close()
		}
		return false
	case "truncate":
		l.from.Close()
		l.to.Close()
		return false
	case "half-close":
		l.to.CloseWrite()
		l.mute = true
		return true
	case "stall":
		<-l.proxy.ended
		return false
	case "dribble":
		l.dribble = 2000
	case "drop":
		l.skip = some
	case "duplicate":
		return l.send(p[:min(some, len(p))]) && l.send(p)
	case "flip":
		p[0] ^= 1 << f.rand.IntN(8)
	case "insert":
		noise := make([]byte, some)
		for i := range noise {
			noise[i] = byte(f.rand.Uint32())
		}
		return l.send(noise) && l.send(p)
	}
	return l.send(p)
}

func (l *line) send(p []byte) bool {
	if l.mute {
		return true
	}
	k := min(l.skip, len(p))
	l.skip -= k
	p = p[k:]
	for ; l.dribble > 0 && len(p) > 0; p = p[1:] {
		l.dribble--
		if _, err := l.to.Write(p[:1]); err != nil {
			return false
		}
		if l.dribble%100 == 0 {
			time.Sleep(time.Millisecond) // so that the pieces are seen apart
		}
	}
	if _, err := l.to.Write(p); err != nil {
		l.from.SetLinger(0) // who has gone is told so
		l.from.Close()
		return false
	}
	return true
}
