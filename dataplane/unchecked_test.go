package dataplane_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// marked counts the bodies of a device that bear the mark.
func marked(t *testing.T, p *store.Partition) (n int) {
	t.Helper()
	for name := range bodiesOf() {
		unchecked, err := storetest.IsUnchecked(p, name)
		if err != nil {
			t.Error(err)
		}
		if unchecked {
			n++
		}
	}
	return n
}

// beside is a node on devices that exist, which allows what is given.
func beside(t *testing.T, devices string, v ssync.Verify) string {
	t.Helper()
	address, _ := startNode(t, verifying(v), func(c *dataplane.Config) {
		c.Store = storetest.New(t, func(c *store.Config) { c.Devices = devices })
	})
	return address
}

// Bodies that came unchecked are held for another session that checks nothing, and
// wanted by one that does, whichever way: they come again, are checked, and take the
// place of those that were there. Then they are held, and proven.
func TestUncheckedIsAskedForAgain(t *testing.T) {
	for _, v := range []ssync.Verify{ssync.VerifyStored, ssync.VerifyMD5} {
		t.Run(string(v), func(t *testing.T) {
			p := filledWith(t, storetest.PutSummed)
			lax, devices := startNode(t, verifying(ssync.VerifyNone))
			if r := sendAll(t, p, lax, asks(ssync.VerifyNone)); r.Err != nil || r.Sent != 5 || r.Proven != 0 {
				t.Fatalf("%+v", r)
			}
			there := held(t, devices)
			if n := marked(t, there); n != 5 {
				t.Errorf("%d bodies are marked", n)
			}
			if r := sendAll(t, p, lax, asks(ssync.VerifyNone)); r.Err != nil || r.Sent != 0 || r.Unproven != 5 {
				t.Errorf("unchecked again: %+v", r)
			}
			strict := beside(t, devices, v)
			if r := sendAll(t, p, strict, asks(ssync.VerifyNone)); r.Err != nil || r.Sent != 5 || r.Proven != 5 || r.Verified.None != 0 {
				t.Errorf("checked: %+v", r)
			}
			if n := marked(t, there); n != 0 {
				t.Errorf("%d bodies are still marked", n)
			}
			samePartitions(t, p, there)
			if r := sendAll(t, p, strict); r.Err != nil || r.Sent != 0 || r.Proven != 5 {
				t.Errorf("once more: %+v", r)
			}
			if litter := storetest.Litter(t, devices+"/d1"); len(litter) > 0 {
				t.Error(litter)
			}
		})
	}
}

// What a copy is removed on the strength of: a body that was damaged on the way, where
// nobody looked, is not proven by a session that looks at what it sends, and there is
// the right one afterwards.
func TestDamagedUncheckedIsNotProven(t *testing.T) {
	p := filledWith(t, storetest.Put)
	lax, devices := startNode(t, verifying(ssync.VerifyNone))
	sendAll(t, p, lax, asks(ssync.VerifyNone))
	h := storetest.Hash("/a/c/larger")
	path := filepath.Join(devices, "d1/objects/0", h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteAt([]byte("damaged"), 1000)
	f.Close()
	r := sendAll(t, p, lax)
	if r.Err != nil || r.Sent != 5 || len(r.AppendProven(nil)) != 5 {
		t.Errorf("%+v", r)
	}
	samePartitions(t, p, held(t, devices)) // reads bodies, too
}

// A POST that came since stays, and only the body is asked for.
func TestUncheckedUnderMetadata(t *testing.T) {
	p := held(t, storetest.Devices(t))
	body := bodiesOf()["/a/c/large"]
	red := hashes.Field{Key: "X-Object-Meta-Color", Value: "red"}
	for _, err := range []error{storetest.Put(p, "/a/c/large", storetest.Time(1), body), storetest.Post(p, "/a/c/large", storetest.Time(2), red)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	lax, devices := startNode(t, verifying(ssync.VerifyNone))
	sendAll(t, p, lax, asks(ssync.VerifyNone))
	blue := hashes.Field{Key: "X-Object-Meta-Color", Value: "blue"}
	if err := storetest.Post(held(t, devices), "/a/c/large", storetest.Time(3), blue); err != nil {
		t.Fatal(err)
	}
	want := storetest.MustState(t, held(t, devices), "/a/c/large")
	for i, sent := range []int{1, 0} {
		r := sendAll(t, p, lax)
		if r.Err != nil || r.Sent != sent || r.Proven != 1 {
			t.Errorf("session %d: %+v", i, r)
		}
	}
	if got := storetest.MustState(t, held(t, devices), "/a/c/large"); got != want || marked(t, held(t, devices)) != 0 {
		t.Errorf("%s\nand before %s", got, want)
	}
}

// An object whose mark can't be written is refused, as on a full disk.
func TestUncheckedWithoutRoom(t *testing.T) {
	p := filledWith(t, storetest.Put)
	address, devices := startNode(t, verifying(ssync.VerifyNone), func(c *dataplane.Config) {
		c.Store = storetest.New(t, func(c *store.Config) {
			c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallSetxattr && op.To == hashes.UncheckedXattr {
					return unix.ENOSPC
				}
				return nil
			}}
		})
	})
	if r := sendAll(t, p, address, asks(ssync.VerifyNone)); r.Err == nil || r.Failed != 5 || r.Proven != 0 {
		t.Errorf("%+v", r)
	}
	for name := range bodiesOf() {
		if state := storetest.MustState(t, held(t, devices), name); state != "nothing" {
			t.Errorf("%s: %s", name, state)
		}
	}
}

// Sent on, a body that nobody has checked is held against its ETag: no digest was
// stored beside it. If it is not its ETag's, it is quarantined where it lies.
func TestUncheckedIsSentOn(t *testing.T) {
	p := filledWith(t, storetest.PutSummed)
	lax, devices := startNode(t, verifying(ssync.VerifyNone))
	sendAll(t, p, lax, asks(ssync.VerifyNone))
	next, last := startNode(t)
	if r := sendAll(t, held(t, devices), next); r.Err != nil || r.Proven != 5 || r.Verified != (ssync.Verified{MD5: 3, Small: 2}) {
		t.Errorf("%+v", r)
	}
	if n := marked(t, held(t, last)); n != 0 {
		t.Errorf("%d bodies are marked at the third", n)
	}
}

// The verb of 2013, which offers one time and is checked by MD5, asks again too.
func TestUncheckedIsAskedForIn2013(t *testing.T) {
	p := filledWith(t, storetest.Put)
	lax, devices := startNode(t, verifying(ssync.VerifyNone))
	sendAll(t, p, lax, asks(ssync.VerifyNone))
	r := sendAllBy(t, ssync.REPLICATION, p, lax)
	if r.Err != nil || r.Sent != 5 || marked(t, held(t, devices)) != 0 {
		t.Errorf("%+v", r)
	}
}
