package ssync_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// talk is one session of a receiver that a function plays.
type talk struct {
	conn  net.Conn
	head  string // of the request
	body  *bufio.Reader
	heard bytes.Buffer // of the body, de-chunked
}

// receiver plays the sessions that come, each by the next function. What a sender
// said, its head first, is heard when its session is over.
func receiver(t *testing.T, plays ...func(*talk)) (address string, heard <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done, said := make(chan struct{}), make(chan string, len(plays))
	go func() {
		defer close(done)
		for _, play := range plays {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			c := &talk{conn: conn}
			in := bufio.NewReader(conn)
			for !strings.HasSuffix(c.head, "\r\n\r\n") {
				line, err := in.ReadString('\n')
				if c.head += line; err != nil {
					break
				}
			}
			c.body = bufio.NewReader(io.TeeReader(&dechunked{in: in}, &c.heard))
			play(c)
			conn.Close()
			said <- c.head + c.heard.String()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String(), said
}

// until hears the sender up to a marker.
func (c *talk) until(marker string) {
	for {
		line, err := c.body.ReadString('\n')
		if err != nil || strings.HasSuffix(strings.TrimSpace(line), marker) { // a body needs no line end before it
			return
		}
	}
}

// accept sends the response head and the first line, which is blank.
func (c *talk) accept(headers, blank string) {
	io.WriteString(c.conn, "HTTP/1.1 200 OK\r\n"+headers+"Transfer-Encoding: chunked\r\n\r\n")
	c.say(blank)
}

func (c *talk) say(lines ...string) {
	for _, line := range lines {
		c.conn.Write(proto.AppendChunk(nil, []byte(line)))
	}
}

// wanting is a session that goes well, in which these lines are wanted.
func wanting(blank string, lines ...string) func(*talk) {
	return func(c *talk) {
		c.accept("", blank)
		c.until(":MISSING_CHECK: END")
		c.say(append(append([]string{start}, lines...), end, blank)...)
		c.until(":UPDATES: END")
		c.say(updStart, upd, blank)
		io.WriteString(c.conn, proto.LastChunk)
		io.Copy(io.Discard, c.body)
	}
}

// padding is what receivers up to 2.3 said in place of a bare line end.
var padding = strings.Repeat(" ", 4096) + "\r\n"

// century keeps tombstones of 2023 from being reclaimed.
const century = 100 * 365 * 24 * time.Hour

func as2013(_ *ssync.SenderConfig, j *ssync.Job) { j.Verb = ssync.REPLICATION }

// fill makes one object of each kind and returns what they are called on the wire.
func fill(t *testing.T) (p *store.Partition, hash func(name string) string) {
	t.Helper()
	p = storetest.Partition(t, storetest.New(t, func(c *store.Config) { c.ReclaimAge = century }))
	plain := hashes.Field{Key: "X-Object-Meta-Color", Value: "blue"}
	for _, err := range []error{
		storetest.Put(p, "/a/c/plain", storetest.Time(1), []byte("plain"), plain),
		storetest.Put(p, "/a/c/system", storetest.Time(1), []byte("system"), hashes.Field{Key: "X-Object-Sysmeta-A", Value: "b"}),
		storetest.Put(p, "/a/c/posted", storetest.Time(1), []byte("posted"), plain),
		storetest.Post(p, "/a/c/posted", storetest.Time(2)),
		storetest.Delete(p, "/a/c/deleted", storetest.Time(3)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return p, func(name string) string { return storetest.Hash("/a/c/" + name).String() }
}

// outcomes are what a result says of each object: "outcome data[ meta]".
func outcomes(r *ssync.Result) map[string]string {
	got := map[string]string{}
	r.Each(func(h proto.Hash, o ssync.Outcome, at store.Times) {
		text := o.String() + " " + at.Data.Internal()[9:10]
		if at.Meta != at.Data {
			text += " " + at.Meta.Internal()[9:10]
		}
		got[h.String()] = text
	})
	return got
}

// REPLICATION in the sender's seat, byte for byte: no header of later years, one
// time in an offer, bare hashes and padding in the answer, body and metadata in
// one PUT under the newer time. What is proven is what then lies there as here.
func TestReplicationSender(t *testing.T) {
	p, hash := fill(t)
	address, said := receiver(t, wanting(padding, hash("plain")+"\r\n", hash("posted")+"\r\n", hash("deleted")+"\r\n", hash("system")+"\r\n"))
	r := push(t, p, address, as2013)
	if r.Err != nil || r.Offered != 4 || r.Wanted != 4 || r.Sent != 4 || r.Proven != 2 || r.Unproven != 2 {
		t.Errorf("%+v", r)
	}
	want := map[string]string{
		hash("plain"): "sent 1", hash("deleted"): "sent 3",
		hash("posted"): "not proven 2", // held under the POST's time, where its body here is older
		hash("system"): "not proven 1", // perhaps without its system metadata
	}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
	head, dialogue, _ := strings.Cut(<-said, "\r\n\r\n")
	if want := "REPLICATION /d1/0 HTTP/1.1\r\nHost: " + address + "\r\nAccept-Encoding: identity\r\nTransfer-Encoding: chunked"; head != want {
		t.Errorf("head %q, want %q", head, want)
	}
	for _, want := range []string{
		"\r\n" + hash("plain") + " 1700000001.00000\r\n",
		"\r\n" + hash("posted") + " 1700000002.00000\r\n",
		"\r\n" + hash("deleted") + " 1700000003.00000\r\n",
		"PUT /a/c/plain\r\nContent-Length: 5\r\nContent-Type: application/octet-stream\r\nETag: " + hashes.Checksum([]byte("plain")) +
			"\r\nX-Object-Meta-Color: blue\r\nX-Timestamp: 1700000001.00000\r\n\r\nplain",
		"PUT /a/c/posted\r\nContent-Length: 6\r\nContent-Type: application/octet-stream\r\nETag: " + hashes.Checksum([]byte("posted")) +
			"\r\nX-Timestamp: 1700000002.00000\r\n\r\nposted",
		"DELETE /a/c/deleted\r\nX-Timestamp: 1700000003.00000\r\n\r\n",
	} {
		if !strings.Contains(dialogue, want) {
			t.Errorf("%q is not in %q", want, dialogue)
		}
	}
	if strings.Contains(dialogue, "POST") {
		t.Errorf("a POST was sent: %q", dialogue)
	}
}

// A newer content type goes along without its time, which nothing of 2013 knows.
func TestReplicationContentType(t *testing.T) {
	p, hash := fill(t)
	if err := storetest.Post(p, "/a/c/plain", storetest.Time(4), hashes.Field{Key: "Content-Type", Value: "text/html"},
		hashes.Field{Key: "Content-Type-Timestamp", Value: storetest.Time(4).Internal()}); err != nil {
		t.Fatal(err)
	}
	address, said := receiver(t, wanting("\r\n", hash("plain")+"\r\n"))
	r := push(t, p, address, as2013)
	if heard := <-said; r.Err != nil || !strings.Contains(heard, "Content-Type: text/html\r\n") || strings.Contains(heard, "Content-Type-Timestamp") {
		t.Errorf("%v: %q", r.Err, heard)
	}
}

// What has expired is left out, and nothing else: no receiver of that verb takes
// it.
func TestReplicationExpired(t *testing.T) {
	p, hash := fill(t)
	for name, at := range map[string]string{"expired": "1700000100", "expires": "4000000000"} {
		if err := storetest.Put(p, "/a/c/"+name, storetest.Time(1), []byte("x"), hashes.Field{Key: "X-Delete-At", Value: at}); err != nil {
			t.Fatal(err)
		}
	}
	address, said := receiver(t, wanting("\r\n", hash("expired")+"\r\n", hash("expires")+"\r\n"))
	r := push(t, p, address, as2013)
	if heard := <-said; r.Err != nil || r.NotSent != 1 || r.Sent != 1 || strings.Contains(heard, "/a/c/expired") || !strings.Contains(heard, "/a/c/expires") {
		t.Errorf("%+v: %q", r, heard)
	}
}

// What a receiver of REPLICATION does not want is not proven, also in the check
// that follows a session without an end: he may have an older body under a newer
// time than the one he was told.
func TestReplicationProvesLittle(t *testing.T) {
	p, hash := fill(t)
	address, _ := receiver(t, wanting("\r\n"))
	r := push(t, p, address, as2013)
	if r.Err != nil || r.Proven != 0 || r.Unproven != 4 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	address, said := receiver(t,
		func(c *talk) {
			c.accept("", padding)
			c.until(":MISSING_CHECK: END")
			c.say(start, hash("plain")+"\r\n", hash("posted")+"\r\n", end)
			c.until(":UPDATES: END")
		},
		func(c *talk) {
			c.accept("", padding)
			c.until(":MISSING_CHECK: END")
			c.say(start, hash("posted")+"\r\n", end)
			io.Copy(io.Discard, c.body)
		})
	r = push(t, p, address, as2013)
	if r.Err == nil || r.Sessions != 2 || r.Proven != 0 || r.Unproven != 3 || r.Failed != 1 {
		t.Errorf("%+v", r)
	}
	<-said
	if check := <-said; strings.Count(check, " 17000000") != 2 || strings.Contains(check, "UPDATES") {
		t.Errorf("the check offered %q", check)
	}
}

// A 2013 sender ends its body only after a session that went well; a modern one
// always.
func TestEndOfBody(t *testing.T) {
	p, _ := fill(t)
	for verb, ended := range map[ssync.Verb]bool{ssync.REPLICATION: false, ssync.SSYNC: true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				heard <- err.Error()
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			io.WriteString(conn, accepted+string(proto.AppendChunk(nil, []byte("OH HAI\r\n"))))
			all, _ := io.ReadAll(conn)
			heard <- string(all)
		}()
		r := push(t, p, l.Addr().String(), func(_ *ssync.SenderConfig, j *ssync.Job) { j.Verb = verb })
		if got := <-heard; r.Err == nil || strings.HasSuffix(got, "\r\n0\r\n\r\n") != ended {
			t.Errorf("%s: %v, heard %q", verb, r.Err, got)
		}
		l.Close()
	}
}

// An SSYNC that is answered by 405 is asked again as REPLICATION, if the sender
// may; whoever refuses that too gets nothing.
func TestFallBack(t *testing.T) {
	p, hash := fill(t)
	mayFall := func(c *ssync.SenderConfig, _ *ssync.Job) { c.FallBack = true }
	status := func(text string) func(*talk) {
		return func(c *talk) { io.WriteString(c.conn, "HTTP/1.1 "+text+"\r\nContent-Length: 0\r\n\r\n") }
	}
	address, said := receiver(t, status("405 Method Not Allowed"), wanting(padding, hash("plain")+"\r\n"))
	r := push(t, p, address, mayFall)
	<-said
	if heard := <-said; r.Err != nil || r.Sent != 1 || !strings.HasPrefix(heard, "REPLICATION /d1/0 ") {
		t.Errorf("%+v, heard %q", r, heard)
	}
	for _, test := range []struct {
		name  string
		plays []func(*talk)
		edit  func(*ssync.SenderConfig, *ssync.Job)
		want  string
	}{
		{"not asked for", []func(*talk){status("405 No")}, func(*ssync.SenderConfig, *ssync.Job) {}, "got 405"},
		{"refused twice", []func(*talk){status("405 No"), status("405 No")}, mayFall, "got 405"},
		{"another status", []func(*talk){status("507 No")}, mayFall, "got 507"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, _ := receiver(t, test.plays...)
			if r := push(t, p, address, test.edit); r.Err == nil || !strings.Contains(r.Err.Error(), test.want) || r.Sent != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A policy that the verb can't name is sent to nobody.
func TestReplicationPolicy(t *testing.T) {
	s := storetest.New(t)
	p := storetest.Device(t, s).Partition(s.Cluster().Policies[2], 0)
	if err := storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if r := push(t, p, "127.0.0.1:1", as2013); r.Err == nil || !strings.Contains(r.Err.Error(), "policy 2") {
		t.Errorf("%v", r.Err)
	}
}

// Receivers of 2.3 and 2.4 ask by the bare hash: for the body alone, since they
// have no POST. What they do not want they have compared by one time only.
func TestBareHashes(t *testing.T) {
	p, hash := fill(t)
	address, said := receiver(t, wanting(padding, hash("posted")+"\r\n", hash("deleted")+"\r\n"))
	r := push(t, p, address)
	if heard := <-said; r.Err != nil || r.Sent != 2 || strings.Contains(heard, "POST ") || !strings.Contains(heard, "PUT /a/c/posted") || !strings.Contains(heard, "X-Timestamp: 1700000001.00000") {
		t.Errorf("%+v: %q", r, heard)
	}
	want := map[string]string{hash("posted"): "not proven 1 2", hash("deleted"): "sent 3", hash("plain"): "not proven 1", hash("system"): "not proven 1"}
	if diff := cmp.Diff(want, outcomes(r)); diff != "" {
		t.Error(diff)
	}
}

// A receiver that names what it wants has compared the rest: all of it is proven,
// with or without the header by which one of 2.27 or later is known.
func TestFlagsProve(t *testing.T) {
	p, hash := fill(t)
	for _, headers := range []string{"", "X-Backend-Accept-No-Commit: True\r\n"} {
		address, _ := receiver(t, func(c *talk) {
			c.accept(headers, "\r\n")
			c.until(":MISSING_CHECK: END")
			c.say(start, hash("posted")+" d x\r\n"+hash("plain")+" md\r\n", end)
			c.until(":UPDATES: END")
			c.say(updStart, upd)
			io.WriteString(c.conn, proto.LastChunk)
			io.Copy(io.Discard, c.body)
		})
		r := push(t, p, address)
		want := map[string]string{hash("posted"): "sent 1 2", hash("deleted"): "in sync 3", hash("plain"): "sent 1", hash("system"): "in sync 1"}
		if diff := cmp.Diff(want, outcomes(r)); r.Err != nil || diff != "" {
			t.Errorf("%v: %s", r.Err, diff)
		}
	}
}

// What changes between its offer and its turn is proven as it was offered where
// it was not sent, and as it was sent where it was.
func TestProvenAsSent(t *testing.T) {
	for _, test := range []struct{ name, flags, want string }{
		{"the body was wanted", "d", "sent 1"}, // and the new metadata stays unproven
		{"metadata was wanted", "m", "sent 1 5"},
		{"both were wanted", "dm", "sent 1 5"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, hash := fill(t)
			address, _ := receiver(t, func(c *talk) {
				c.accept("", "\r\n")
				c.until(":MISSING_CHECK: END")
				if err := storetest.Post(p, "/a/c/plain", storetest.Time(5)); err != nil {
					t.Error(err)
				}
				c.say(start, hash("plain")+" "+test.flags+"\r\n", end)
				c.until(":UPDATES: END")
				c.say(updStart, upd)
				io.WriteString(c.conn, proto.LastChunk)
				io.Copy(io.Discard, c.body)
			})
			r := push(t, p, address)
			if got := outcomes(r)[hash("plain")]; r.Err != nil || got != test.want {
				t.Errorf("%v: %q, want %q", r.Err, got, test.want)
			}
		})
	}
}

// A receiver of 2.3 tells of failed checks inside its answer of 200.
func TestErrorInsteadOfStatus(t *testing.T) {
	p, _ := fill(t)
	address, _ := receiver(t, func(c *talk) {
		c.accept("", padding)
		c.say(":ERROR: 507 '<html><h1>Insufficient Storage</h1></html>'\n")
		io.Copy(io.Discard, c.body)
	})
	r := push(t, p, address)
	if r.Err == nil || !strings.Contains(r.Err.Error(), "507") || r.Proven+r.Unproven != 0 {
		t.Errorf("%+v", r)
	}
}
