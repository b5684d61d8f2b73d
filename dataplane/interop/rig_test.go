package interop_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/uring/uringtest"
	"github.com/ringsync/ringsync/hashes"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	uringtest.Restrict()
	// A third of what Swift imports looks up names, and all addresses here are numbers.
	os.Setenv("EVENTLET_NO_GREENDNS", "yes")
	goleak.VerifyTestMain(m)
}

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

func newRig(t *testing.T, opts ...peer.Option) *rig {
	r := &rig{t: t, swiftDir: peertest.SwiftDir(t, opts...)}
	r.swift = peertest.Stay(t, peertest.Require(t), r.swiftDir)
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

func ourNode(r *rig, devices string) string { return nodeWith(r, devices, func(*dataplane.Config) {}) }

func nodeWith(r *rig, devices string, edit func(*dataplane.Config)) string {
	cfg := dataplane.Config{Store: r.store(devices), Log: r.log, Engine: os.Getenv("RINGSYNC_ENGINE")}
	edit(&cfg)
	return nodetest.Start(r.t, cfg).Address
}

func swiftServer(r *rig, devices string) string {
	return peertest.Server(r.t, r.swift, peer.ServerConfig{SwiftDir: r.swiftDir, Devices: devices}).Addr()
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
