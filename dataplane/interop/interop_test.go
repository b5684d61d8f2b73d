package interop_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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

func (r *rig) store(devices string, edit ...func(*store.Config)) *store.Store {
	return storetest.New(r.t, append(edit, func(c *store.Config) { c.Devices, c.Cluster, c.ReclaimAge = devices, r.cluster, century })...)
}

func ourNode(r *rig, devices string) string {
	return ourNodeOf(r, dataplane.Config{Store: r.store(devices)})
}

func ourNodeOf(r *rig, cfg dataplane.Config) string {
	cfg.Log = r.log
	node, err := dataplane.New(cfg)
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
	err                     error // of one of its sessions
	sessions                map[string]session
}

// session is what a sender says of a partition.
type session struct {
	wanted int
	err    string
}

func ourPush(r *rig, devices, to string, only ...string) pushed {
	d, err := r.store(devices).Device(device)
	if err != nil {
		r.t.Fatal(err)
	}
	defer d.Close()
	pool, err := buffer.New(buffer.Config{Count: 2})
	if err != nil {
		r.t.Fatal(err)
	}
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Log: r.log, ConnTimeout: 5e9, NodeTimeout: 60e9})
	if err != nil {
		r.t.Fatal(err)
	}
	numbers, err := d.Partitions(r.cluster.Policies[0])
	if err != nil {
		r.t.Fatal(err)
	}
	sum := pushed{sessions: map[string]session{}}
	for _, n := range numbers {
		if len(only) > 0 && !slices.Contains(only, fmt.Sprint(n)) {
			continue
		}
		p := d.Partition(r.cluster.Policies[0], n)
		suffixes, err := p.Suffixes()
		if err != nil {
			r.t.Fatal(err)
		}
		result := sender.Push(context.Background(), ssync.Job{To: to, Device: device, Partition: p, Suffixes: suffixes})
		sum.offered += result.Offered
		sum.wanted += result.Wanted
		sum.failed += result.Failed
		one := session{wanted: result.Wanted}
		if result.Err != nil {
			sum.err, one.err = result.Err, result.Err.Error()
		}
		sum.sessions[fmt.Sprint(n)] = one
		if result.Err == nil && result.Proven+result.NotSent != result.Offered {
			r.t.Errorf("partition %d: %d proven and %d not sent of %d offered", n, result.Proven, result.NotSent, result.Offered)
		}
	}
	if err := pool.Close(); err != nil {
		r.t.Error(err)
	}
	return sum
}

func swiftPush(r *rig, devices, to string, only ...string) pushed {
	return swiftPushOf(r, peer.SendConfig{Devices: devices, To: to, Partitions: only})
}

func swiftPushOf(r *rig, cfg peer.SendConfig) pushed {
	cfg.SwiftDir, cfg.Device, cfg.Trace = r.swiftDir, device, true
	report, err := r.swift.Send(context.Background(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	sum := pushed{offered: int(report.Offered), wanted: int(report.Wanted), sessions: map[string]session{}}
	for _, event := range report.Trace {
		if event.Kind == "wanted" {
			one := sum.sessions[event.Partition]
			one.wanted++
			sum.sessions[event.Partition] = one
		}
	}
	for _, text := range report.Errors {
		where := strings.Split(strings.Fields(text)[0], "/") // HOST:PORT/device/partition
		number := where[len(where)-1]
		sum.sessions[number] = session{sum.sessions[number].wanted, text}
	}
	if !report.Success {
		sum.err = fmt.Errorf("%s", strings.Join(report.Errors, "; "))
	}
	return sum
}

// pairings are who sends to whom. Swift to Swift is package peer's own test.
var pairings = []struct {
	name    string
	push    func(r *rig, devices, to string, only ...string) pushed
	receive func(*rig, string) string
}{
	{oursToSwift, ourPush, swiftServer},
	{swiftToOurs, swiftPush, ourNode},
	{"ours to ours", ourPush, ourNode},
}

const oursToSwift, swiftToOurs = "ours to Swift", "Swift to ours"

// objects are what a disk is filled with: sizes on every border, names and
// metadata that must be quoted, and what POST and DELETE leave behind.
func objects() []peer.Op {
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
		put("/AUTH_a/c/typed earlier", "1700000035.00000", 10, nil),
		peer.Op{Op: peer.Post, Name: "/AUTH_a/c/typed earlier", Timestamp: "1700000041.00000", ContentTypeTimestamp: "1700000040.00000_000000000000000c",
			Headers: map[string]string{"Content-Type": "text/html"}},
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
			if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects()); err != nil {
				t.Fatal(err)
			}
			address := p.receive(r, to)
			first := p.push(r, from, address)
			if first.err != nil || first.wanted != first.offered || first.offered < 25 {
				t.Fatalf("first pass: %+v", first)
			}
			r.alike(from, to)
			second := p.push(r, from, address)
			if second.err != nil || second.wanted != 0 || second.offered != first.offered {
				t.Errorf("second pass: %+v", second)
			}
			r.sound(to)
		})
	}
}

