package ssync_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// coldLarge is a coldDisk on which only the first body is found to be cold, as the
// sender asks before he sends it.
type coldLarge struct {
	coldDisk
	allWarm bool
	found   sync.Once
}

func (c *coldLarge) Before(op *store.Op) (err error) {
	if !c.allWarm && op.Call == store.CallRead {
		c.found.Do(func() { err = unix.EAGAIN })
	}
	return errors.Join(err, c.coldDisk.Before(op))
}

const largeBodies = 30

// largeName and largeBody are of the i-th: 100 kB to 1.5 MB, with -short three of them
// more than 100 kB.
func largeName(i int) string { return fmt.Sprintf("/a/c/%d", i) }
func largeBody(i int) []byte {
	if testing.Short() && i%10 != 9 {
		return bytes.Repeat([]byte{byte(i)}, 100_000+i)
	}
	return bytes.Repeat([]byte{byte(i)}, 100_000+i*50_000)
}

// withLarge is a partition of large objects on the disk c, whose eighth is c's object,
// and its store's devices. plain is the same without c.
func withLarge(t *testing.T, c *coldLarge) (p, plain *store.Partition, devices string) {
	t.Helper()
	keep := func(cfg *store.Config) { cfg.ReclaimAge = 100 * 365 * 24 * time.Hour } // a tombstone
	s := storetest.New(t, keep)
	plain = storetest.Partition(t, s)
	for i := range largeBodies {
		if err := storetest.Put(plain, largeName(i), storetest.Time(1), largeBody(i)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	offered(t, plain, func(o proto.Offer) {
		if n++; n == 8 && !c.allWarm {
			c.object = o.Hash.String()
		}
	})
	c.warm, c.fetched = true, make(chan struct{}) // the coldDisk finds nothing cold by itself
	c.asked, c.opened = map[uint64]bool{}, map[string]int{}
	watched := storetest.New(t, keep, func(cfg *store.Config) { cfg.Devices, cfg.Witness = s.Devices(), c })
	return storetest.Partition(t, watched), plain, s.Devices()
}

// eachEngine runs f with a sender's engine, which reads bodies of directFrom bytes past
// the page cache (0: its default), and finds its buffers and lanes back.
func eachEngine(t *testing.T, directFrom int64, f func(t *testing.T, use func(*ssync.SenderConfig, *ssync.Job))) {
	for _, name := range []string{"portable", "sendfile", "uring"} {
		t.Run(name, func(t *testing.T) {
			pool, err := buffer.New(buffer.Config{Count: 8})
			if err != nil {
				t.Fatal(err)
			}
			moves, err := engine.New(engine.Config{Name: name, Pool: pool, DirectFrom: directFrom})
			if err != nil {
				if os.Getenv("REQUIRE_URING") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			f(t, func(cfg *ssync.SenderConfig, _ *ssync.Job) { cfg.Engine = moves })
			if err := errors.Join(moves.Close(), pool.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Large bodies are sent the same, in the same order, whether they were fetched ahead
// or lay in the page cache, where nobody fetches.
func TestWindowLargeSameWire(t *testing.T) {
	var first string
	for _, warm := range []bool{true, false} {
		eachEngine(t, 0, func(t *testing.T, use func(*ssync.SenderConfig, *ssync.Job)) {
			c := &coldLarge{allWarm: warm}
			p, _, _ := withLarge(t, c)
			f := wantingAll(t, p)
			r := push(t, p, f.address, patient, use)
			if r.Err != nil || r.Sent != largeBodies || r.NotSent != 0 {
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

// The body is fetched with the rest, unless it will be read past the page cache.
func TestWindowLargeBodies(t *testing.T) {
	for _, directFrom := range []int64{0, 65 << 10, -1} {
		eachEngine(t, directFrom, func(t *testing.T, use func(*ssync.SenderConfig, *ssync.Job)) {
			c := &coldLarge{}
			p, _, _ := withLarge(t, c)
			read := false
			c.before = func(op *store.Op, ahead bool) error {
				read = read || ahead && op.Call == store.CallRead // all before its turn, which waits for that
				return nil
			}
			f := wantingAll(t, p)
			if r := push(t, p, f.address, patient, use); r.Err != nil || r.Sent != largeBodies {
				t.Fatalf("%d sent: %v", r.Sent, r.Err)
			}
			if read == (directFrom > 0) {
				t.Errorf("direct from %d: was read ahead: %v", directFrom, read)
			}
		})
	}
}

// A large object that is overwritten, deleted or damaged once it was fetched ahead is
// dealt with as it is at its turn.
func TestWindowLargeChanged(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(p *store.Partition, name, file string) error
		sent    string // after the object's verb and name
		outcome ssync.Outcome
		gone    bool // to quarantine
	}{
		{"overwritten", func(p *store.Partition, name, _ string) error {
			return storetest.Put(p, name, storetest.Time(9), bytes.Repeat([]byte("newer"), 50_000))
		}, "PUT", ssync.Sent, false},
		{"deleted", func(p *store.Partition, name, _ string) error { return storetest.Delete(p, name, storetest.Time(9)) }, "DELETE", ssync.Sent, false},
		{"damaged", func(_ *store.Partition, _, file string) error { return os.Truncate(file, 10) }, "", ssync.NotSent, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			eachEngine(t, 0, func(t *testing.T, use func(*ssync.SenderConfig, *ssync.Job)) {
				c := &coldLarge{}
				p, plain, devices := withLarge(t, c)
				name := nameOf(c.object)
				c.before = func(op *store.Op, ahead bool) error {
					if op.Call == store.CallGetxattr && ahead {
						return row.change(plain, name, dataFile(t, devices, c.object))
					}
					return nil
				}
				f := wantingAll(t, plain)
				r := push(t, p, f.address, patient, use)
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				r.Each(func(got proto.Hash, outcome ssync.Outcome, times store.Times) {
					changed := got.String() == c.object
					if !changed && outcome != ssync.Sent || changed && (outcome != row.outcome || outcome == ssync.Sent && times.Data != storetest.Time(9)) {
						t.Errorf("%s: %v as of %v", got, outcome, times)
					}
				})
				heard := <-f.heard
				for _, verb := range []string{"PUT", "DELETE"} {
					if is := strings.Contains(heard, verb+" "+name+"\r\n"); is != (verb == row.sent) {
						t.Errorf("%s was sent: %v", verb, is)
					}
				}
				_, err := os.Stat(filepath.Join(devices, "d1/quarantined/objects", c.object))
				if (err == nil) != row.gone {
					t.Errorf("quarantined: %v", err == nil)
				}
			})
		})
	}
}

// dataFile is the path of an object's .data.
func dataFile(t *testing.T, devices, hash string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(devices, "d1/objects/*/*", hash, "*.data"))
	if err != nil || len(found) != 1 {
		t.Errorf("%d files of %s: %v", len(found), hash, err)
		return ""
	}
	return found[0]
}
