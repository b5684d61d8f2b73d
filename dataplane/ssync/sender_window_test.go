package ssync_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// coldDisk is a witness to which no small body is in the page cache when it is
// first asked for, as on a disk from which nothing was read yet.
type coldDisk struct {
	mu     sync.Mutex
	asked  map[uint64]bool // open files that were read from
	opened map[string]int  // how often a .data was opened, by its hash
	warm   bool

	object  string        // a hash; its turn waits until it was fetched ahead
	fetched chan struct{} // closed then
	once    sync.Once
	before  func(op *store.Op, ahead bool) error // of its .data; may be nil
}

func (c *coldDisk) Before(op *store.Op) error {
	if hash := filepath.Base(op.Path); hash == c.object && c.updating() {
		<-c.fetched
	}
	if !strings.HasSuffix(op.Path, ".data") {
		return nil
	}
	hash := filepath.Base(filepath.Dir(op.Path))
	first, ahead := c.note(op, hash)
	if hash == c.object {
		var err error
		if c.before != nil {
			err = c.before(op, ahead)
		}
		if op.Call == store.CallGetxattr || op.Call == store.CallOpen && err != nil {
			c.once.Do(func() { close(c.fetched) })
		}
		if err != nil {
			return err
		}
	}
	if first && !c.warm && hash != storetest.Hash("/a/c/large").String() {
		return unix.EAGAIN
	}
	return nil
}

// note counts; first is the first read of an open file, ahead a call on the first
// that was opened.
func (c *coldDisk) note(op *store.Op, hash string) (first, ahead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op.Call == store.CallOpen {
		c.opened[hash]++
	}
	first = op.Call == store.CallRead && !c.asked[op.File]
	c.asked[op.File] = c.asked[op.File] || first
	return first, c.opened[hash] == 1
}

// updating: a check opens no .data.
func (c *coldDisk) updating() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.opened) > 0
}

func (c *coldDisk) After(*store.Op, error) {}

// patient waits for a receiver on a busy machine.
func patient(cfg *ssync.SenderConfig, _ *ssync.Job) {
	cfg.ConnTimeout, cfg.NodeTimeout, cfg.HTTPTimeout = time.Minute, time.Minute, time.Minute
}

// twice is how many files were opened ahead and at their turn.
func (c *coldDisk) twice() (n int) {
	for _, times := range c.opened {
		if times > 1 {
			n++
		}
	}
	return n
}

// windowed is a partition of 700 small objects, a large one, an empty one, one with
// new metadata and a tombstone, whose disk is c.
func windowed(t *testing.T, c *coldDisk) (p *store.Partition, devices string) {
	t.Helper()
	keep := func(cfg *store.Config) { cfg.ReclaimAge = 100 * 365 * 24 * time.Hour } // the tombstone
	plain := storetest.New(t, keep)
	q := storetest.Partition(t, plain)
	put := func(name string, body []byte) {
		if err := storetest.Put(q, name, storetest.Time(1), body); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 700 {
		put(fmt.Sprintf("/a/c/%d", i), bytes.Repeat([]byte{byte(i)}, i*37%5000+1))
	}
	put("/a/c/large", bytes.Repeat([]byte("large"), 100_000))
	put("/a/c/empty", nil)
	put("/a/c/o", []byte("posted"))
	if err := postAt(q, storetest.Time(2)); err != nil {
		t.Fatal(err)
	}
	if err := storetest.Delete(q, "/a/c/7", storetest.Time(3)); err != nil {
		t.Fatal(err)
	}
	c.asked, c.opened = map[uint64]bool{}, map[string]int{}
	watched := storetest.New(t, keep, func(cfg *store.Config) { cfg.Devices, cfg.Witness = plain.Devices(), c })
	return storetest.Partition(t, watched), plain.Devices()
}

// wantingAll is a receiver who wants all that p has.
func wantingAll(t *testing.T, p *store.Partition) *fake {
	t.Helper()
	return startFake(t, append(wantAll(t, p), "> :UPDATES: END", "< "+updStart, "< "+upd, "hear all"))
}

// wantAll is the beginning of a script that wants all that p has.
func wantAll(t *testing.T, p *store.Partition) []string {
	t.Helper()
	var wanted strings.Builder
	offered(t, p, func(o proto.Offer) {
		wanted.Write(proto.AppendWanted(nil, proto.Wanted{Hash: o.Hash, Data: true, Meta: true}))
	})
	return []string{accepted, "> :MISSING_CHECK: END", "< " + start, "< " + wanted.String(), "< " + end}
}

// The same bytes are sent, in the same order, whether the disk was cold, so that the
// window opened, or warm, so that it did not; with every engine.
func TestWindowSameWire(t *testing.T) {
	var first string
	for _, warm := range []bool{true, false} {
		eachEngine(t, 0, func(t *testing.T, use func(*ssync.SenderConfig, *ssync.Job)) {
			c := &coldDisk{warm: warm, fetched: make(chan struct{})}
			p, _ := windowed(t, c)
			if !warm {
				c.object = hundredth(t, p)
			}
			f := wantingAll(t, p)
			r := push(t, p, f.address, patient, use)
			if r.Err != nil || r.Sent != 703 || r.Proven != 703 || r.NotSent != 0 {
				t.Fatalf("%d sent, %d left out: %v", r.Sent, r.NotSent, r.Err)
			}
			if ahead := c.twice(); warm != (ahead == 0) {
				t.Errorf("%d files were opened ahead", ahead)
			}
			heard := <-f.heard
			if first == "" {
				first = heard
			}
			if heard != first {
				t.Errorf("%d bytes were sent, other than the %d of the first run", len(heard), len(first))
			}
		})
	}
}

// What fails ahead fails nobody: the object has its turn. What fails at its turn too
// is left out, alone, and a body that can't be read goes to quarantine.
func TestWindowFaults(t *testing.T) {
	for _, row := range []struct {
		name        string
		call        store.Call
		onlyAhead   bool
		left        int
		quarantined bool
	}{
		{"open ahead", store.CallOpen, true, 0, false},
		{"read ahead", store.CallRead, true, 0, false},
		{"open", store.CallOpen, false, 1, false},
		{"read", store.CallRead, false, 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := &coldDisk{fetched: make(chan struct{})}
			p, devices := windowed(t, c)
			var failed atomic.Int32
			c.object = hundredth(t, p)
			c.before = func(op *store.Op, ahead bool) error {
				if op.Call != row.call || row.onlyAhead && !ahead {
					return nil
				}
				failed.Add(1)
				return unix.EIO
			}
			r := push(t, p, wantingAll(t, p).address, patient)
			if r.Err != nil || r.NotSent != row.left || r.Sent != 703-row.left || failed.Load() == 0 {
				t.Errorf("%d sent, %d left out: %v; %d calls failed", r.Sent, r.NotSent, r.Err, failed.Load())
			}
			_, err := os.Stat(filepath.Join(devices, "d1/quarantined/objects", c.object))
			if (err == nil) != row.quarantined {
				t.Errorf("quarantined: %v", err == nil)
			}
		})
	}
}

