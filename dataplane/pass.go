package dataplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/hashes"
)

const (
	// dialTimeout is for a listener on this very machine: longer means that its
	// queue is full.
	dialTimeout = 5 * time.Second

	// defaultPassIdle is longer than any wait between Swift's daemons, of which
	// http_timeout, 60 s, is the longest: it ends what both ends have forgotten.
	defaultPassIdle = 10 * time.Minute

	// passPiece is how much goes through between two looks at the clock.
	passPiece = 1 << 20
)

// pass hands a request, as it came, to the Python object server, and joins the two
// connections. Nothing is added to the head, not even "Connection: close": then
// Expect, keep-alive and whatever else the two have agreed on work as if nobody
// stood between them. What follows on the connection goes to Python too, an SSYNC
// as well: it is served there in the same way, under the same locks, only slower.
// Swift's daemons open a connection for each request, so that it does not happen.
func (n *Node) pass(r *request) {
	log := n.cfg.Log.With("peer", r.conn.RemoteAddr().String(), "method", r.Method, "object_server", n.cfg.ObjectServer)
	dialer := net.Dialer{Timeout: dialTimeout}
	server, err := dialer.DialContext(n.ctx, "tcp", n.cfg.ObjectServer)
	if err != nil {
		log.Warn("request not passed on", "error", err)
		refuse(http.StatusServiceUnavailable, "The object server behind this port can't be reached: %v", err).reply(r)
		return
	}
	j := &join{ctx: n.ctx, client: r.conn, server: server, idle: n.cfg.PassIdle}
	sent, answered, err := j.run(r.raw)
	log.Debug("request passed on", "bytes_sent", sent, "bytes_answered", answered, "error", err)
}

// join is two connections that are one.
type join struct {
	ctx            context.Context // its end cuts them
	client, server net.Conn
	idle           time.Duration // silence on both sides after which they are cut
	moved          atomic.Int64  // bytes, either way
}

// run sends ahead to the server, then whatever comes, both ways, and leaves both
// closed. A client's end is carried over as one: he may half-close and still be
// answered. The server's end is the end: it hears nothing any more, and the client
// has a moment to leave by himself.
func (j *join) run(ahead []byte) (sent, answered int64, err error) {
	stop := context.AfterFunc(j.ctx, j.cut)
	defer stop()
	j.server.SetWriteDeadline(time.Now().Add(j.idle))
	if _, err := j.server.Write(ahead); err != nil {
		j.cut()
		return 0, 0, err
	}
	up := make(chan struct{})
	go func() {
		defer close(up)
		sent = j.toServer()
	}()
	answered, err = j.carry(j.client, j.server)
	if err == nil {
		select {
		case <-up:
		case <-time.After(lingerFor):
		}
	}
	j.cut()
	<-up
	return sent + int64(len(ahead)), answered, err
}

// toServer carries what the client sends. A server that takes no more of it may
// yet have said why: then the rest is dropped until the answer has gone out.
func (j *join) toServer() (sent int64) {
	sent, err := j.carry(j.server, j.client)
	if err != nil {
		j.client.SetReadDeadline(time.Now().Add(j.idle))
		if _, err := io.Copy(io.Discard, j.client); err != nil {
			j.cut()
		}
	}
	return sent
}

// carry moves one direction to its end. Between two TCP connections io.Copy lets
// the kernel move the bytes: splice(2). Silence is measured in halves, and what the
// other direction moves counts with the end of its own half: so nothing may have
// moved for two of them.
func (j *join) carry(to, from net.Conn) (total int64, err error) {
	quiet := 0
	for {
		before := j.moved.Load()
		n, err := j.piece(to, from)
		total += n
		switch {
		case err == io.EOF:
			closeWrite(to)
			return total, nil
		case err != nil && err != errQuiet:
			return total, err
		case j.moved.Load() != before:
			quiet = 0
		default:
			if quiet++; quiet == 2 {
				return total, errQuiet
			}
		}
	}
}

var errQuiet = errors.New("silence on both sides")

// closeWrite carries an end over; it is no matter if the other has gone first.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// piece moves up to a megabyte; io.EOF when from has ended, errQuiet when it has
// waited long enough. A write that waits is an error, since what it had in hand is
// lost. io.Copy does not say which of the two it was: so a write gets twice the
// time, and may begin as late as a read gives up.
func (j *join) piece(to, from net.Conn) (int64, error) {
	begun := time.Now()
	from.SetReadDeadline(begun.Add(j.idle / 2))
	to.SetWriteDeadline(begun.Add(j.idle))
	if j.ctx.Err() != nil {
		return 0, context.Cause(j.ctx)
	}
	n, err := io.Copy(to, io.LimitReader(from, passPiece))
	j.moved.Add(n)
	switch {
	case err == nil && n < passPiece:
		return n, io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded) && time.Since(begun) < j.idle:
		return n, errQuiet
	}
	return n, err
}

// cut ends both connections, whatever they are at.
func (j *join) cut() {
	j.client.Close()
	j.server.Close()
}

// warnUnserved says what this node will refuse for want of an object server.
func (c *Config) warnUnserved() {
	if c.ObjectServer != "" {
		return
	}
	c.Log.Warn("no object server to pass requests on to: the DELETEs of object-expirer and container-reconciler, and the GETs of object-reconstructor, are answered 405 on this address")
	for _, p := range c.Store.Cluster().Policies {
		if p.Kind != hashes.Replication {
			c.Log.Warn("no object server to pass requests on to: an erasure-coded policy's are answered 503", "policy", p.Index, "name", p.Name)
		}
	}
}

// checkObjectServer refuses an object server that is this node itself: a request
// passed on would come back for ever.
func checkObjectServer(listen net.Addr, objectServer string) error {
	here, ok := listen.(*net.TCPAddr)
	if objectServer == "" || !ok {
		return nil
	}
	there, err := net.ResolveTCPAddr("tcp", objectServer)
	if err != nil {
		return fmt.Errorf("object server %q: %w", objectServer, err)
	}
	if there.Port == here.Port && (here.IP.IsUnspecified() || here.IP.Equal(there.IP)) {
		return fmt.Errorf("object server %q: that is where this node itself listens (%s)", objectServer, here)
	}
	return nil
}
