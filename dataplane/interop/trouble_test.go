package interop_test

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

func many(n int) []peer.Op {
	ops := make([]peer.Op, n)
	for i := range ops {
		ops[i] = peer.Op{Op: peer.Put, Name: fmt.Sprintf("/AUTH_a/c/%d", i), Timestamp: t1, Size: 1000, Seed: int64(i)}
	}
	return ops
}

// A receiver whose disk has no room beyond its reserve refuses each object, and
// gives the session up at the threshold; whoever sends is told so in Swift's
// words, and nothing is left on the disk.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	const threshold = 3
	full := map[string]func(*rig, string) string{
		oursToSwift: func(r *rig, devices string) string {
			return peertest.Server(r.t, r.swift, peer.ServerConfig{SwiftDir: r.swiftDir, Devices: devices,
				Set: map[string]string{"fallocate_reserve": "100%", "replication_failure_threshold": fmt.Sprint(threshold)}}).Addr()
		},
		swiftToOurs: func(r *rig, devices string) string {
			return nodeWith(r, devices, func(c *dataplane.Config) {
				c.Store = r.store(devices, func(c *store.Config) { c.Reserve = store.Reserve{Percent: 100} })
				c.Receiver.FailureThreshold = threshold
			})
		},
	}
	for _, p := range pairings[:2] {
		for _, objects := range []int{threshold - 1, 10} {
			t.Run(fmt.Sprintf("%s, %d objects", p.name, objects), func(t *testing.T) {
				r := newRig(t)
				from, to := disk(t), disk(t)
				if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, many(objects)); err != nil {
					t.Fatal(err)
				}
				result := p.push(r, from, full[p.name](r, to))
				want := fmt.Sprintf("Too many %d failures to 0 successes", threshold)
				if objects < threshold {
					want = fmt.Sprintf("ERROR: With :UPDATES: %d failures to 0 successes", objects)
				}
				if result.err == nil || !strings.Contains(result.err.Error(), want) {
					t.Errorf("%v, want %q in it", result.err, want)
				}
				for _, pattern := range []string{"objects/*/???/*/*", "tmp/*"} {
					if files, _ := filepath.Glob(filepath.Join(to, device, pattern)); len(files) > 0 {
						t.Errorf("left behind: %q", files)
					}
				}
				r.sound(to)
			})
		}
	}
}

// Swift's sender is kept waiting for twice as long as it waits for a line, by a
// disk on which the check is slow but moves on; our blank lines keep it.
func TestKeepAliveOfSwift(t *testing.T) {
	r := newRig(t)
	from, to := disk(t), disk(t)
	const objects = 20
	if err := r.swift.Fill(t.Context(), r.swiftDir, from, device, many(objects)); err != nil {
		t.Fatal(err)
	}
	const pause = 250 * time.Millisecond
	var checked atomic.Int64
	slow := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallOpen && len(path.Base(op.Path)) == 32 && checked.Add(1) <= objects {
			time.Sleep(pause) // before a hash directory is read
		}
		return nil
	}}
	address := nodeWith(r, to, func(c *dataplane.Config) {
		c.Store = r.store(to, func(c *store.Config) { c.Witness = slow })
		c.Receiver.KeepAlive = pause / 5
	})
	result := swiftPushOf(r, peer.SendConfig{Devices: from, To: address, Timeout: objects / 2 * pause})
	if result.err != nil || result.wanted != objects {
		t.Errorf("%+v", result)
	}
	r.alike(from, to)
}
