package faults_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const century = 100 * 365 * 24 * 3600e9

// journal collects what was logged and noticed.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// house is two disks and one session between them.
type house struct {
	t        *testing.T
	from, to string
	said     *journal
	old      map[string]string // the states at the receiver, before
}

func (h *house) store(devices string, w store.Witness) *store.Store {
	return storetest.New(h.t, func(c *store.Config) {
		c.Devices, c.ReclaimAge, c.Witness = devices, century, w
		c.DirectFrom = 1 << 20
		c.Notice = func(n store.Notice) { fmt.Fprintln(h.said, n.Text) }
	})
}

// session pushes everything once; a witness may stand on each side.
func (h *house) session(sending, receiving store.Witness) *ssync.Result {
	t := h.t
	log := slog.New(slog.NewTextHandler(h.said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	node := nodetest.Start(t, dataplane.Config{Store: h.store(h.to, receiving), Log: log, Engine: os.Getenv("RINGSYNC_ENGINE")})
	defer node.Stop()
	return h.push(log, sending, node.Address)
}

func (h *house) push(log *slog.Logger, w store.Witness, to string) *ssync.Result {
	t := h.t
	device, err := h.store(h.from, w).Device("d1")
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	pool, err := buffer.New(buffer.Config{Count: 5})
	if err != nil {
		t.Fatal(err)
	}
	moves := enginetest.FromEnv(t, pool)
	defer func() {
		if err := errors.Join(moves.Close(), pool.Close()); err != nil {
			t.Errorf("sender's buffers: %v", err)
		}
	}()
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Engine: moves, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	p := device.Partition(storetest.Cluster(t).Policies[0], 0)
	suffixes, err := p.Suffixes()
	if err != nil {
		return &ssync.Result{Err: err}
	}
	return sender.Push(context.Background(), ssync.Job{To: to, Device: "d1", Partition: p, Suffixes: suffixes})
}

// names are all objects there are.
var names = []string{"/a/c/small", "/a/c/large", "/a/c/larger", "/a/c/newer", "/a/c/same", "/a/c/posted", "/a/c/deleted"}

// fill makes what both disks start with: objects new to the receiver, small, large
// and so large that it goes past the page cache, an overwritten one, one that is the
// same on both, a POST, a tombstone over an object.
func (h *house) fill() {
	t := h.t
	from, to := h.partition(h.from), h.partition(h.to)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := storetest.Time
	must(storetest.Put(from, "/a/c/small", at(1), []byte("small")))
	must(storetest.Put(from, "/a/c/large", at(1), bytes.Repeat([]byte("large"), 30_000)))
	must(storetest.Put(from, "/a/c/larger", at(1), bytes.Repeat([]byte("larger than a chunk "), 60_000)))
	must(storetest.Put(to, "/a/c/newer", at(1), []byte("old")))
	must(storetest.Put(from, "/a/c/newer", at(2), []byte("new")))
	for _, p := range []*store.Partition{from, to} {
		must(storetest.Put(p, "/a/c/same", at(1), []byte("same")))
		must(storetest.Put(p, "/a/c/posted", at(1), []byte("posted")))
		must(storetest.Put(p, "/a/c/deleted", at(1), []byte("deleted")))
	}
	must(storetest.Post(from, "/a/c/posted", at(2)))
	must(storetest.Delete(from, "/a/c/deleted", at(2)))
	for _, p := range []*store.Partition{from, to} {
		_, err := p.Digests(t.Context(), nil, true)
		must(err)
	}
	h.old = map[string]string{}
	for _, name := range names {
		h.old[name] = storetest.MustState(t, to, name)
	}
}

func (h *house) partition(devices string) *store.Partition {
	return storetest.Partition(h.t, h.store(devices, nil))
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, from: storetest.Devices(t), to: storetest.Devices(t), said: &journal{}}
	h.fill()
	return h
}

// Each file-system call of a session fails once, on either side. Nothing is
// claimed that is not so, nothing half can be seen, nothing is left over, the
// call is named, and the next session makes up for it.
func TestEveryCallFailsOnce(t *testing.T) {
	for _, side := range []string{"sender", "receiver"} {
		for i, errno := range []unix.Errno{unix.EIO, unix.ENOSPC, unix.EMFILE} {
			t.Run(side+" "+unix.ErrnoName(errno), func(t *testing.T) {
				var count storetest.Fault
				run(newHouse(t), side, &count)
				calls, _ := count.Disarm()
				stride := 3
				if testing.Short() {
					stride = 12
				}
				if os.Getenv("RINGSYNC_FULL") != "" {
					stride = 1
				}
				t.Logf("%d calls, of which every %d. fails", calls, stride)
				for n := 1 + i%stride; n <= calls; n += stride {
					t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) { once(t, side, n, errno) })
				}
			})
		}
	}
}

