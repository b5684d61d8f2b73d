package interop_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/uring/uringtest"
	"github.com/ringsync/ringsync/hashes"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { uringtest.Restrict(); goleak.VerifyTestMain(m) }

// century keeps tombstones of 2023 from being reclaimed, as package peer does on
// Swift's side.
const century = 100 * 365 * 24 * 3600e9

const device = "d1"

// disk is a devices directory with one device.
func disk(t *testing.T) string {
	t.Helper()
	dir := peertest.Devices(t)
	if err := os.Mkdir(filepath.Join(dir, device), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rig is a Swift, its configuration and a store of ours over the same secret.
type rig struct {
	t        *testing.T
	swift    *peer.Swift
	swiftDir string
	cluster  *hashes.Cluster
	log      *slog.Logger
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, swift: peertest.Require(t), swiftDir: peertest.SwiftDir(t)}
	text, err := os.ReadFile(filepath.Join(r.swiftDir, "swift.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if r.cluster, err = hashes.ParseSwiftConf(text); err != nil {
		t.Fatal(err)
	}
	r.log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return r
}

func (r *rig) store(devices string) *store.Store {
	return storetest.New(r.t, func(c *store.Config) { c.Devices, c.Cluster, c.ReclaimAge = devices, r.cluster, century })
}

func ourNode(r *rig, devices string) string {
	node, err := dataplane.New(dataplane.Config{Store: r.store(devices), Log: r.log, Engine: os.Getenv("RINGSYNC_ENGINE")})
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	r.t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			r.t.Error(err)
		}
		if err := node.Shutdown(context.Background()); err != nil {
			r.t.Error(err)
		}
	})
	return l.Addr().String()
}

func swiftServer(r *rig, devices string) string {
	return peertest.Server(r.t, r.swift, peer.ServerConfig{SwiftDir: r.swiftDir, Devices: devices}).Addr()
}

// pushed is what a sender says of a push.
type pushed struct {
	offered, wanted, failed int
	err                     error
}

func ourPush(r *rig, devices, to string) pushed {
	d, err := r.store(devices).Device(device)
	if err != nil {
		r.t.Fatal(err)
	}
	defer d.Close()
	pool, err := buffer.New(buffer.Config{Count: 5})
	if err != nil {
		r.t.Fatal(err)
	}
	moves := enginetest.FromEnv(r.t, pool)
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Engine: moves, Log: r.log, ConnTimeout: 5e9})
	if err != nil {
		r.t.Fatal(err)
	}
	numbers, err := d.Partitions(r.cluster.Policies[0])
	if err != nil {
		r.t.Fatal(err)
	}
	var sum pushed
	for _, n := range numbers {
		p := d.Partition(r.cluster.Policies[0], n)
		suffixes, err := p.Suffixes()
		if err != nil {
			r.t.Fatal(err)
		}
		result := sender.Push(context.Background(), ssync.Job{To: to, Device: device, Partition: p, Suffixes: suffixes})
		sum.offered += result.Offered
		sum.wanted += result.Wanted
		sum.failed += result.Failed
		if result.Err != nil {
			sum.err = result.Err
		}
		if result.Err == nil && result.Proven+result.NotSent != result.Offered {
			r.t.Errorf("partition %d: %d proven and %d not sent of %d offered", n, result.Proven, result.NotSent, result.Offered)
		}
	}
	if err := errors.Join(moves.Close(), pool.Close()); err != nil {
		r.t.Error(err)
	}
	return sum
}

func swiftPush(r *rig, devices, to string) pushed {
	report, err := r.swift.Send(context.Background(), peer.SendConfig{SwiftDir: r.swiftDir, Devices: devices, Device: device, To: to})
	if err != nil {
		r.t.Fatal(err)
	}
	sum := pushed{offered: int(report.Offered), wanted: int(report.Wanted)}
	if !report.Success {
		sum.err = fmt.Errorf("%s", strings.Join(report.Errors, "; "))
	}
	return sum
}

// pairings are who sends to whom. Swift to Swift is package peer's own test.
var pairings = []struct {
	name    string
	push    func(*rig, string, string) pushed
	receive func(*rig, string) string
	swift   bool // Swift sends
}{
	{"ours to Swift", ourPush, swiftServer, false},
	{"Swift to ours", swiftPush, ourNode, true},
	{"ours to ours", ourPush, ourNode, false},
}

