package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// With --replicate the daemon makes passes beside its sessions, as its file says;
// without it makes none, and says so. A signal ends both.
func TestDaemonReplicates(t *testing.T) {
	from, to := storetest.New(t), storetest.New(t)
	node := faultstest.Start(t, to)
	if err := storetest.Put(storetest.Partition(t, from), "/a/c/o", storetest.Time(1), []byte("body")); err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(node.Address)
	var peer int
	fmt.Sscan(text, &peer)
	port := freePort(t)
	var own int
	fmt.Sscan(port, &own)
	dir := swiftDir(t)
	dev := func(id, port int) *ring.Device {
		return &ring.Device{ID: id, Region: 1, Zone: id, IP: "127.0.0.1", Port: port, ReplicationIP: "127.0.0.1", ReplicationPort: port, Name: "d1", Weight: 1}
	}
	ringtest.Write(t, filepath.Join(dir, "object.ring.gz"), ringtest.Encode(t, []*ring.Device{dev(0, own), dev(1, peer)}, [][]uint16{{0}, {1}}, nil))
	cache := t.TempDir()
	def := "user = " + whoAmI(t) + "\nbind_port = " + port + "\ndevices = " + from.Devices() + "\nswift_dir = " + dir + "\nreclaim_age = 3000000000"
	path := conf(t, def, "") // ends with [object-replicator]
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(file, "recon_cache_path = %s\nconn_timeout = 10\nsync_method = rsync\n", cache)
	file.Close()

	still := start(t, "--state-dir="+t.TempDir(), path)
	still.healthy()
	still.stop()
	if !strings.Contains(still.log, "without --replicate ringsyncd starts no sessions") {
		t.Errorf("it does not say that it makes no passes:\n%s", still.log)
	}
	if got := storetest.MustState(t, storetest.Partition(t, to), "/a/c/o"); got != "nothing" {
		t.Errorf("a pass was made, and nobody asked for it: %s", got)
	}

	d := start(t, "--state-dir="+t.TempDir(), "--replicate", "--allow-peers=ring", path)
	d.until("Object replication complete. (")
	d.healthy()
	d.stop()
	if got := storetest.MustState(t, storetest.Partition(t, to), "/a/c/o"); got == "nothing" {
		t.Errorf("the object has not arrived:\n%s", d.log)
	}
	if n := strings.Count(d.log, "object.ring.gz"); n != 1 {
		t.Errorf("the ring was read %d times, for peers and for passes:\n%s", n, d.log)
	}
	if !strings.Contains(d.log, "there is no rsync here") {
		t.Errorf("no word about rsync:\n%s", d.log)
	}
	for _, want := range []string{"object.recon", "replicator-*-d1"} {
		if found, _ := filepath.Glob(filepath.Join(cache, want)); len(found) != 1 {
			t.Errorf("%s: %v", want, found)
		}
	}
}

// until reads the log until a line has a text.
func (d *daemon) until(text string) {
	d.t.Helper()
	piece := make([]byte, 1)
	var line strings.Builder
	for !strings.Contains(line.String(), text) {
		if _, err := io.ReadFull(d.rest, piece); err != nil {
			d.t.Fatalf("%q never came: %v\n%s", text, err, d.log)
		}
		if line.WriteByte(piece[0]); piece[0] == '\n' {
			d.log += line.String()
			line.Reset()
		}
	}
	d.log += line.String()
}
