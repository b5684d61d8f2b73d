package interop_test

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/hashes/ring"
)

// Rings of Swift's builder, of many shapes, say to us what they say to Swift: the
// devices, and for each partition its primaries and all handoffs, in order.
func TestRings(t *testing.T) {
	t.Parallel()
	swift, dir := peertest.Require(t), peertest.SwiftDir(t)
	var seeds []int
	for seed := range 24 {
		seeds = append(seeds, seed)
	}
	rings, err := swift.BuildRings(t.Context(), dir, seeds)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string]int{}
	for path, want := range rings {
		got := readRing(t, path)
		if diff := cmp.Diff(want, factsOf(got, want.Partitions), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		count := func(shape string, is bool) {
			if is {
				shapes[shape]++
			}
		}
		count("a short row", want.Replicas != float64(int(want.Replicas)))
		count("a hole", want.Devices[len(want.Devices)-1].ID >= len(want.Devices))
		count("a device without partitions", want.Assigned < len(want.Devices))
		count("more partitions than places that are looked at", want.Power > 16)
		count("one on the way to more partitions", want.Next != nil)
		count("one that has more replicas than devices", want.Replicas > float64(want.Assigned))
	}
	if len(rings) != len(seeds) || len(shapes) != 6 {
		t.Errorf("%d rings of these shapes: %v", len(rings), shapes)
	}
}

func readRing(t *testing.T, path string) *ring.Ring {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ring.Read(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r
}

// factsOf says of a ring what package peer says, for the same partitions.
func factsOf(r *ring.Ring, partitions []peer.RingPartition) peer.RingFacts {
	facts := peer.RingFacts{Power: r.PartPower(), Replicas: r.Replicas(), Version: r.Version()}
	if next, ok := r.NextPartPower(); ok {
		facts.Next = &next
	}
	for _, d := range r.Devices() {
		facts.Devices = append(facts.Devices, peer.RingDevice{
			ID: d.ID, Region: d.Region, Zone: d.Zone, IP: d.IP, Port: d.Port,
			ReplicationIP: d.ReplicationIP, ReplicationPort: d.ReplicationPort,
			Device: d.Name, Weight: d.Weight, Meta: d.Meta,
		})
		if r.Assigned(d.ID) > 0 {
			facts.Assigned++
		}
	}
	for _, p := range partitions {
		facts.Partitions = append(facts.Partitions, peer.RingPartition{
			Part: p.Part, Primaries: idsOf(slices.Values(r.Primaries(p.Part))), Handoffs: idsOf(r.Handoffs(p.Part)),
		})
	}
	return facts
}

func idsOf(devices func(func(*ring.Device) bool)) []int {
	var ids []int
	for d := range devices {
		ids = append(ids, d.ID)
	}
	return ids
}
