package replicator

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

const posted = "/a/c/o"

// post gives a node's copy new metadata, as a client's POST does.
func (c *cluster) post(i int) error {
	return storetest.Post(c.partition(i, 0), posted, storetest.Time(5), hashes.Field{Key: "X-Object-Meta-Color", Value: "red"})
}

// linkMeta does what is left of a Python server's POST once it has read the object: it
// links the .meta, and takes no lock for it.
func linkMeta(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, storetest.Time(5).Internal()+".meta")
	pickle := hashes.AppendMetadata(nil, hashes.Metadata{
		{Key: "X-Timestamp", Value: storetest.Time(5).Internal()}, {Key: "X-Object-Meta-Color", Value: "red"}, {Key: "name", Value: posted},
	})
	for _, err := range []error{
		os.WriteFile(path, nil, 0o600),
		unix.Setxattr(path, "user.swift.metadata", pickle, 0),
		unix.Setxattr(path, "user.swift.metadata_checksum", []byte(hashes.Checksum(pickle)), 0),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// red tells whether a node's copy has the metadata of the POST.
func (c *cluster) red(i int) bool { return strings.Contains(c.state(i, posted), "red") }

// postedIn is a handoff, node 0, with an object whose primary is node 1. once is called
// when the primary first looks for the object.
func postedIn(t *testing.T, once func(c *cluster)) *cluster {
	var c *cluster
	h := storetest.Hash(posted)
	dir, called := "objects/0/"+h.Suffix().String()+"/"+h.String(), false
	c = newCluster(t, 2, func(i int, cfg *dataplane.Config) {
		if i != 1 {
			return
		}
		cfg.Store = faultstest.Store(t, cfg.Store.Devices(), storetest.Hooks{OnBefore: func(op *store.Op) error {
			if op.Call == store.CallOpen && op.Path == dir && !called {
				called = true
				once(c)
			}
			return nil
		}})
	})
	c.place(only(1)...)
	c.put(posted, 1, "body", 0)
	return c
}

// A POST that comes before the handoff is offered goes to the primary with the object.
func TestPostedBefore(t *testing.T) {
	c := postedIn(t, func(*cluster) {})
	if err := c.post(0); err != nil {
		t.Fatal(err)
	}
	c.pass(0)
	if !c.red(1) {
		t.Error(c.state(1, posted))
	}
	c.gone(0)
}

// One that comes after the offer and before the object is sent is sent with it, and is
// proven under its own time.
func TestPostedBeforeItIsSent(t *testing.T) {
	c := postedIn(t, func(c *cluster) {
		if err := c.post(0); err != nil {
			t.Error(err)
		}
	})
	c.pass(0)
	if !c.red(1) {
		t.Error(c.state(1, posted))
	}
	c.gone(0)
}

// One that comes after the offer of an object that the primary has, so that nothing is
// sent: what is proven is the object without it, and so it stays, whole. The next pass
// brings the POST over.
func TestPostedAfterTheOffer(t *testing.T) {
	c := postedIn(t, func(c *cluster) {
		if err := c.post(0); err != nil {
			t.Error(err)
		}
	})
	c.put(posted, 1, "body", 1)
	if report := c.pass(0); report.Removed != 0 || !c.red(0) || c.red(1) {
		t.Errorf("%+v; here %s, there %s", report, c.state(0, posted), c.state(1, posted))
	}
	c.pass(0)
	if !c.red(1) {
		t.Error(c.state(1, posted))
	}
	c.gone(0)
}

// One between proof and removal likewise.
func TestPostedAfterTheProof(t *testing.T) {
	c := postedIn(t, func(*cluster) {})
	r := c.replicator(0)
	r.meanwhile = func(*job) {
		if err := c.post(0); err != nil {
			t.Error(err)
		}
	}
	if report, err := r.Once(t.Context()); err != nil || report.Removed != 0 || !c.red(0) || c.red(1) {
		t.Errorf("%+v, %v; here %s, there %s", report, err, c.state(0, posted), c.state(1, posted))
	}
	c.pass(0)
	if !c.red(1) {
		t.Error(c.state(1, posted))
	}
	c.gone(0)
}

// One that has read the object, and links its .meta when the .data has been looked at
// for the last time: that .meta stays, alone, and is no object. It is offered to nobody,
// keeps the partition's directory, and goes with it once it is as old as reclaim_age. If
// the body comes here again meanwhile, it is that one's metadata.
func TestPostedInTheMoment(t *testing.T) {
	c := postedIn(t, func(*cluster) {})
	n := c.nodes[0]
	sound := n.store
	moment := false
	n.store = faultstest.Store(t, n.devices, storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallUnlink && strings.HasSuffix(op.Path, ".data") && !moment {
			moment = true
			linkMeta(t, filepath.Join(n.devices, "d1", filepath.Dir(op.Path)))
		}
		return nil
	}})
	report := c.pass(0)
	if !moment || report.Removed != 1 || report.Handoffs != 1 || c.state(0, posted) != "nothing" || c.state(1, posted) == "nothing" || c.red(1) {
		t.Errorf("%+v; here %s, there %s", report, c.state(0, posted), c.state(1, posted))
	}
	n.store = sound
	if report := c.pass(0); report.Offered != 0 || report.Removed != 0 || report.Failure != 0 {
		t.Errorf("the next pass: %+v", report)
	}
	c.put(posted, 1, "body", 0)
	if !c.red(0) {
		t.Errorf("the body came again: %s", c.state(0, posted))
	}
	c.pass(0)
	if !c.red(1) {
		t.Errorf("and was pushed with it: %s", c.state(1, posted))
	}
	c.gone(0)
}

// What is left of such a POST goes when it is as old as reclaim_age.
func TestPostedAndReclaimed(t *testing.T) {
	c := postedIn(t, func(*cluster) {})
	c.pass(0)
	h := storetest.Hash(posted)
	dir := filepath.Join(c.nodes[0].devices, "d1/objects/0", h.Suffix().String(), h.String())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	linkMeta(t, dir)
	c.pass(0)
	if there, err := c.partition(0, 0).Exists(); !there || err != nil {
		t.Errorf("young metadata has gone: %v", err)
	}
	c.nodes[0].store = storetest.New(t, func(s *store.Config) { s.Devices = c.nodes[0].devices }) // a week
	c.pass(0)
	c.gone(0)
}

// One that comes afterwards finds nothing to post to, and makes nothing.
func TestPostedAfterwards(t *testing.T) {
	c := postedIn(t, func(*cluster) {})
	c.pass(0)
	if err := c.post(0); !errors.Is(err, store.ErrNotExist) {
		t.Error(err)
	}
	c.gone(0)
}
