package ssync_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// A sender who says a byte now and then, always before his deadline, is sent away
// after ten of them, wherever in the dialogue he is, and the partition is free.
func TestDribblingSender(t *testing.T) {
	for name, prologue := range map[string]func(c *caller){
		"in the head of a chunk": func(c *caller) { c.say(start) },
		"in an offer":            func(c *caller) { c.say(start); io.WriteString(c.conn, "400\r\n") },
		"in a body": func(c *caller) {
			c.checked("/a/c/o")
			c.say(strings.Replace(putHead("/a/c/o", ""), "Length: 3", "Length: 1000", 1))
			io.WriteString(c.conn, "400\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				c := call(t, s)
				prologue(c)
				c.hears()
				began := time.Now()
				for {
					time.Sleep(50 * time.Second)
					if _, err := io.WriteString(c.conn, "0"); err != nil {
						break
					}
				}
				var timeout *ssync.TimeoutError
				if <-c.done; !errors.As(c.err, &timeout) || !strings.Contains(c.err.Error(), "600.0 seconds: ") {
					t.Errorf("%v", c.err)
				}
				if heard := c.hears(); !strings.Contains(heard, ":ERROR: 408 '600.0 seconds: ") || !strings.Contains(heard, "fewer than 1024 bytes") {
					t.Errorf("he hears %q", heard)
				}
				if took := time.Since(began); took < 10*time.Minute || took > 12*time.Minute {
					t.Errorf("after %v", took)
				}
				storetest.LocksFree(t, s.Devices()+"/d1")
			})
		})
	}
}

// Slow is a sender who needs half a minute for each of his objects, all day long,
// and he is served; nor is it his fault if this node's disk takes an hour.
func TestSlowSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newGate(func(op *store.Op) bool { return op.Call == store.CallTemp })
		c := call(t, storetest.New(t, disk.config))
		const objects = 100
		var names []string
		for i := range objects {
			names = append(names, fmt.Sprintf("/a/c/%d", i))
		}
		c.say(start)
		for _, name := range names {
			time.Sleep(30 * time.Second)
			c.say(offerLine(name))
		}
		c.say(end, updStart)
		for _, name := range names {
			go c.say(putHead(name, ""), "abc")
			time.Sleep(time.Hour)
			disk.let(1)
			synctest.Wait()
		}
		c.say(upd)
		if report, err := c.ended(); err != nil || report.Puts != objects || report.Failures != 0 {
			t.Errorf("%+v, %v", report, err)
		}
	})
}