// What is newer on the receiver stays, what is newer on the sender goes over:
// data, metadata, content type and tombstones, each by its own time, also where
// one was written with a time long past or to come.
func TestReceiverHasOther(t *testing.T) {
	put := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Put, Name: "/AUTH_a/c/" + name, Timestamp: ts, Size: 20, Seed: int64(ts[9])}
	}
	post := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Post, Name: "/AUTH_a/c/" + name, Timestamp: ts, Headers: map[string]string{"X-Object-Meta-At": ts}}
	}
	retype := func(name, ts, ctype string) peer.Op {
		op := post(name, ts)
		op.ContentTypeTimestamp, op.Headers["Content-Type"] = ctype, "text/at-"+ctype
		return op
	}
	remove := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/" + name, Timestamp: ts}
	}
	list := func(ops ...peer.Op) []peer.Op { return ops }
	const past, future = "0000000001.00000", "9999999998.00000"
	rows := []struct {
		from, to []peer.Op
		wanted   bool
		want     string // data, metadata and content type, or tombstone, that the receiver ends with
	}{
		{list(put("newer", t2)), list(put("newer", t1)), true, "data " + t2 + " " + t2 + " " + t2},
		{list(put("older", t1)), list(put("older", t2)), false, "data " + t2 + " " + t2 + " " + t2},
		{list(put("meta newer", t1), post("meta newer", t3)), list(put("meta newer", t1), post("meta newer", t2)), true, "data " + t1 + " " + t3 + " " + t1},
		{list(put("meta older", t1), post("meta older", t2)), list(put("meta older", t1), post("meta older", t3)), false, "data " + t1 + " " + t3 + " " + t1},
		{list(remove("deleted", t2)), list(put("deleted", t1)), true, "deleted " + t2},
		{list(remove("deleted before", t1)), list(put("deleted before", t2)), false, "data " + t2 + " " + t2 + " " + t2},
		{list(put("back", t2)), list(remove("back", t1)), true, "data " + t2 + " " + t2 + " " + t2},
		{list(put("deleted since", t1)), list(remove("deleted since", t2)), false, "deleted " + t2},

		{list(put("below metadata", t1), post("below metadata", t3), put("below metadata", t2)), list(put("below metadata", t1), post("below metadata", t3)), true, "data " + t2 + " " + t3 + " " + t2},
		{list(put("below its metadata", t2)), list(put("below its metadata", t1), post("below its metadata", t3)), true, "data " + t2 + " " + t3 + " " + t2},
		{list(put("data newer, meta older", t2)), list(put("data newer, meta older", t0), post("data newer, meta older", t1)), true, "data " + t2 + " " + t2 + " " + t2},
		{list(put("type newer", t0), retype("type newer", t2, t2)), list(put("type newer", t0), retype("type newer", t3, t1)), true, "data " + t0 + " " + t3 + " " + t2},
		{list(put("type older", t0), retype("type older", t3, t1)), list(put("type older", t0), retype("type older", t2, t2)), true, "data " + t0 + " " + t3 + " " + t2},
		{list(put("deleted below metadata", t0), post("deleted below metadata", t1), remove("deleted below metadata", t2)), list(put("deleted below metadata", t0), post("deleted below metadata", t3)), true, "deleted " + t2},
		{list(put("long ago", past)), nil, true, "data " + past + " " + past + " " + past},
		{list(put("long ago, posted", past), post("long ago, posted", t1)), list(put("long ago, posted", past)), true, "data " + past + " " + t1 + " " + past},
		{list(remove("deleted long ago", past)), nil, true, "deleted " + past},
		{list(put("to come", future)), list(put("to come", t1), post("to come", t2)), true, "data " + future + " " + future + " " + future},
		{list(remove("deleted some day", future)), list(put("deleted some day", t1)), true, "deleted " + future},
	}
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			want, wanted := map[string]string{}, 0
			var sender, receiver []peer.Op
			for _, row := range rows {
				sender, receiver = append(sender, row.from...), append(receiver, row.to...)
				want[row.from[0].Name] = row.want
				if row.wanted {
					wanted++
				}
			}
			for dir, ops := range map[string][]peer.Op{from: sender, to: receiver} {
				if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
					t.Fatal(err)
				}
			}
			address := p.receive(r, to)
			if result := p.push(r, from, address); result.err != nil || result.wanted != wanted {
				t.Errorf("%+v, want %d wanted", result, wanted)
			}
			got := map[string]string{}
			for _, o := range r.inspect(to).Objects {
				got[o.Name] = o.State + " " + o.TS
				if o.State == peer.StateData {
					got[o.Name] = strings.Join([]string{o.State, o.DataTS, o.TS, o.CTypeTS}, " ")
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if again := p.push(r, from, address); again.err != nil || again.wanted != 0 {
				t.Errorf("the second time: %+v", again)
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
			r.alike(from, to)
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
	if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, objects()); err != nil {
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
	if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, objects()[:3]); err != nil {
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
func (r *rig) alike(from, to string) {
	r.t.Helper()
	for partition, lines := range compare(r.inspect(from), r.inspect(to)) {
		r.t.Errorf("partition %s differs in %d things:\n%s", partition, len(lines), strings.Join(lines[:min(len(lines), 20)], "\n"))
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
