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

// onward is a witness who lets an object's turn come when its body was begun before.
type onward struct {
	before string // the hash of the one before it
	object string // its hash
	begun  func() // called at the first read of its .data; may be nil
	waits  bool   // its turn does, for that
	breaks bool   // the body before it, at its last block

	mu    sync.Mutex
	began bool             // the updates: a check opens no .data
	reads map[uint64][]int // MiB that were read of it, by open file
	once  sync.Once
	read  chan struct{} // closed when the first was; while its turn waits, nobody reads but ahead of it
}

func (w *onward) Before(op *store.Op) error {
	if w.turn(op) && w.waits {
		<-w.read
	}
	if op.Call != store.CallRead || !strings.HasSuffix(op.Path, ".data") {
		return nil
	}
	switch filepath.Base(filepath.Dir(op.Path)) {
	case w.before:
		if w.breaks && op.Offset == onwardBytes&^(1<<20-1) {
			return unix.EIO
		}
	case w.object:
		w.mu.Lock()
		w.reads[op.File] = append(w.reads[op.File], int(op.Offset>>20))
		w.mu.Unlock()
		w.once.Do(w.reading)
	}
	return nil
}

// turn tells whether the object's directory is opened, after the offers.
func (w *onward) turn(op *store.Op) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began = w.began || strings.HasSuffix(op.Path, ".data")
	return w.began && filepath.Base(op.Path) == w.object
}

func (w *onward) reading() {
	if w.begun != nil {
		w.begun()
	}
	close(w.read)
}

func (w *onward) After(*store.Op, error) {}

// Bodies of two blocks and a bit, of which two are read ahead.
const (
	onwardBodies = 4
	onwardBytes  = 2<<20 + 8
	onwardBlocks = "[0 1 2]"
)

