package interop_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// moment is when a session is interfered with.
type moment struct {
	name string
	said string // the receiver has said this, and the sender has not heard it yet
	sent int    // so many bytes have come from the sender, and more are to come
}

var (
	afterCheck = moment{name: "between check and update", said: ":MISSING_CHECK: END"}
	inTheBody  = moment{name: "while its body is sent", sent: 4 << 20}
)

// heldBytes is about what the connections of a meddler hold on their way, so that
// the receiver is in the midst of a body once inTheBody has come, and the sender
// of one of bodyBytes still is: some 4 MiB wait in the sender's own connection.
const (
	heldBytes = 256 << 10
	bodyBytes = 16 << 20
)

// meddler passes on what sender and receiver say to each other, and once, at its
// moment, holds back what was said until something else has been done.
type meddler struct {
	moment
	to    string
	do    func()
	once  sync.Once
	pumps sync.WaitGroup
}

// meddle returns the address to send to, and a function that tells whether the
// moment came.
func meddle(t *testing.T, to string, at moment, do func()) (address string, done func() bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var did atomic.Bool
	m := &meddler{moment: at, to: to, do: func() { did.Store(true); do() }}
	m.pumps.Go(func() { m.serve(l) })
	t.Cleanup(func() {
		l.Close()
		m.pumps.Wait()
	})
	return l.Addr().String(), did.Load
}

func (m *meddler) serve(l net.Listener) {
	for {
		sender, err := l.Accept()
		if err != nil {
			return
		}
		receiver, err := net.Dial("tcp", m.to)
		if err != nil {
			sender.Close()
			continue
		}
		sender.(*net.TCPConn).SetReadBuffer(heldBytes)
		receiver.(*net.TCPConn).SetWriteBuffer(heldBytes)
		late := time.AfterFunc(2*time.Minute, func() { sender.Close(); receiver.Close() })
		m.pumps.Go(func() {
			defer late.Stop()
			var both sync.WaitGroup
			both.Go(func() { m.pump(receiver, sender, m.moment.sent > 0) })
			both.Go(func() { m.pump(sender, receiver, m.moment.said != "") })
			both.Wait()
			sender.Close()
			receiver.Close()
		})
	}
}

// pump passes on one direction until its end. watched is the direction in which
// the moment comes.
func (m *meddler) pump(to, from net.Conn, watched bool) {
	defer to.(*net.TCPConn).CloseWrite()
	buf, total := make([]byte, 32<<10), 0
	var last []byte // of what came before, as much as the marker is long
	for {
		n, err := from.Read(buf)
		total += n
		last = append(last, buf[:n]...)
		if watched && (m.sent > 0 && total > m.sent || m.said != "" && bytes.Contains(last, []byte(m.said))) {
			m.once.Do(m.do)
		}
		last = last[max(0, len(last)-len(m.said)):]
		if _, failed := to.Write(buf[:n]); failed != nil {
			io.Copy(io.Discard, from) // the other side has gone, and this one will hear of it
			return
		}
		if err != nil {
			return
		}
	}
}
