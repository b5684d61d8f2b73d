package ssync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

func links(op *store.Op) bool { return op.Call == store.CallLink }

// While the last commits are under way the sender hears a blank line for each
// five seconds in which something became durable; while nothing does, he hears
// nothing, so that a hung disk ends by his own timeout.
func TestKeepAliveWhileCommitting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newGate(links)
		c := call(t, storetest.New(t, disk.config))
		c.checked("/a/c/1", "/a/c/2", "/a/c/3")
		c.say(putHead("/a/c/1", ""), "abc")
		synctest.Wait() // the first one's commit is held; the others will be a group
		c.say(putHead("/a/c/2", ""), "abc", putHead("/a/c/3", ""), "abc", upd)

		if got := c.after(time.Hour); got != "" {
			t.Errorf("nothing became durable, and the sender heard %.200q", got)
		}
		disk.let(1)
		if got := c.after(time.Minute); got != "\r\n" {
			t.Errorf("after the first commit: %.200q, want one blank line", got)
		}
		disk.let(1)
		if got := c.after(time.Minute); got != "" {
			t.Errorf("one link of a group is no progress: %q", got)
		}
		disk.let(1)
		if got := c.hears(); got != updStart+upd {
			t.Errorf("after the last commit: %.200q", got)
		}
		if report, err := c.ended(); err != nil || report.Puts != 3 || report.Failures != 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// The same while offers are compared: one line in five seconds, however many
// objects were checked in them.
func TestKeepAliveWhileChecking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newGate(func(op *store.Op) bool {
			return op.Call == store.CallOpen && len(path.Base(op.Path)) == 32
		})
		c := call(t, storetest.New(t, disk.config))
		c.say(start)
		const objects = 20
		for i := range objects {
			c.say(offerLine(fmt.Sprintf("/a/c/%d", i)))
		}
		c.say(end)
		if got := c.after(time.Hour); got != "\r\n" { // the blank line that follows the head
			t.Errorf("nothing was checked, and the sender heard %.200q", got)
		}
		heard := ""
		for range objects {
			disk.let(1)
			heard += c.after(time.Second)
		}
		answer := strings.Index(heard, start)
		if answer < 0 || heard[:answer] != strings.Repeat("\r\n", objects/5-1) {
			t.Errorf("in %d seconds: %.200q", objects, heard)
		}
	})
}

// Before his END line the sender hears nothing, whatever moves: he may not be
// listening yet.
func TestKeepAliveOnlyAfterEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := call(t, storetest.New(t))
		c.say(start)
		names := make([]string, 1000) // more than a batch of the check: some are compared as they come
		for i := range names {
			names[i] = fmt.Sprintf("/a/c/%d", i)
			c.say(offerLine(names[i]))
		}
		if got := c.after(59 * time.Second); got != "\r\n" {
			t.Errorf("among the offers: %q", got)
		}
		c.say(end)
		if got := c.hears(); strings.Count(got, " dm") != len(names) {
			t.Fatalf("%d wanted", strings.Count(got, " dm"))
		}
		c.say(updStart)
		for _, name := range names[:3] {
			c.say(putHead(name, ""), "abc")
			if got := c.after(59 * time.Second); got != "" {
				t.Errorf("among the updates: %q", got)
			}
		}
		c.say(upd)
		if got := c.hears(); got != updStart+upd {
			t.Errorf("%q", got)
		}
	})
}

// waits are the four places in which a sender waits for the receiver, each with
// what the receiver says before and what he says at last.
func waits(hash string) []struct{ name, said string } {
	return []struct{ name, said string }{
		{"missing_check start", start},
		{"missing_check line", hash + " d\r\n" + end},
		{"updates start", updStart},
		{"updates line", upd},
	}
}

// slow is a receiver that says a blank line before each 60 seconds are over,
// again and again, and only then what is waited for. In the wait that is named
// by silent he says nothing more.
func slow(t *testing.T, hash, silent string) func(context.Context, string) (net.Conn, error) {
	var receivers sync.WaitGroup
	t.Cleanup(receivers.Wait)
	return func(context.Context, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		marks := make(chan string, 16)
		receivers.Go(func() {
			defer close(marks)
			hear(theirs, marks)
		})
		receivers.Go(func() {
			defer theirs.Close()
			say := func(text string) { theirs.Write(proto.AppendChunk(nil, []byte(text))) }
			io.WriteString(theirs, accepted)
			for _, wait := range waits(hash) {
				if wait.name == "missing_check start" || wait.name == "updates start" {
					<-marks
				}
				for range 5 {
					time.Sleep(59 * time.Second)
					say("\r\n")
				}
				if wait.name == silent {
					break
				}
				say(wait.said)
			}
			for range marks { // until the sender hangs up
			}
		})
		return ours, nil
	}
}

// hear reads the sender's stream and tells of its END lines.
func hear(conn net.Conn, marks chan<- string) {
	buf, seen := make([]byte, 64<<10), ""
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		seen += string(buf[:n])
		for _, mark := range []string{end, upd} {
			if _, rest, found := strings.Cut(seen, mark); found {
				seen = rest
				marks <- mark
			}
		}
	}
}

// A sender outlives any wait in which blank lines come, each of which starts it
// anew; in silence he waits as long as he said he would.
func TestSenderOutlivesKeepAlives(t *testing.T) {
	hash := storetest.Hash("/a/c/o").String()
	for _, silent := range append(waits(hash), struct{ name, said string }{name: "none"}) {
		t.Run("silence in "+silent.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := source(t, []byte("body"))
				begun := time.Now()
				r := push(t, p, "receiver:6200", func(c *ssync.SenderConfig, j *ssync.Job) {
					c.HTTPTimeout, c.NodeTimeout = 0, 0 // the defaults: 60 s and 10 s
					c.Dialer = slow(t, hash, silent.name)
				})
				var timeout *ssync.TimeoutError
				switch {
				case silent.name == "none" && (r.Err != nil || r.Proven != 1 || time.Since(begun) != 4*5*59*time.Second):
					t.Errorf("%d proven after %v: %v", r.Proven, time.Since(begun), r.Err)
				case silent.name != "none" && (!errors.As(r.Err, &timeout) || timeout.Wait != silent.name || timeout.After != time.Minute):
					t.Errorf("%v, want a timeout of %s", r.Err, silent.name)
				}
			})
		})
	}
}