func run(h *house, side string, w store.Witness) *ssync.Result {
	if side == "sender" {
		return h.session(w, nil)
	}
	return h.session(nil, w)
}

func once(t *testing.T, side string, n int, errno unix.Errno) {
	h := newHouse(t)
	before, idle := storetest.Descriptors(t), goleak.IgnoreCurrent()
	var fault storetest.Fault
	fault.Arm(n, errno)
	result := run(h, side, &fault)
	_, hit := fault.Disarm()
	if hit == nil {
		return // this time the session took fewer calls
	}
	what := fmt.Sprintf("call %d, %s", n, storetest.Describe(hit, errno))
	if diff := cmp.Diff(before, storetest.Descriptors(t)); diff != "" {
		t.Errorf("%s: descriptors:\n%s", what, diff)
	}
	if err := goleak.Find(idle); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	said := h.said.String() + fmt.Sprint(result.Err)
	if storetest.Ignored(hit) == "" && !storetest.Names(said, hit, errno) {
		t.Errorf("%s: nobody names it", what)
	}
	h.believe(what, result)
	h.look(what, hit)
	h.mend(what, side == "sender" && hit.Call == store.CallRead && errno == unix.EIO)
	if t.Failed() {
		t.Log(said)
	}
}

// look checks what the session left on the disks: old objects or new ones,
// digests that are right or known to be stale, free locks and no litter.
func (h *house) look(what string, hit *store.Op) {
	t := h.t
	from, to := h.partition(h.from), h.partition(h.to)
	for _, name := range names {
		state, err := storetest.State(to, name)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if wanted := storetest.MustState(t, from, name); state != h.old[name] && state != wanted && wanted != "nothing" {
			t.Errorf("%s: %s is %s, neither the old one, %s, nor the new one, %s", what, name, state, h.old[name], wanted)
		}
	}
	for _, p := range []*store.Partition{from, to} {
		device := filepath.Dir(filepath.Dir(p.Path()))
		if err := storetest.CheckDigests(p.Path()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if litter := storetest.Litter(t, device); len(litter) > 0 && hit.Call != store.CallUnlink {
			t.Errorf("%s: left behind: %q", what, litter)
		}
		storetest.LocksFree(t, device)
	}
}

// believe checks that what was proven is there: durable times, sound body.
func (h *house) believe(what string, result *ssync.Result) {
	p := h.partition(h.to)
	result.Each(func(hash proto.Hash, outcome ssync.Outcome, times store.Times) {
		if outcome != ssync.InSync && outcome != ssync.Sent {
			return
		}
		o, err := p.Open(hash)
		if err != nil {
			h.t.Errorf("%s: %s is %s: %v", what, hash, outcome, err)
			return
		}
		defer o.Close()
		if o.Times.Data.Before(times.Data) || o.Times.Meta.Before(times.Meta) {
			h.t.Errorf("%s: %s is %s with %v, and has %v", what, hash, outcome, times, o.Times)
		}
		if o.Tombstone {
			return
		}
		digest := md5.New()
		if _, err := io.Copy(digest, io.NewSectionReader(o, 0, o.Size)); err != nil || hex.EncodeToString(digest.Sum(nil)) != o.ETag() {
			h.t.Errorf("%s: %s is %s and damaged: %v", what, hash, outcome, err)
		}
	})
}

// mend lets a second session, without faults, bring both disks to the same. A
// disk that could not read a body has put it to quarantine on the sender's side;
// then the receiver may hold what the sender lacks.
func (h *house) mend(what string, quarantined bool) {
	if result := h.session(nil, nil); result.Err != nil || result.Proven != result.Offered {
		h.t.Errorf("%s: the next session proved %d of %d: %v", what, result.Proven, result.Offered, result.Err)
	}
	cluster := storetest.Cluster(h.t)
	r, err := verify.Trees(context.Background(), verify.Config{
		A: filepath.Join(h.from, "d1"), B: filepath.Join(h.to, "d1"), Cluster: cluster, Policy: cluster.Policies[0], Subset: quarantined})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, d := range r.Differences {
		if !quarantined || !strings.HasPrefix(d, h.from) || !strings.HasSuffix(d, ": in quarantine") {
			h.t.Errorf("%s: %s", what, d)
		}
	}
}
