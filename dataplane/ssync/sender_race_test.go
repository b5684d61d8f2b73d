package ssync_test

import (
	"context"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// postAt gives /a/c/o metadata.
func postAt(p *store.Partition, ts proto.Timestamp) error {
	w, err := p.Post(storetest.Hash("/a/c/o"), "/a/c/o", ts, hashes.Metadata{{Key: "X-Timestamp", Value: ts.Internal()}})
	if err != nil {
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// changing lets change happen between an object's offer and its update: when its
// directory is opened for the second time.
func changing(t *testing.T, devices *string, change func(*store.Partition) error) store.Witness {
	dir, opened := storetest.Hash("/a/c/o").String(), 0
	return storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call != store.CallOpen || !strings.HasSuffix(op.Path, dir) {
			return nil
		}
		if opened++; opened == 2 {
			beside := storetest.Partition(t, storetest.New(t, func(c *store.Config) { c.Devices = *devices }))
			if err := change(beside); err != nil {
				t.Error(err)
			}
		}
		return nil
	}}
}

// What changed between offer and update is proven only as far as the receiver has
// it: somebody may remove the local copy on the strength of that.
func TestProofOfAChangedObject(t *testing.T) {
	at := storetest.Time
	plain := store.Times{Data: at(1), Meta: at(1), CType: at(1)}
	for _, row := range []struct {
		name    string
		posted  bool // at 2, before the offer
		want    string
		change  func(*store.Partition) error
		sent    string // the verbs
		outcome ssync.Outcome
		times   store.Times
	}{
		{"nothing", true, "dm", nil, "PUT POST", ssync.Sent, store.Times{Data: at(1), Meta: at(2), CType: at(1)}},
		{"posted, metadata not wanted", false, "d", func(p *store.Partition) error { return postAt(p, at(3)) }, "PUT", ssync.Sent, plain},
		{"posted anew, metadata not wanted", true, "d", func(p *store.Partition) error { return postAt(p, at(3)) }, "PUT", ssync.Sent, store.Times{Data: at(1), Meta: at(2), CType: at(1)}},
		{"posted anew, metadata wanted", true, "m", func(p *store.Partition) error { return postAt(p, at(3)) }, "POST", ssync.Sent, store.Times{Data: at(1), Meta: at(3), CType: at(1)}},
		{"overwritten, metadata wanted", true, "m", func(p *store.Partition) error { return storetest.Put(p, "/a/c/o", at(4), []byte("new")) }, "", ssync.NotSent, store.Times{Data: at(1), Meta: at(2), CType: at(1)}},
		{"overwritten and posted, metadata wanted", true, "m", func(p *store.Partition) error {
			if err := storetest.Put(p, "/a/c/o", at(4), []byte("new")); err != nil {
				return err
			}
			return postAt(p, at(5))
		}, "", ssync.NotSent, store.Times{Data: at(1), Meta: at(2), CType: at(1)}},
		{"overwritten, body wanted", true, "dm", func(p *store.Partition) error { return storetest.Put(p, "/a/c/o", at(4), []byte("new")) }, "PUT", ssync.Sent, store.Times{Data: at(4), Meta: at(4), CType: at(4)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var devices string
			change := row.change
			if change == nil {
				change = func(*store.Partition) error { return nil }
			}
			s := storetest.New(t, func(c *store.Config) { devices, c.Witness = c.Devices, changing(t, &devices, change) })
			p := storetest.Partition(t, s)
			beside := storetest.Partition(t, storetest.New(t, func(c *store.Config) { c.Devices = devices }))
			if err := storetest.Put(beside, "/a/c/o", at(1), []byte("body")); err != nil {
				t.Fatal(err)
			}
			if row.posted {
				if err := postAt(beside, at(2)); err != nil {
					t.Fatal(err)
				}
			}
			f := startFake(t, []string{accepted, "> :MISSING_CHECK: END", "< :MISSING_CHECK: START\r\n" + storetest.Hash("/a/c/o").String() + " " + row.want + "\r\n:MISSING_CHECK: END\r\n",
				"> :UPDATES: END", "< :UPDATES: START\r\n:UPDATES: END\r\n", "0\r\n\r\n"})
			r := push(t, p, f.address)
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if got := verbs(<-f.heard); got != row.sent {
				t.Errorf("sent %q, want %q", got, row.sent)
			}
			r.Each(func(_ proto.Hash, outcome ssync.Outcome, times store.Times) {
				if outcome != row.outcome || times != row.times {
					t.Errorf("%s with %v, want %s with %v", outcome, times, row.outcome, row.times)
				}
			})
		})
	}
}

// verbs are those of the subrequests in what a sender said.
func verbs(heard string) string {
	var found []string
	for line := range strings.Lines(heard) {
		if i := strings.Index(line, " /a/c/o"); i >= 0 {
			for _, verb := range []string{"PUT", "POST", "DELETE"} {
				if strings.HasSuffix(line[:i], verb) {
					found = append(found, verb)
				}
			}
		}
	}
	return strings.Join(found, " ")
}
