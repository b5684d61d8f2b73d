package dataplane_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// asked sends a REPLICATE and reads the answer.
func asked(t *testing.T, conn net.Conn, in *bufio.Reader, header string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, "REPLICATE /d1/0 HTTP/1.1\r\nHost: here\r\n"+header+"\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
	return answer
}

// A connection is kept for who asks for that, and only after REPLICATE; a node that is
// shut down closes it.
func TestKept(t *testing.T) {
	devices := storetest.Devices(t)
	node := faultstest.Start(t, faultstest.Store(t, devices, nil))
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", node.Address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn, bufio.NewReader(conn)
	}
	ended := func(in *bufio.Reader) {
		t.Helper()
		if _, err := in.ReadByte(); err != io.EOF {
			t.Errorf("the connection was not closed: %v", err)
		}
	}

	conn, in := dial()
	if answer := asked(t, conn, in, ""); !answer.Close {
		t.Error("who does not ask for it is told that the connection stays")
	}
	ended(in)

	conn, in = dial()
	for range 3 {
		if answer := asked(t, conn, in, "Connection: keep-alive\r\n"); answer.Close {
			t.Fatal("the connection does not stay")
		}
	}
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: here\r\nConnection: keep-alive\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := http.ReadResponse(in, nil); err != nil || !answer.Close {
		t.Errorf("OPTIONS: %v, %v", answer, err)
	}
	ended(in)

	conn, in = dial()
	asked(t, conn, in, "Connection: keep-alive\r\n")
	node.Stop()
	ended(in)
}
