package interop_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sync/errgroup"
)

// truth is what must be there of one object: whatever is newest of all that was
// acknowledged, by Swift's server or by a session that went well.
type truth struct {
	data, meta proto.Timestamp
	deleted    bool
}

// ledger is the truth of all objects, and the clock that all changes take their
// times from.
type ledger struct {
	clock atomic.Int64
	mu    sync.Mutex
	of    map[string]truth
	acks  int
}

func newLedger() *ledger {
	l := &ledger{of: map[string]truth{}}
	l.clock.Store(proto.TimestampOf(time.Now().Add(-time.Hour)).Raw)
	return l
}

func (l *ledger) now() proto.Timestamp { return proto.Timestamp{Raw: l.clock.Add(1)} }

// note enters a change that was acknowledged.
func (l *ledger) note(method, name string, ts proto.Timestamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks++
	t := l.of[name]
	switch {
	case method == "POST":
		if ts.After(t.meta) {
			t.meta = ts
		}
	case ts.After(t.data):
		t.data, t.deleted = ts, method == "DELETE"
	}
	l.of[name] = t
}

// want is how Swift must find an object.
func (t truth) want() string {
	switch {
	case t.deleted:
		return "deleted " + t.data.Internal()
	case t.meta.After(t.data):
		return "data " + t.meta.Internal()
	}
	return "data " + t.data.Internal()
}

// beside is one disk, and everybody who works on it.
type beside struct {
	*rig
	*ledger
	dir, swift, node string
}

const (
	besideNames   = 150 // few, so that everybody meets everybody
	besidePart    = 1   // the ring has two partitions
	besideClients = 2
)

