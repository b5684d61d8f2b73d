package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

func execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func swiftDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "swift.conf"), []byte(storetest.SwiftConf), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// push replicates to a node and says so; verify finds both devices the same, and
// then, when something is gone, not any more.
func TestPushAndVerify(t *testing.T) {
	from, to := storetest.New(t), storetest.New(t)
	for _, name := range []string{"/a/c/1", "/a/c/2", "/a/c/3"} {
		if err := storetest.Put(storetest.Partition(t, from), name, storetest.Time(1), []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	node := nodetest.Start(t, dataplane.Config{Store: to})
	conf := swiftDir(t)
	out, err := execute(t, "push", "--to", node.Address, "--devices", from.Devices(), "--device", "d1", "--swift-dir", conf, "--json")
	var said struct{ Offered, Sent, Proven, Failed int }
	if unmarshal := json.Unmarshal([]byte(out), &said); err != nil || unmarshal != nil || said.Offered != 3 || said.Sent != 3 || said.Proven != 3 {
		t.Errorf("%v, %v: %s", err, unmarshal, out)
	}
	out, err = execute(t, "push", "--to", node.Address, "--devices", from.Devices(), "--device", "d1", "--swift-dir", conf, "--verb", "replication")
	if err != nil || !strings.Contains(out, "wanted 0, sent 0, proven 0") || !strings.Contains(out, "not proven: 3") {
		t.Errorf("as in 2013: %v: %s", err, out)
	}
	if out, err = execute(t, "push", "--to", node.Address, "--devices", from.Devices(), "--device", "d1", "--remote-device", "gone", "--swift-dir", conf); err == nil || !strings.Contains(out, "507") {
		t.Errorf("a device that is not there: %v: %s", err, out)
	}
	node.Stop()
	a, b := filepath.Join(from.Devices(), "d1"), filepath.Join(to.Devices(), "d1")
	if out, err := execute(t, "verify", a, b, "--swift-dir", conf); err != nil || !strings.Contains(out, "3 objects") {
		t.Errorf("%v: %s", err, out)
	}
	if err := os.RemoveAll(filepath.Join(b, "objects")); err != nil {
		t.Fatal(err)
	}
	if out, err := execute(t, "verify", a, b, "--swift-dir", conf); err == nil || !strings.Contains(out, "only in") {
		t.Errorf("%v: %s", err, out)
	}
}

// A swift.conf of another cluster is noticed before anything goes to quarantine.
func TestPushUnderAnotherSecret(t *testing.T) {
	s := storetest.New(t)
	if err := storetest.Put(storetest.Partition(t, s), "/a/c/1", storetest.Time(1), nil); err != nil {
		t.Fatal(err)
	}
	conf := swiftDir(t)
	other := strings.Replace(storetest.SwiftConf, "= pre", "= other", 1)
	if err := os.WriteFile(filepath.Join(conf, "swift.conf"), []byte(other), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := execute(t, "push", "--to", "127.0.0.1:1", "--devices", s.Devices(), "--device", "d1", "--swift-dir", conf)
	if err == nil || !strings.Contains(err.Error(), "swift_hash_path_prefix") {
		t.Errorf("%v, want one that asks for the hash prefix", err)
	}
	if _, err := os.Stat(filepath.Join(s.Devices(), "d1", "quarantined")); !os.IsNotExist(err) {
		t.Errorf("something is in quarantine: %v", err)
	}
}

// A device that a daemon found suspect offers nothing until it is cleared.
func TestPushFromASuspectDevice(t *testing.T) {
	var trouble = storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallSync {
			return unix.EIO
		}
		return nil
	}}
	state := t.TempDir()
	s := storetest.New(t, func(c *store.Config) { c.StateDir, c.Witness = state, trouble })
	if err := storetest.Put(storetest.Partition(t, s), "/a/c/1", storetest.Time(1), nil); err == nil {
		t.Fatal("stored, though no fsync went well")
	}
	_, err := execute(t, "push", "--to", "127.0.0.1:1", "--devices", s.Devices(), "--device", "d1", "--swift-dir", swiftDir(t), "--state-dir", state)
	if err == nil || !strings.Contains(err.Error(), "suspect") {
		t.Errorf("%v, want one that calls the device suspect", err)
	}
}

// Wrong words are refused in a sentence that names them.
func TestUsage(t *testing.T) {
	conf, devices := swiftDir(t), storetest.New(t).Devices()
	base := []string{"push", "--to", "127.0.0.1:1", "--devices", devices, "--device", "d1", "--swift-dir", conf}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no receiver", []string{"push", "--device", "d1"}, `"to" not set`},
		{"an erasure-coded policy", append(base, "--policy", "1"), "--policy 1"},
		{"a partition that is not there", append(base, "--partition", "7"), "objects/7 is not there"},
		{"a partition of letters", append(base, "--partition", "x"), "--partition"},
		{"a verb of its own", append(base, "--verb", "REPLICATE"), "--verb"},
		{"a long suffix", append(base, "--suffixes", "abcd"), "--suffixes"},
		{"a device that leads out", append(base, "--device", "../x"), "not a device name"},
		{"one device to verify", []string{"verify", "a"}, "accepts 2 arg"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := execute(t, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}
