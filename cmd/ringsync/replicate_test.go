package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// listening is a node of ours, and its port.
func listening(t *testing.T, s *store.Store) int {
	t.Helper()
	node, err := dataplane.New(dataplane.Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := node.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// replicatorConf is an object-server.conf of this node and its swift_dir, with a ring
// in which its device has the first of two partitions, and the peer's both.
func replicatorConf(t *testing.T, devices string, peer int) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := swiftDir(t)
	dev := func(id, port int) *ring.Device {
		return &ring.Device{ID: id, Region: 1, Zone: id, IP: "127.0.0.1", Port: port, ReplicationIP: "127.0.0.1", ReplicationPort: port, Name: "d1", Weight: 1}
	}
	file := ringtest.Encode(t, []*ring.Device{dev(0, 1), dev(1, peer)}, [][]uint16{{0, 1}, {1, 1}}, nil)
	ringtest.Write(t, filepath.Join(dir, "object.ring.gz"), file)
	path := filepath.Join(dir, "object-server.conf")
	text := fmt.Sprintf("[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = 1\nmount_check = no\nuser = %s\nswift_dir = %s\ndevices = %s\nreclaim_age = 3000000000\n"+
		"[pipeline:main]\npipeline = object-server\n[app:object-server]\nuse = egg:swift#object\n"+
		"[object-replicator]\nconcurrency = 2\nconn_timeout = 10\nrecon_cache_path = %s\n", u.Username, dir, devices, dir)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// replicate makes a pass by Swift's configuration and rings: what belongs here is
// brought to the other primary, the handoff goes. A dry run before does neither.
func TestReplicate(t *testing.T) {
	from, to := storetest.New(t, func(c *store.Config) { c.ReclaimAge = 1 << 62 }), storetest.New(t)
	at := func(s *store.Store, n uint32) *store.Partition {
		return storetest.Device(t, s).Partition(s.Cluster().Policies[0], n)
	}
	for n, name := range []string{"/a/c/primary", "/a/c/handoff"} {
		if err := storetest.Put(at(from, uint32(n)), name, storetest.Time(1), []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	conf := replicatorConf(t, from.Devices(), listening(t, to))
	base := []string{"replicate", conf, "--once", "--json", "--state-dir", t.TempDir()}
	pass := func(args ...string) (r replicator.Report) {
		t.Helper()
		out, err := execute(t, append(base, args...)...)
		if unmarshal := json.Unmarshal([]byte(out), &r); err != nil || unmarshal != nil {
			t.Fatalf("%v, %v: %s", err, unmarshal, out)
		}
		return r
	}
	if r := pass("--dry-run"); r.Attempted != 2 || r.Offered != 0 {
		t.Errorf("%+v", r)
	}
	if r := pass("--partitions", "1", "--devices", "d1", "--policies", "0"); r.Attempted != 1 || r.Removed != 1 || r.Sent != 1 {
		t.Errorf("%+v", r)
	}
	if r := pass(); r.Attempted != 1 || r.Sent != 1 || r.Failure != 0 {
		t.Errorf("%+v", r)
	}
	if out, err := execute(t, "replicate", conf, "--once", "--state-dir", t.TempDir()); err != nil || !strings.Contains(out, "1 of 1 partitions on 1 devices") {
		t.Errorf("%v: %s", err, out)
	}
	for n, name := range []string{"/a/c/primary", "/a/c/handoff"} {
		if got := storetest.MustState(t, at(to, uint32(n)), name); got == "nothing" {
			t.Errorf("%s has not arrived", name)
		}
	}
	if there, err := at(from, 1).Exists(); there || err != nil {
		t.Errorf("the handoff is still there: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(filepath.Dir(conf), "object.recon")); err != nil || !strings.Contains(string(text), `"object_replication_last"`) {
		t.Errorf("recon: %s, %v", text, err)
	}
}

// A limits file is read before the pass: it says how many jobs there are at once, and
// what a session's bytes are held to.
func TestReplicateLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "limits")
	if err := os.WriteFile(path, []byte("[node]\nout = 1k\n[peer 127.0.0.1]\nout = 2k\n[replicator]\nconcurrency = 40\nper_device = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := replicateOptions{limits: path, perDevice: 2, perPeer: 5}
	cfg := replicator.Config{Concurrency: 1}
	if err := o.limit(&cfg); err != nil || cfg.Concurrency != 40 || cfg.PerDevice != 3 || cfg.PerPeer != 5 {
		t.Fatalf("%+v, %v", cfg, err)
	}
	if l := cfg.Sender.Limits.Limits(); l.Node.Out != 1000 || l.Peers["127.0.0.1"].Out != 2000 {
		t.Errorf("%+v", l)
	}
}

// What would let a part of the partitions rot is refused, and so are wrong words.
func TestReplicateUsage(t *testing.T) {
	conf := replicatorConf(t, storetest.New(t).Devices(), 1)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"a filter for ever", []string{"--devices", "d1"}, "go with --once"},
		{"a dry run for ever", []string{"--dry-run"}, "go with --once"},
		{"no partition", []string{"--once", "--partitions", "03"}, "--partitions"},
		{"no policy", []string{"--once", "--policies", "gold"}, "--policies"},
		{"no limits file", []string{"--once", "--limits", "/nowhere"}, "--limits: "},
		{"an engine that there is not", []string{"--once", "--engine", "steam"}, "steam"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := execute(t, append([]string{"replicate", conf, "--state-dir", t.TempDir()}, test.args...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	if _, err := execute(t, "replicate", "/nowhere.conf", "--once"); err == nil || !strings.Contains(err.Error(), "/nowhere.conf") {
		t.Errorf("%v", err)
	}
}
