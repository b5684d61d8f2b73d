package replicator

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring"
)

// Many partitions on two disks, some here to stay and some not, four jobs at once,
// to a peer with two disks, and back to the own other disk: all arrive, and only
// handoffs go.
func TestSideBySide(t *testing.T) {
	c := newCluster(t, 2)
	for _, n := range c.nodes {
		if err := os.Mkdir(filepath.Join(n.devices, "d2"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	devices := []*ring.Device{c.dev(0, 0, "d1"), c.dev(1, 0, "d2"), c.dev(2, 1, "d1"), c.dev(3, 1, "d2")}
	var rows [][]int
	for row := range 2 {
		rows = append(rows, nil)
		for n := range 32 {
			rows[row] = append(rows[row], (n+2*row+n/8)%4)
		}
	}
	from := makeRing(t, devices, nil, rows...)
	c.rings.ring.Store(from)
	at := func(d *ring.Device, n uint32) string {
		s := c.nodes[d.ID/2].store
		dev, err := s.Device(d.Name)
		if err != nil {
			t.Fatal(err)
		}
		defer dev.Close()
		return storetest.MustState(t, dev.Partition(s.Cluster().Policies[0], n), fmt.Sprint("/a/c/o", n))
	}
	for _, name := range []string{"d1", "d2"} {
		for n := range uint32(32) {
			dev, err := c.nodes[0].store.Device(name)
			if err != nil {
				t.Fatal(err)
			}
			p := dev.Partition(c.nodes[0].store.Cluster().Policies[0], n)
			if err := storetest.Put(p, fmt.Sprint("/a/c/o", n), storetest.Time(1), []byte("body")); err != nil {
				t.Fatal(err)
			}
			dev.Close()
		}
	}
	var last Report
	for range 3 {
		last = c.pass(0, func(cfg *Config) { cfg.Concurrency, cfg.PerPeer = 4, 2 })
	}
	if last.Failure != 0 || last.Handoffs != 0 || last.Sent != 0 || last.HashMatch != last.Attempted {
		t.Errorf("%+v", last)
	}
	for n := range uint32(32) {
		belongs := map[int]bool{}
		for _, d := range from.Primaries(n) {
			belongs[d.ID] = true
		}
		for _, d := range devices {
			if got := at(d, n); belongs[d.ID] != (got != "nothing") {
				t.Errorf("device %d has %s of partition %d, of %v", d.ID, got, n, belongs)
			}
		}
	}
}