// objects are what a disk is filled with: sizes on every border, names and
// metadata that must be quoted, and what POST and DELETE leave behind.
func objects(swiftSends bool) []peer.Op {
	put := func(name, ts string, size int64, headers map[string]string) peer.Op {
		return peer.Op{Op: peer.Put, Name: name, Timestamp: ts, Size: size, Seed: size + int64(len(name)), Headers: headers}
	}
	ops := []peer.Op{}
	for _, size := range []int64{0, 1, 65_535, 65_536, 65_537, 1 << 20, 64 << 20} {
		ops = append(ops, put(fmt.Sprintf("/AUTH_a/c/size %d", size), "1700000001.00000", size, nil))
	}
	for i, name := range []string{"100%", "%41", `quo"te'`, "semi;colon", "que?stion", "ha#sh", "plus+plus", "a/b//c/../d/", "sp ace ", "\xc3\xa9t\xc3\xa9/\xe6\x97\xa5", "<&>"} {
		ops = append(ops, put("/AUTH_a/c/"+name, fmt.Sprintf("17000000%02d.12345", 10+i), 100, nil))
	}
	long := map[string]string{} // over 4 KiB in all, of which Swift lets user metadata be 4,096 bytes
	for i := range 14 {
		long[fmt.Sprintf("X-Object-Meta-Long-%d", i)] = strings.Repeat("x", 250)
		long[fmt.Sprintf("X-Object-Sysmeta-Long-%d", i)] = strings.Repeat("y", 250)
	}
	rich := map[string]string{
		"X-Object-Meta-Mixed-Case1B": "Value with  blanks", "X-Object-Meta-Percent": "100%41", "X-Object-Sysmeta-Some": "thing",
		"Content-Encoding": "gzip", "Content-Disposition": `attachment; filename="x.txt"`, "X-Delete-At": "4000000000",
	}
	if !swiftSends { // 2.30.1 encodes these twice on its way out: commit 365c0ef00 mended that
		rich["X-Object-Meta-Latin"] = "caf\xc3\xa9"
	}
	ops = append(ops,
		put("/AUTH_a/c/long", "1700000030.00000", 10, long),
		put("/AUTH_a/c/rich", "1700000031.00000", 10, rich),
		put("/AUTH_a/c/expired", "1700000032.00000", 10, map[string]string{"X-Delete-At": "1700000100"}),
		put("/AUTH_a/c/offset", "1700000033.00000_000000000000000a", 10, nil),
		put("/AUTH_a/c/posted", "1700000034.00000", 10, map[string]string{"X-Object-Meta-Old": "gone"}),
		peer.Op{Op: peer.Post, Name: "/AUTH_a/c/posted", Timestamp: "1700000040.00000", Headers: map[string]string{"X-Object-Meta-New": "here"}},
		put("/AUTH_a/c/typed", "1700000035.00000", 10, nil),
		peer.Op{Op: peer.Post, Name: "/AUTH_a/c/typed", Timestamp: "1700000041.00000", ContentTypeTimestamp: "1700000041.00000",
			Headers: map[string]string{"Content-Type": "text/html", "X-Object-Meta-New": "type"}},
		put("/AUTH_a/c/deleted", "1700000036.00000", 10, nil),
		peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/deleted", Timestamp: "1700000042.00000"},
		peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/never-was", Timestamp: "1700000043.00000_000000000000000b"},
	)
	return ops
}

// Everything a disk can hold goes over, between us and Swift in each seat, and
// Swift's own code finds the same on both sides; a second pass sends nothing.
func TestReplicate(t *testing.T) {
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects(p.swift)); err != nil {
				t.Fatal(err)
			}
			address := p.receive(r, to)
			first := p.push(r, from, address)
			if first.err != nil || first.wanted != first.offered || first.offered < 25 {
				t.Fatalf("first pass: %+v", first)
			}
			r.same(from, to)
			second := p.push(r, from, address)
			if second.err != nil || second.wanted != 0 || second.offered != first.offered {
				t.Errorf("second pass: %+v", second)
			}
			r.sound(to)
		})
	}
}

