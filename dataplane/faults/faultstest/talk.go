package faultstest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Talk is a session spoken by hand, step by step.
type Talk struct {
	tb   testing.TB
	Conn net.Conn
	in   *bufio.Reader
}

// Call begins a session with a device's partition 0.
func Call(tb testing.TB, address, device string) *Talk {
	tb.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "SSYNC /%s/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", device)
	return &Talk{tb: tb, Conn: conn, in: bufio.NewReader(conn)}
}

// Say sends a chunk.
func (c *Talk) Say(text string) { c.Conn.Write(proto.AppendChunk(nil, []byte(text))) }

// Offer makes the whole check about some names, of time 1.
func (c *Talk) Offer(names ...string) {
	c.tb.Helper()
	text := proto.MissingCheckStart + "\r\n"
	for _, name := range names {
		text += storetest.Hash(name).String() + " " + storetest.Time(1).Internal() + "\r\n"
	}
	c.Say(text + proto.MissingCheckEnd + "\r\n")
	if said := c.Hear(proto.MissingCheckEnd); !strings.Contains(said, proto.MissingCheckEnd) {
		c.tb.Fatalf("%q, and no answer to the check", said)
	}
}

// Put is a PUT of time 1.
func Put(name, body string) string {
	return fmt.Sprintf("PUT %s\r\nContent-Length: %d\r\nContent-Type: t\r\nETag: %s\r\nX-Timestamp: %s\r\n\r\n%s",
		name, len(body), hashes.Checksum([]byte(body)), storetest.Time(1).Internal(), body)
}

// Updates sends all of the updates.
func (c *Talk) Updates(subrequests ...string) {
	c.Say(proto.UpdatesStart + "\r\n" + strings.Join(subrequests, "") + proto.UpdatesEnd + "\r\n")
}

// Hear returns what comes up to a line that holds a word, an error line, or the
// end of the session.
func (c *Talk) Hear(word string) (said string) {
	for {
		line, err := c.in.ReadString('\n')
		if said += line; err != nil || strings.Contains(line, word) || strings.Contains(line, ":ERROR:") {
			return said
		}
	}
}

// Bye ends the session in order.
func (c *Talk) Bye() {
	io.WriteString(c.Conn, proto.LastChunk)
	c.Conn.Close()
}
