package dataplane_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// python plays the object server behind a node, one function a connection.
func python(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

func behind(address string) func(*dataplane.Config) {
	return func(c *dataplane.Config) { c.ObjectServer = address }
}

// echo answers with all that it was sent, once that has ended.
func echo(conn net.Conn) {
	all, _ := io.ReadAll(conn)
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(all), all)
}

// What is not served here goes on as it came, byte for byte; what is, does not.
func TestPassedOn(t *testing.T) {
	address, _ := startNode(t, behind(python(t, echo)))
	for _, test := range []struct {
		name, request string
		passed        bool
	}{
		{"GET", "GET /d1/0/a/c/o HTTP/1.1\r\nhost: x\r\nX-odd_Case:  v \r\n\r\n", true},
		{"HEAD of 2013", "HEAD /d1/0/a/c/o HTTP/1.0\n\n", true},
		{"PUT", "PUT /d1/0/a/c/o HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", true},
		{"POST", "POST /d1/0/a/c/o HTTP/1.1\r\nContent-Length: 0\r\n\r\n", true},
		{"DELETE", "DELETE /d1/0/a/c/o HTTP/1.1\r\nX-Timestamp: 1\r\n\r\n", true},
		{"a verb of its own", "BONK /anything?at=all HTTP/1.1\r\n\r\n", true},
		{"two requests", "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", true},
		{"SSYNC, erasure coded", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 1\r\nX-Backend-Ssync-Frag-Index: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true},
		{"SSYNC, erasure coded, of nothing", "SSYNC /what HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 1\r\n\r\n", true},
		{"REPLICATION, erasure coded", "REPLICATION /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 1\r\n\r\n", true},
		{"REPLICATE, erasure coded", "REPLICATE /d1/0/abc HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 1\r\nContent-Length: 0\r\n\r\n", true},
		{"REPLICATE", "REPLICATE /d1/0 HTTP/1.1\r\n\r\n", false},
		{"SSYNC", "SSYNC /d1/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"SSYNC of no policy", "SSYNC /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 7\r\n\r\n", false},
		{"OPTIONS", "OPTIONS / HTTP/1.1\r\n\r\n", false},
		{"health", "GET /healthcheck HTTP/1.1\r\n\r\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := ask(t, address, test.request)
			if passed := strings.HasSuffix(answer, "\r\n\r\n"+test.request); passed != test.passed {
				t.Errorf("passed on: %t: %q", passed, answer)
			}
		})
	}
}

// Without an object server, or with one that is down, the answer misleads nobody:
// neither 200 nor 507.
func TestNotPassedOn(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, test := range []struct{ name, server, verb, ec string }{
		{"none", "", "HTTP/1.1 405 Method Not Allowed\r\n", "HTTP/1.1 503 Service Unavailable\r\n"},
		{"down", gone.Addr().String(), "HTTP/1.1 503 Service Unavailable\r\n", "HTTP/1.1 503 Service Unavailable\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, _ := startNode(t, behind(test.server))
			if got := ask(t, address, "DELETE /d1/0/a/c/o HTTP/1.1\r\n\r\n"); !strings.HasPrefix(got, test.verb) {
				t.Errorf("DELETE: %q", got)
			}
			if got := ask(t, address, "HEAD /d1/0/a/c/o HTTP/1.1\r\n\r\n"); !strings.HasPrefix(got, test.verb) || !strings.HasSuffix(got, "\r\n\r\n") {
				t.Errorf("HEAD, which has no body: %q", got)
			}
			for _, verb := range []string{"SSYNC", "REPLICATE"} {
				if got := ask(t, address, verb+" /d1/0 HTTP/1.1\r\nX-Backend-Storage-Policy-Index: 1\r\n\r\n"); !strings.HasPrefix(got, test.ec) {
					t.Errorf("%s, erasure coded: %q", verb, got)
				}
			}
			if test.server != "" {
				if got := ask(t, address, "GET /d1/0/a/c/o HTTP/1.1\r\n\r\n"); !strings.Contains(got, "object server behind this port can't be reached") || !strings.Contains(got, gone.Addr().String()) {
					t.Errorf("%q", got)
				}
			}
		})
	}
}

// A refusal is heard though its request has a large body that nobody wants.
func TestRefusedBody(t *testing.T) {
	address, _ := startNode(t)
	for range 5 { // what is lost by a reset depends on who is faster
		answer := ask(t, address, "PUT /d1/0/a/c/o HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n"+strings.Repeat("x", 5_000_000))
		if !strings.HasPrefix(answer, "HTTP/1.1 405 ") {
			t.Errorf("%q", answer)
		}
	}
}