// A Swift notices nothing of a node of ours that has no io_uring, or hardly any.
func TestReplicateRestricted(t *testing.T) {
	pairing := map[string]string{uringtest.Forbidden: "/ours to Swift", uringtest.Hidden: "/Swift to ours", uringtest.Memlock: "/Swift to ours"}
	if os.Getenv("RINGSYNC_FULL") != "" {
		clear(pairing)
	}
	uringtest.Each(t, func(t *testing.T, how string) {
		uringtest.Rerun(t, how, "^TestReplicate$"+pairing[how], "RINGSYNC_ENGINE=auto")
	})
}

// What is newer on the receiver stays, what is newer on the sender goes over:
// data, metadata and tombstones, in both directions of time.
func TestReceiverHasOther(t *testing.T) {
	put := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Put, Name: "/AUTH_a/c/" + name, Timestamp: ts, Size: 20, Seed: int64(len(ts))}
	}
	post := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Post, Name: "/AUTH_a/c/" + name, Timestamp: ts, Headers: map[string]string{"X-Object-Meta-At": ts}}
	}
	remove := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/" + name, Timestamp: ts}
	}
	const t1, t2, t3 = "1700000001.00000", "1700000002.00000", "1700000003.00000"
	sender := []peer.Op{
		put("data newer", t2), put("data older", t1), put("meta newer", t1), post("meta newer", t3), put("meta older", t1), post("meta older", t2),
		remove("tombstone newer", t2), remove("tombstone older", t1), put("data over tombstone", t2), put("data under tombstone", t1),
	}
	receiver := []peer.Op{
		put("data newer", t1), put("data older", t2), put("meta newer", t1), post("meta newer", t2), put("meta older", t1), post("meta older", t3),
		put("tombstone newer", t1), put("tombstone older", t2), remove("data over tombstone", t1), remove("data under tombstone", t2),
	}
	want := map[string]string{ // the state and time that the receiver ends with
		"data newer": "data " + t2, "data older": "data " + t2, "meta newer": "data " + t3, "meta older": "data " + t3,
		"tombstone newer": "deleted " + t2, "tombstone older": "data " + t2, "data over tombstone": "data " + t2, "data under tombstone": "deleted " + t2,
	}
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			for dir, ops := range map[string][]peer.Op{from: sender, to: receiver} {
				if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
					t.Fatal(err)
				}
			}
			result := p.push(r, from, p.receive(r, to))
			if result.err != nil || result.wanted != 4 {
				t.Errorf("%+v, want 4 wanted", result)
			}
			tree := r.inspect(to)
			got := map[string]string{}
			for name := range want {
				_, o, ok := tree.Named("/AUTH_a/c/" + name)
				if !ok {
					t.Errorf("%s is not there", name)
				}
				got[name] = o.State + " " + o.TS
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			r.sound(to)
		})
	}
}

// Two thousand small objects in one partition.
func TestManySmall(t *testing.T) {
	n := 2000
	if os.Getenv("RINGSYNC_FULL") != "" {
		n = 20_000
	}
	ops := make([]peer.Op, n)
	for i := range ops {
		ops[i] = peer.Op{Op: peer.Put, Name: fmt.Sprintf("/AUTH_a/c/small-%05d", i), Timestamp: fmt.Sprintf("17000%05d.00000", i), Size: 4096, Seed: int64(i)}
	}
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, ops); err != nil {
				t.Fatal(err)
			}
			if result := p.push(r, from, p.receive(r, to)); result.err != nil || result.wanted != n {
				t.Fatalf("%+v", result)
			}
			r.same(from, to)
			r.sound(to)
		})
	}
}