// withHoles is a partition of bodies of zeros that no page cache holds, since they are
// holes, watched by w. plain is the same without w.
func withHoles(t *testing.T, w *onward) (p, plain *store.Partition, devices string) {
	t.Helper()
	keep := func(cfg *store.Config) { cfg.ReclaimAge = 100 * 365 * 24 * time.Hour } // a tombstone
	s := storetest.New(t, keep)
	plain = storetest.Partition(t, s)
	for i := range onwardBodies {
		if err := storetest.Put(plain, largeName(i), storetest.Time(1), make([]byte, onwardBytes)); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	offered(t, plain, func(o proto.Offer) {
		punch(t, dataFile(t, s.Devices(), o.Hash.String()))
		switch n++; n {
		case 2:
			w.before = o.Hash.String()
		case 3:
			w.object = o.Hash.String()
		}
	})
	watched := storetest.New(t, keep, func(cfg *store.Config) { cfg.Devices, cfg.Witness = s.Devices(), w })
	return storetest.Partition(t, watched), plain, s.Devices()
}

// punch makes a hole of all that a file holds.
func punch(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = errors.Join(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, onwardBytes), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// onwardPush pushes p with an engine that can spare what it takes to read on.
func onwardPush(t *testing.T, name string, p *store.Partition, w *onward, to string, edit ...func(*ssync.SenderConfig, *ssync.Job)) *ssync.Result {
	t.Helper()
	pool, err := buffer.New(buffer.Config{Count: 16})
	if err != nil {
		t.Fatal(err)
	}
	moves, err := engine.New(engine.Config{Name: name, Pool: pool, ReadAhead: 2, DirectFrom: 1 << 20})
	if err != nil {
		if os.Getenv("REQUIRE_URING") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	w.read, w.reads, w.waits = make(chan struct{}), map[uint64][]int{}, name == "uring"
	r := push(t, p, to, append(edit, patient, func(cfg *ssync.SenderConfig, _ *ssync.Job) { cfg.Engine = moves })...)
	if err := errors.Join(moves.Close(), pool.Close()); err != nil {
		t.Error(err)
	}
	return r
}

// A body that a ring reads past the page cache is begun while the one before it is
// sent, and sent from what was read then, the same as by other engines.
func TestReadOn(t *testing.T) {
	var first string
	for _, name := range []string{"portable", "sendfile", "uring"} {
		t.Run(name, func(t *testing.T) {
			w := &onward{}
			p, plain, _ := withHoles(t, w)
			f := wantingAll(t, plain)
			r := onwardPush(t, name, p, w, f.address)
			if r.Err != nil || r.Sent != onwardBodies {
				t.Fatalf("%d sent: %v", r.Sent, r.Err)
			}
			heard := <-f.heard
			if first == "" {
				first = heard
			}
			if heard != first {
				t.Errorf("%d bytes were sent, other than the %d of the first run", len(heard), len(first))
			}
			whole := 0
			for _, blocks := range w.reads {
				if fmt.Sprint(blocks) == onwardBlocks {
					whole++
				}
			}
			if w.waits && (whole != 1 || len(w.reads) > 2) { // and one that asks whether it is cold
				t.Errorf("blocks were read as %v, by open file", w.reads)
			}
		})
	}
}

// An object that is overwritten, deleted or damaged when its body was begun is dealt
// with as it is at its turn, and so are those behind it.
func TestReadOnChanged(t *testing.T) {
	for _, row := range []struct {
		name    string
		change  func(p *store.Partition, name, file string) error
		sent    string // after the object's verb and name
		outcome ssync.Outcome
	}{
		{"overwritten", func(p *store.Partition, name, _ string) error {
			return storetest.Put(p, name, storetest.Time(9), bytes.Repeat([]byte("newer"), onwardBytes/len("newer")))
		}, "PUT", ssync.Sent},
		{"deleted", func(p *store.Partition, name, _ string) error { return storetest.Delete(p, name, storetest.Time(9)) }, "DELETE", ssync.Sent},
		{"damaged", func(_ *store.Partition, _, file string) error { return os.Truncate(file, 10) }, "", ssync.NotSent},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := &onward{}
			p, plain, devices := withHoles(t, w)
			name, file := nameOf(w.object), dataFile(t, devices, w.object)
			w.begun = func() {
				if err := row.change(plain, name, file); err != nil {
					t.Error(err)
				}
			}
			f := wantingAll(t, plain)
			r := onwardPush(t, "uring", p, w, f.address)
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			r.Each(func(got proto.Hash, outcome ssync.Outcome, times store.Times) {
				changed := got.String() == w.object
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
			if strings.Contains(heard, "newer") != (row.name == "overwritten") {
				t.Error("the new body was sent, or was not")
			}
		})
	}
}

// A session that ends when a body was begun leaves nothing with the kernel: the disk
// fails at the last block of the one before it, which is asked for by then.
func TestReadOnEndsWithSession(t *testing.T) {
	w := &onward{breaks: true}
	p, plain, _ := withHoles(t, w)
	f := startFake(t, append(wantAll(t, plain), "> :UPDATES: END"), []string{accepted})
	r := onwardPush(t, "uring", p, w, f.address)
	if r.Err == nil || !strings.Contains(r.Err.Error(), w.before) {
		t.Errorf("%v", r.Err)
	}
	if len(w.reads) != 1 {
		t.Errorf("%d files of the next body were read from", len(w.reads))
	}
}

// A body that is begun stays so, and is begun but once, while another is sent before its
// turn: in REPLICATION a body goes to who wants the metadata alone, too. The engine would
// not close with one that nobody sends.
func TestReadOnPastMetadata(t *testing.T) {
	w := &onward{}
	p, plain, _ := withHoles(t, w)
	var wanted strings.Builder
	offered(t, plain, func(o proto.Offer) {
		wanted.Write(proto.AppendWanted(nil, proto.Wanted{Hash: o.Hash, Data: o.Hash.String() != w.before, Meta: true}))
	})
	f := startFake(t, []string{accepted, "> :MISSING_CHECK: END", "< " + start, "< " + wanted.String(), "< " + end, "> :UPDATES: END", "< " + updStart, "< " + upd, "hear all"})
	r := onwardPush(t, "uring", p, w, f.address, as2013)
	if r.Err != nil || r.Sent != onwardBodies {
		t.Errorf("%d sent: %v", r.Sent, r.Err)
	}
}