// What an operator has to know at the start stands in the log, once for each.
func TestWarnedAtTheStart(t *testing.T) {
	for server, want := range map[string]int{"": 2, "127.0.0.1:6201": 0} {
		var log bytes.Buffer
		node, err := dataplane.New(dataplane.Config{Store: storetest.New(t), Log: slog.New(slog.NewTextHandler(&log, nil)), ObjectServer: server})
		if err != nil {
			t.Fatal(err)
		}
		if err := node.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if got := strings.Count(log.String(), "level=WARN"); got != want {
			t.Errorf("object server %q: %d warnings, want %d: %s", server, got, want, &log)
		}
	}
}

// A node that is its own object server would pass a request on for ever.
func TestOwnObjectServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // free now, and so to be had by the node
	address := l.Addr().String()
	for _, listen := range []string{address, strings.Replace(address, "127.0.0.1", "0.0.0.0", 1)} {
		node, err := dataplane.New(dataplane.Config{Store: storetest.New(t), Log: slog.New(slog.DiscardHandler), ObjectServer: address})
		if err != nil {
			t.Fatal(err)
		}
		l, err := node.Listen(t.Context(), listen)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Second, func() { l.Close() }) // a node that does serve
		if err := node.Serve(l); err == nil || !strings.Contains(err.Error(), "itself") {
			t.Errorf("listening on %s: %v", listen, err)
		}
		l.Close()
		if err := node.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// The two sides talk as if nobody stood between: 100 Continue before the body,
// several requests on a connection, many megabytes each way.
func TestJoined(t *testing.T) {
	body := make([]byte, 5<<20+123)
	rand.NewChaCha8([32]byte{1}).Read(body)
	address, _ := startNode(t, behind(python(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			var length int
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == "\r\n" {
					break
				}
				fmt.Sscanf(line, "Content-Length: %d", &length)
			}
			io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
			got := make([]byte, length)
			if _, err := io.ReadFull(in, got); err != nil {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n", length)
			conn.Write(got)
		}
	})))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
			t.Fatalf("%.200q, %v", got, err)
		}
	}
	for range 2 {
		fmt.Fprintf(conn, "PUT /d1/0/a/c/o HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", len(body))
		expect("HTTP/1.1 100 Continue\r\n\r\n")
		sent := make(chan error, 1)
		go func() { _, err := conn.Write(body); sent <- err }()
		expect(fmt.Sprintf("HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n", len(body)))
		expect(string(body))
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

// A server that answers and hangs up before it has heard everything is still
// heard, and the client learns of the end.
func TestServerEndsFirst(t *testing.T) {
	address, _ := startNode(t, behind(python(t, func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 100))
		io.WriteString(conn, "HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\n\r\n")
		conn.(*net.TCPConn).CloseWrite()
		io.CopyN(io.Discard, conn, 1<<10)
	})))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "PUT /d1/0/a/c/o HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n%s", strings.Repeat("x", 2000))
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 507 ") {
		t.Errorf("%q, %v", answer, err)
	}
}

// Silence on both sides ends a connection, and a word on either keeps it.
func TestIdle(t *testing.T) {
	const words = 30
	address, _ := startNode(t, behind(python(t, func(conn net.Conn) {
		conn.Read(make([]byte, 100))
		for range words { // for three times as long as silence may last
			time.Sleep(50 * time.Millisecond)
			io.WriteString(conn, ".")
		}
		conn.Read(make([]byte, 1)) // until it is cut
	})), func(c *dataplane.Config) { c.PassIdle = 500 * time.Millisecond })
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second)) // before the server's
	fmt.Fprint(conn, "GET /d1/0/a/c/o HTTP/1.1\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if string(answer) != strings.Repeat(".", words) || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v", answer, err)
	}
}

// The end of the node's patience ends what was passed on as well.
func TestShutdownCutsJoined(t *testing.T) {
	node, err := dataplane.New(dataplane.Config{Store: storetest.New(t), Log: slog.New(slog.DiscardHandler), ObjectServer: python(t, func(conn net.Conn) { io.Copy(conn, conn) })})
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "GET / HTTP/1.1\r\n\r\n")
	if _, err := io.ReadFull(conn, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- node.Shutdown(ctx) }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the node does not stop")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// A request that the object server could understand in another way than this node
// never gets there.
func TestNothingAmbiguousIsPassedOn(t *testing.T) {
	address, _ := startNode(t, behind(python(t, echo)))
	for _, headers := range []string{
		"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
		"Content-Length: 3\r\nContent-Length: 4\r\n",
		"Content-Length: 3, 3\r\n",
		"Content-Length: +3\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"Transfer-Encoding : chunked\r\n",
		"A: b\r\n Content-Length: 3\r\n",
		"A: b\rContent-Length: 3\r\n",
		"A\x00: b\r\n",
		"Content-Length\r\n",
	} {
		got := ask(t, address, "PUT /d1/0/a/c/o HTTP/1.1\r\n"+headers+"\r\n0\r\n\r\nDELETE /d1/0/a/c/o HTTP/1.1\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 400 ") || strings.Contains(got, "DELETE") {
			t.Errorf("%q: %q", headers, got)
		}
	}
}
