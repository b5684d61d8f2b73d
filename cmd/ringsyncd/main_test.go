package main

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// What can't work is refused at the start, in a sentence that names it.
func TestRefusals(t *testing.T) {
	empty := t.TempDir()
	noSecret := t.TempDir()
	if err := os.WriteFile(filepath.Join(noSecret, "swift.conf"), []byte("[swift-hash]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := swiftDir(t)
	wrongLimits := filepath.Join(empty, "limits.ini")
	if err := os.WriteFile(wrongLimits, []byte("[node]\nup = 5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no swift.conf", []string{"--swift-dir=" + empty}, "swift.conf"},
		{"no secret", []string{"--swift-dir=" + noSecret}, "swift_hash_path"},
		{"unknown engine", []string{"--swift-dir=" + good, "--engine=warp"}, "portable"},
		{"a configuration that is not there", []string{good + "/object-server.conf"}, good + "/object-server.conf"},
		{"two configurations", []string{"a.conf", "b.conf"}, "at most 1"},
		{"a bad value", []string{conf(t, "client_timeout = soon", "")}, "object-server.conf, line 4: [DEFAULT] client_timeout"},
		{"a server for clients", []string{conf(t, "", "replication_server = no")}, "answers clients only"},
		{"a user that is not there", []string{conf(t, "swift_dir = "+good+"\nuser = no-such-user", "")}, `user "no-such-user" does not exist`},
		{"an address that is not ours", []string{"--swift-dir=" + good, "--listen=192.0.2.1:0"}, "192.0.2.1:0"},
		{"an object server without a port", []string{"--swift-dir=" + good, "--object-server=127.0.0.1"}, "object server"},
		{"a group of nothing", []string{"--swift-dir=" + good, "--group-size=0"}, "--group-size 0"},
		{"a peer without an address", []string{"--swift-dir=" + good, "--allow-peers=ring,node7"}, "node7"},
		{"peers of rings that are not there", []string{"--swift-dir=" + good, "--allow-peers=ring"}, good + ": rings: no ring"},
		{"limits with a mistake", []string{"--swift-dir=" + good, "--limits=" + wrongLimits}, "limits.ini, line 2"},
		{"a log level of its own", []string{"--swift-dir=" + good, "--log-level=loud"}, "--log-level"},
		{"a reserve of its own", []string{"--swift-dir=" + good, "--fallocate-reserve=much"}, `--fallocate-reserve" flag: bytes or a percentage`},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := newCommand()
			cmd.SetArgs(append([]string{"--listen=127.0.0.1:0", "--devices=" + t.TempDir(), "--state-dir=" + t.TempDir()}, test.args...))
			if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
}

// The daemon says where it listens, and SIGTERM ends it with 0.
func TestSigterm(t *testing.T) {
	d := start(t, "--listen=127.0.0.1:0", "--mount-check=false", "--devices="+storetest.Devices(t), "--swift-dir="+swiftDir(t), "--state-dir="+t.TempDir())
	d.healthy()
	d.stop()
}

// With --allow-peers ring, nodes of the rings may connect and others not, and a
// list beside it holds as well.
func TestAllowPeersOfRing(t *testing.T) {
	for _, test := range []struct{ ip, list string }{{"127.0.0.1", "ring"}, {"10.0.0.1", "127.0.0.0/8,ring"}, {"10.0.0.1", "ring"}} {
		dir, devices := swiftDir(t), ringtest.Devices(2)
		devices[0].ReplicationIP = test.ip
		ringtest.Write(t, filepath.Join(dir, "object.ring.gz"), ringtest.Encode(t, devices, ringtest.Rows(1, 2, 2), nil))
		d := start(t, "--listen=127.0.0.1:0", "--mount-check=false", "--devices="+storetest.Devices(t), "--swift-dir="+dir, "--state-dir="+t.TempDir(), "--allow-peers="+test.list)
		if test.ip == "127.0.0.1" || test.list != "ring" {
			d.healthy()
		} else if answer, err := http.Get("http://" + d.address + "/healthcheck"); err == nil {
			answer.Body.Close()
			t.Error("answered to somebody of no ring")
		}
		if !strings.Contains(d.log, "peers="+test.list) || !strings.Contains(d.log, "ring read") {
			t.Error(d.log)
		}
		d.stop()
	}
}

var rewrite = flag.Bool("rewrite", false, "write KEYS.md anew")

// KEYS.md is what ringsyncd keys prints.
func TestKeys(t *testing.T) {
	t.Setenv("RINGSYNC_ENGINE", "")
	var printed bytes.Buffer
	cmd := newCommand()
	cmd.SetOut(&printed)
	cmd.SetArgs([]string{"keys"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile("KEYS.md", printed.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile("KEYS.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), printed.String()); diff != "" {
		t.Errorf("KEYS.md is stale; go test ./cmd/ringsyncd -run Keys -rewrite (-written +printed):\n%s", diff)
	}
}