// Our sender and Swift's at one partition at once: the locks let one after the
// other in, and both end well.
func TestBothSendersAtOnce(t *testing.T) {
	fill := func(r *rig, prefix string) string {
		ops := make([]peer.Op, 300)
		for i := range ops {
			ops[i] = peer.Op{Op: peer.Put, Name: fmt.Sprintf("/AUTH_a/c/%s-%d", prefix, i), Timestamp: "1700000001.00000", Size: 4096, Seed: int64(i)}
		}
		dir := disk(t)
		if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, p := range pairings[:2] { // Swift receives, then we do
		t.Run("into "+strings.Fields(p.name)[2], func(t *testing.T) {
			r := newRig(t)
			ours, swifts, to := fill(r, "ours"), fill(r, "swifts"), disk(t)
			address := p.receive(r, to)
			theirs := make(chan pushed, 1)
			go func() { theirs <- swiftPush(r, swifts, address) }()
			for range 3 { // again and again, so that the sessions do meet
				if result := ourPush(r, ours, address); result.err != nil {
					t.Error(result.err)
				}
			}
			if result := <-theirs; result.err != nil {
				t.Error(result.err)
			}
			if tree := r.inspect(to); len(tree.Objects) != 600 {
				t.Errorf("%d objects, want 600", len(tree.Objects))
			}
			r.sound(to)
		})
	}
}

// hashes.pkl written by us is believed by Swift, and Swift's by us.
func TestDigestsAreShared(t *testing.T) {
	r := newRig(t)
	dir := disk(t)
	if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, objects(false)); err != nil {
		t.Fatal(err)
	}
	d, err := r.store(dir).Device(device)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := d.Partition(r.cluster.Policies[0], 0)
	ours, err := p.Digests(t.Context(), nil, true)
	if err != nil || len(ours) == 0 {
		t.Fatal(len(ours), err)
	}
	state := r.inspect(dir).Partitions["0"]
	if !state.Valid {
		t.Error("Swift does not believe the hashes.pkl that we wrote")
	}
	text := map[string]string{}
	for s, digest := range ours {
		text[s.String()] = digest
	}
	if diff := cmp.Diff(state.Fresh, text); diff != "" {
		t.Errorf("Swift computes other digests (-Swift +ours):\n%s", diff)
	}
	if diff := cmp.Diff(state.Stored, text); diff != "" {
		t.Errorf("Swift reads other digests (-Swift +ours):\n%s", diff)
	}
	theirs, err := r.swift.Hashes(t.Context(), r.swiftDir, dir, device, 0, "0", suffixesOf(text))
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.Digests(t.Context(), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for s, digest := range again {
		if theirs[s.String()] != digest {
			t.Errorf("suffix %s: Swift wrote %q, we read %q", s, theirs[s.String()], digest)
		}
	}
}

func suffixesOf(digests map[string]string) []string {
	var list []string
	for s := range digests {
		list = append(list, s)
	}
	return list
}

// A wrong hash prefix at one of the nodes ends the session before anything is
// written, whoever sends.
func TestWrongSecret(t *testing.T) {
	r := newRig(t)
	from, to := disk(t), disk(t)
	if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects(true)[:3]); err != nil {
		t.Fatal(err)
	}
	cluster := *r.cluster
	cluster.Secret.Prefix = "other"
	other := *r
	other.cluster = &cluster
	result := swiftPush(r, from, ourNode(&other, to))
	if result.err == nil {
		t.Error("the session went well")
	}
	files, _ := filepath.Glob(filepath.Join(to, device, "objects", "*", "*", "*", "*"))
	if len(files) > 0 {
		t.Errorf("files were written: %v", files)
	}
}

// inspect lets Swift read a disk.
func (r *rig) inspect(devices string) *peer.Tree {
	r.t.Helper()
	tree, err := r.swift.Inspect(r.t.Context(), r.swiftDir, devices, device, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return tree
}

// same compares two disks as Swift sees them.
func (r *rig) same(from, to string) {
	r.t.Helper()
	if diffs := peer.DiffTrees(r.inspect(from), r.inspect(to)); len(diffs) > 0 {
		r.t.Errorf("the trees differ in %d things:\n%s", len(diffs), strings.Join(diffs[:min(len(diffs), 20)], "\n"))
	}
}

// sound lets Swift's auditor read every byte of a disk.
func (r *rig) sound(devices string) {
	r.t.Helper()
	tree := r.inspect(devices)
	if stale := tree.Stale(); len(stale)+len(tree.Leftovers)+len(tree.Quarantined) > 0 {
		r.t.Errorf("stale digests %v, left over %v, in quarantine %v", stale, tree.Leftovers, tree.Quarantined)
	}
	quarantined, complaints, err := r.swift.Audit(r.t.Context(), r.swiftDir, devices, device)
	if err != nil || quarantined > 0 || len(complaints) > 0 {
		r.t.Errorf("audit: %d in quarantine, %v, %v", quarantined, complaints, err)
	}
}