// Swift's object server takes what clients send, Swift's auditor and updater run,
// digests are asked of both, and our node receives from our sender and from
// Swift's, all on one disk at once. Nothing that was acknowledged is lost, no
// digest is wrong, nothing goes to quarantine.
func TestBesideSwift(t *testing.T) {
	lasting := 8 * time.Second
	if os.Getenv("RINGSYNC_FULL") != "" {
		lasting = 3 * time.Minute
	}
	r := newRig(t)
	b := &beside{rig: r, ledger: newLedger(), dir: disk(t)}
	b.swift = besideServer(r, b.dir)
	b.node = ourNode(r, b.dir)
	nobody := peer.Ring{Name: "container", PartPower: 1, Replicas: 1, Nodes: []peer.RingNode{{Device: "c1", Server: "127.0.0.1:9"}}}
	if _, err := r.swift.BuildRing(t.Context(), r.swiftDir, nobody); err != nil {
		t.Fatal(err)
	}

	deadline := time.Now().Add(lasting)
	var g errgroup.Group
	again := func(f func(round int) error) {
		g.Go(func() error {
			for round := 0; time.Now().Before(deadline); round++ {
				if err := f(round); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range besideClients {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		again(func(int) error { return b.client(random) })
	}
	ourDisk, swiftsDisk := disk(t), disk(t)
	again(func(round int) error { return b.replicate(ourPush, ourDisk, uint64(2*round)) })
	again(func(round int) error { return b.replicate(swiftPush, swiftsDisk, uint64(2*round+1)) })
	again(b.digests)
	again(b.daemons)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	b.settle()
}

// besideServer is Swift's object server, whose log would tell of every update that
// finds no container.
func besideServer(r *rig, devices string) string {
	return peertest.Server(r.t, r.swift, peer.ServerConfig{SwiftDir: r.swiftDir, Devices: devices, Workers: 2, Log: io.Discard}).Addr()
}

func (b *beside) place(name string) (hash proto.Hash, partition uint32) {
	hash = b.cluster.Secret.Hash(name)
	return hash, hash.Partition(besidePart)
}

func anyName(random *rand.Rand) string {
	return fmt.Sprintf("/AUTH_a/c/object-%03d", random.IntN(besideNames))
}

// client makes one change, as a proxy would: with a container to be told, which
// is not there, so that the updater gets work.
func (b *beside) client(random *rand.Rand) error {
	name, ts := anyName(random), b.now()
	method := []string{"PUT", "PUT", "PUT", "POST", "DELETE"}[random.IntN(5)]
	var body string
	if method == "PUT" {
		body = strings.Repeat(name, 1+random.IntN(400))
	}
	_, partition := b.place(name)
	req, err := http.NewRequest(method, fmt.Sprintf("http://%s/%s/%d%s", b.swift, device, partition, name), strings.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range map[string]string{
		"X-Timestamp": ts.Internal(), "Content-Type": "text/plain", "X-Object-Meta-At": ts.Internal(),
		"X-Container-Host": "127.0.0.1:9", "X-Container-Partition": "0", "X-Container-Device": "c1",
	} {
		req.Header.Set(k, v)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	switch answer.StatusCode {
	case http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		b.note(method, name, ts)
	case http.StatusNotFound:
		if method == "DELETE" { // nothing was there, but the tombstone is
			b.note(method, name, ts)
		}
	case http.StatusConflict: // something as new has come by the other door
	default:
		return fmt.Errorf("%s %s at Swift's server: %s\n%s", method, name, answer.Status, said) // with a traceback
	}
	return nil
}

// replicate changes some objects on a disk of its own and pushes that to our
// node.
func (b *beside) replicate(push func(*rig, string, string, ...string) pushed, from string, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 2))
	type change struct {
		method, name string
		ts           proto.Timestamp
	}
	var changes []change
	for range 20 {
		c := change{[]string{"PUT", "PUT", "PUT", "DELETE"}[random.IntN(4)], anyName(random), b.now()}
		if err := b.change(from, c.method, c.name, c.ts, random.IntN(200_000)); err != nil {
			return err
		}
		changes = append(changes, c)
	}
	if result := push(b.rig, from, b.node); result.err != nil || result.failed > 0 {
		return fmt.Errorf("push: %+v", result)
	}
	for _, c := range changes {
		b.note(c.method, c.name, c.ts)
	}
	return nil
}

func (b *beside) change(devices, method, name string, ts proto.Timestamp, size int) error {
	d, err := b.store(devices).Device(device)
	if err != nil {
		return err
	}
	defer d.Close()
	hash, number := b.place(name)
	p := d.Partition(b.cluster.Policies[0], number)
	if method == "PUT" {
		return storetest.Put(p, name, ts, make([]byte, size))
	}
	w, err := p.Delete(hash, name, ts)
	if err != nil || w == nil {
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// digests asks our node and Swift's code for the digests of both partitions.
func (b *beside) digests(round int) error {
	for part := range 1 << besidePart {
		if err := b.askDigests(part); err != nil {
			return err
		}
	}
	_, err := b.rig.swift.Hashes(b.t.Context(), b.swiftDir, b.dir, device, 0, fmt.Sprint(round%2), nil)
	return err
}

func (b *beside) askDigests(part int) error {
	req, err := http.NewRequest("REPLICATE", fmt.Sprintf("http://%s/%s/%d", b.node, device, part), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("REPLICATE: %s %.100q %v", answer.Status, text, err)
	}
	return nil
}

// daemons lets Swift's auditor and updater make a pass.
func (b *beside) daemons(int) error {
	quarantined, complaints, err := b.rig.swift.Audit(b.t.Context(), b.swiftDir, b.dir, device)
	if err != nil || quarantined > 0 {
		return fmt.Errorf("auditor: %d in quarantine, %v, %v", quarantined, complaints, err)
	}
	_, err = b.rig.swift.RunDaemon(b.t.Context(), peer.Updater, peer.DaemonConfig{SwiftDir: b.swiftDir, Devices: b.dir, Address: "127.0.0.1:9"})
	return err
}

// settle lets Swift's code judge what all of them have left behind.
func (b *beside) settle() {
	b.t.Helper()
	for part := range 1 << besidePart {
		if err := b.askDigests(part); err != nil {
			b.t.Error(err)
		}
	}
	tree := b.inspect(b.dir)
	states := map[string]int{}
	for name, truth := range b.of {
		_, o, ok := tree.Named(name)
		got := o.State + " " + o.TS
		if !ok || got != truth.want() {
			b.t.Errorf("%s is %q (%s), want %q", name, got, o.Error, truth.want())
		}
		states[o.State]++
	}
	if states[peer.StateData] == 0 || states[peer.StateDeleted] == 0 {
		b.t.Errorf("states are %v: too little happened to show anything", states)
	}
	if odd := append(append(tree.Stale(), tree.Leftovers...), tree.Quarantined...); len(odd) > 0 {
		b.t.Errorf("stale, left over or in quarantine: %v", odd)
	}
	for number, p := range tree.Partitions {
		if !p.Valid || len(p.Invalid) > 0 || len(p.Stored) != len(p.Fresh) {
			b.t.Errorf("partition %s: digests valid %v, invalid %v, %d of %d suffixes", number, p.Valid, p.Invalid, len(p.Stored), len(p.Fresh))
		}
	}
	quarantined, complaints, err := b.rig.swift.Audit(b.t.Context(), b.swiftDir, b.dir, device)
	if err != nil || quarantined > 0 || len(complaints) > 0 {
		b.t.Errorf("audit: %d in quarantine, %v, %v", quarantined, complaints, err)
	}
	b.t.Logf("%d changes acknowledged to %d objects, %v", b.acks, len(b.of), states)
}
