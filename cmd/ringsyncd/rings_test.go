package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// There is one set of rings, and it is looked at as often as ring_check_interval says.
func TestSharedRings(t *testing.T) {
	cluster, log := storetest.Cluster(t), slog.New(slog.DiscardHandler)
	for _, test := range []struct {
		interval time.Duration
		seen     int // devices, once there are three
	}{{time.Hour, 2}, {0, 3}} {
		dir := t.TempDir()
		write := func(n int) {
			ringtest.Write(t, filepath.Join(dir, "object.ring.gz"), ringtest.Encode(t, ringtest.Devices(n), ringtest.Rows(1, 2, n), nil))
		}
		write(2)
		s := &config.Settings{SwiftDir: dir}
		s.Replicator.RingCheckInterval = test.interval
		var shared sharedRings
		first, err := shared.open(s, cluster, log)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := shared.open(s, cluster, log); again != first || err != nil {
			t.Errorf("another set: %v", err)
		}
		write(3)
		if state, _ := first.State(0); state.Ring == nil || len(state.Ring.Devices()) != test.seen {
			t.Errorf("interval %v: %+v", test.interval, state)
		}
	}
}