// hundredth is the object that is offered as the hundredth: in the first batch.
func hundredth(t *testing.T, p *store.Partition) (hash string) {
	t.Helper()
	n := 0
	offered(t, p, func(o proto.Offer) {
		if n++; n == 100 {
			hash = o.Hash.String()
		}
	})
	return hash
}

// offered calls f with each offer of p, in order.
func offered(t *testing.T, p *store.Partition, f func(proto.Offer)) {
	t.Helper()
	suffixes, err := p.Suffixes()
	if err == nil {
		err = p.Offers(t.Context(), suffixes, func(o proto.Offer) error { f(o); return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// nameOf finds the name of one of the partition's objects.
func nameOf(hash string) string {
	for i := range 700 {
		if name := fmt.Sprintf("/a/c/%d", i); storetest.Hash(name).String() == hash {
			return name
		}
	}
	panic(hash + " is none of the many")
}

// An object that is overwritten after it was fetched ahead is sent as it is at its
// turn, and told with the times that were sent.
func TestWindowOverwritten(t *testing.T) {
	c := &coldDisk{fetched: make(chan struct{})}
	p, devices := windowed(t, c)
	c.object = hundredth(t, p)
	c.before = func(op *store.Op, ahead bool) error {
		if op.Call != store.CallGetxattr || !ahead {
			return nil
		}
		beside := storetest.Partition(t, storetest.New(t, func(cfg *store.Config) { cfg.Devices = devices }))
		return storetest.Put(beside, nameOf(c.object), storetest.Time(9), []byte("newer"))
	}
	f := wantingAll(t, p)
	r := push(t, p, f.address, patient)
	if r.Err != nil || r.Sent != 703 {
		t.Fatalf("%d sent, %d left out: %v", r.Sent, r.NotSent, r.Err)
	}
	r.Each(func(got proto.Hash, outcome ssync.Outcome, times store.Times) {
		if got.String() == c.object && (outcome != ssync.Sent || times.Data != storetest.Time(9)) {
			t.Errorf("%v as of %v", outcome, times)
		}
	})
	if heard := <-f.heard; !strings.Contains(heard, "newer") {
		t.Error("the new body was not sent")
	}
}

// A session that ends early leaves no one fetching behind, nor the rest of the
// window to be fetched.
func TestWindowEndsWithSession(t *testing.T) {
	c := &coldDisk{}
	p, _ := windowed(t, c)
	f := startFake(t, append(wantAll(t, p), "> :UPDATES: START", "< :ERROR: 0 'disk full'\n"), []string{accepted})
	r := push(t, p, f.address, patient)
	var remote *ssync.RemoteError
	if !errors.As(r.Err, &remote) {
		t.Errorf("%v", r.Err)
	}
}
