package ssync_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// A session is given up once failures reach the threshold, unless there were as
// many successes as the ratio asks for; below that it goes on to its END line,
// and then says how many there were. Each letter is a subrequest: s succeeds, f
// is refused.
func TestFailureThreshold(t *testing.T) {
	for _, test := range []struct {
		subrequests string
		threshold   int
		ratio       float64
		done        int // subrequests that are carried out
		want        string
	}{
		{"ss", 3, 1, 2, updStart + upd},
		{"ff", 3, 1, 2, ":ERROR: 500 'ERROR: With :UPDATES: 2 failures to 0 successes'\n"},
		{"sff", 3, 1, 3, ":ERROR: 500 'ERROR: With :UPDATES: 2 failures to 1 successes'\n"},
		{"fff", 3, 1, 3, ":ERROR: 0 'Too many 3 failures to 0 successes'\n"},
		{"fffss", 3, 1, 3, ":ERROR: 0 'Too many 3 failures to 0 successes'\n"},
		{"ssfffs", 3, 1, 5, ":ERROR: 0 'Too many 3 failures to 2 successes'\n"},
		{"sssfff", 3, 1, 6, ":ERROR: 500 'ERROR: With :UPDATES: 3 failures to 3 successes'\n"},
		{"sssffff", 3, 1, 7, ":ERROR: 0 'Too many 4 failures to 3 successes'\n"},
		{"sffffff", 3, 5, 7, ":ERROR: 0 'Too many 6 failures to 1 successes'\n"},
		{"sfffff", 3, 5, 6, ":ERROR: 500 'ERROR: With :UPDATES: 5 failures to 1 successes'\n"},
		{"ssssff", 1, 0.25, 6, ":ERROR: 0 'Too many 2 failures to 4 successes'\n"},
		{strings.Repeat("f", 99), 0, 0, 99, ":ERROR: 500 'ERROR: With :UPDATES: 99 failures to 0 successes'\n"},
		{strings.Repeat("f", 101), 0, 0, 100, ":ERROR: 0 'Too many 100 failures to 0 successes'\n"},
		{strings.Repeat("s", 100) + strings.Repeat("f", 101), 0, 0, 201, ":ERROR: 0 'Too many 101 failures to 100 successes'\n"},
	} {
		t.Run(fmt.Sprintf("%d of %.8s of %d, %g", len(test.subrequests), test.subrequests, test.threshold, test.ratio), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := call(t, storetest.New(t), func(c *ssync.ReceiverConfig) {
					c.FailureThreshold, c.FailureRatio = test.threshold, test.ratio
				})
				names := make([]string, len(test.subrequests))
				for i := range names {
					names[i] = fmt.Sprintf("/a/c/%d", i)
				}
				c.checked(names...)
				for i, name := range names {
					if test.subrequests[i] == 'f' {
						c.say("PUT "+name+"\r\nContent-Length: 3\r\n\r\n", "abc") // without a time
					} else {
						c.say(putHead(name, ""), "abc")
					}
					synctest.Wait() // what was carried out is counted before the next one comes
				}
				c.say(upd)
				report, err := c.ended()
				if got := c.hears(); got != test.want || (err == nil) != (test.want == updStart+upd) {
					t.Errorf("%q, %v; want %q", got, err, test.want)
				}
				if done := report.Failures + report.Puts; done != test.done {
					t.Errorf("%d subrequests were carried out, want %d", done, test.done)
				}
			})
		})
	}
}

// A full disk, whichever call meets it, refuses the one object: the rest of its
// body is dropped, the objects behind it are stored, the sender learns that one
// failed, and nothing is held against the device. When there is room again, the
// object comes with the next session.
func TestDiskFull(t *testing.T) {
	const full, other = "/a/c/full", "/a/c/other"
	for _, call := range []store.Call{store.CallTemp, store.CallAllocate, store.CallWrite, store.CallSetxattr, store.CallSync, store.CallLink, store.CallMkdir} {
		for _, errno := range []unix.Errno{unix.ENOSPC, unix.EDQUOT} {
			t.Run(fmt.Sprintf("%s at %s", unix.ErrnoName(errno), call), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { diskFull(t, call, errno, full, other) })
			})
		}
	}
}

// diskFull lets a call fail while the body of the first object is dealt with.
func diskFull(t *testing.T, at store.Call, errno unix.Errno, full, other string) {
	isFull := false
	s := storetest.New(t, func(c *store.Config) {
		c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
			if isFull && op.Call == at {
				return errno
			}
			return nil
		}}
	})
	body := strings.Repeat("x", 3<<20) // large enough to be allocated beforehand, and written in pieces
	head := strings.Replace(putHead(full, ""), "Content-Length: 3\r", fmt.Sprintf("Content-Length: %d\r", len(body)), 1)

	c := call(t, s)
	c.checked(full, other)
	isFull = true
	c.say(head, body[:1<<20], body[1<<20:])
	synctest.Wait() // it has been refused
	isFull = false
	c.say(putHead(other, ""), "abc", upd)
	if _, err := c.ended(); err == nil {
		t.Error("the session went well")
	}
	if got := c.hears(); got != ":ERROR: 500 'ERROR: With :UPDATES: 1 failures to 1 successes'\n" {
		t.Errorf("%q", got)
	}
	p := storetest.Partition(t, s) // which a suspect device would not give
	for name, want := range map[string]string{full: "nothing", other: "data 1700000001.00000"} {
		if state := storetest.MustState(t, p, name); !strings.HasPrefix(state, want) {
			t.Errorf("%s: %s, want %s", name, state, want)
		}
	}
	if litter := storetest.Litter(t, s.Devices()+"/d1"); len(litter) > 0 {
		t.Errorf("left behind: %q", litter)
	}

	c = call(t, s)
	c.checked(full)
	c.say(head, body, upd)
	if _, err := c.ended(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if state := storetest.MustState(t, p, full); !strings.HasPrefix(state, "data 1700000001.00000") {
		t.Errorf("with room again: %s", state)
	}
}
