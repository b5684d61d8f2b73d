package workload_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/proto"
)

// Each letter is the set that the reports say it is.
func TestStandard(t *testing.T) {
	for _, want := range []struct {
		name           string
		scale          float64
		objects, moved int
		bytes          int64
	}{
		{"S", 1, 20_000, 20_000, 20_000 << 12},
		{"M", 1, 2_000, 2_000, 2_000 << 20},
		{"L", 1, 64, 64, 4 << 30},
		{"L", 0.001, 1, 1, 64 << 20},
		{"N", 50, 1_000_000, 0, 0},
		{"U", 1, 20_000, 200, 200 << 12},
		{"U", 0.00505, 101, 2, 2 << 12},
		{"P", 0.1, 2_000, 2_000, 2_000 << 12},
		{"H", 0.1, 2_000, 2_000, 2_000 << 12},
		{"I", 1, 20_000, 0, 0},
	} {
		set, err := workload.Standard(want.name, want.scale, storetest.Time(0))
		if err != nil {
			t.Fatal(err)
		}
		if objects, bytes := set.Moved(); set.Spec.Objects != want.objects || objects != want.moved || bytes != want.bytes {
			t.Errorf("%s at %v: %d objects, %d of them move, %d bytes", want.name, want.scale, set.Spec.Objects, objects, bytes)
		}
	}
	for name, scale := range map[string]float64{"Z": 1, "S": 0, "M": -1, "L": 1e9} {
		if set, err := workload.Standard(name, scale, storetest.Time(0)); err == nil {
			t.Errorf("%s at %v is %+v", name, scale, set)
		}
	}
}

// The mixture's sizes are those of the documentation, in no order but always the
// same.
func TestLogNormal(t *testing.T) {
	const n = 2001
	size := workload.LogNormal(n, 4)
	sizes := make([]int, n)
	sum := 0
	for i := range sizes {
		sizes[i] = size(i)
		sum += sizes[i]
	}
	if slices.IsSorted(sizes) {
		t.Error("the sizes ascend")
	}
	slices.Sort(sizes)
	if median := sizes[n/2]; median != 32<<10 {
		t.Errorf("median %d", median)
	}
	if sizes[0] < 64 || sizes[n-1] < 64<<20 || sizes[n-1] > 1<<30 || sizes[n*99/100] < 6<<20 {
		t.Errorf("from %d to %d, 99 %% below %d", sizes[0], sizes[n-1], sizes[n*99/100])
	}
	if mean := sum / n; mean < 400_000 || mean > 480_000 {
		t.Errorf("mean %d", mean)
	}
	again := workload.LogNormal(n, 4)
	for i := range n {
		if again(i) != size(i) {
			t.Fatalf("object %d: %d, and %d again", i, size(i), again(i))
		}
	}
	if most := workload.LogNormal(1_000_000, 1); slices.Max(collect(1_000_000, most)) != 1<<30 {
		t.Error("a million objects have none of 1 GiB")
	}
}

func collect(n int, size func(int) int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size(i)
	}
	return sizes
}

// A disk is filled over the ring's partitions, each object where its hash says;
// touching some changes those, and no others.
func TestFillDisk(t *testing.T) {
	const power = 3
	set, err := workload.Standard("U", 0.01, storetest.Time(0))
	if err != nil {
		t.Fatal(err)
	}
	set.Every = 7
	disk := func() (workload.Disk, string) {
		s := storetest.New(t)
		d, err := s.Device("d1")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return workload.Disk{Device: d, Policy: s.Cluster().Policies[0], PartPower: power}, filepath.Join(s.Devices(), "d1")
	}
	cluster := storetest.Cluster(t)
	filler := workload.NewFiller(set.Spec, cluster.Secret)
	a, pathA := disk()
	b, pathB := disk()
	for _, d := range []workload.Disk{a, b} {
		if err := filler.FillDisk(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	compare := func() *verify.Report {
		r, err := verify.Trees(t.Context(), verify.Config{A: pathA, B: pathB, Cluster: cluster, Policy: cluster.Policies[0]})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := compare(); r.Count > 0 || r.Objects != set.Spec.Objects {
		t.Errorf("%d objects: %v", r.Objects, r.Differences)
	}
	wantPartitions(t, a, cluster.Secret.Hash, filler, set.Spec.Objects)
	if err := filler.Touch(t.Context(), a, set.Every, 1000); err != nil {
		t.Fatal(err)
	}
	if r := compare(); r.Count != set.Spec.Touched(set.Every) {
		t.Errorf("%d objects differ after %d were touched: %v", r.Count, set.Spec.Touched(set.Every), r.Differences)
	}
}

func wantPartitions(t *testing.T, d workload.Disk, hash func(string) proto.Hash, f *workload.Filler, n int) {
	t.Helper()
	numbers, err := d.Device.Partitions(d.Policy)
	if err != nil {
		t.Fatal(err)
	}
	if len(numbers) != 1<<d.PartPower {
		t.Errorf("partitions %v", numbers)
	}
	for i := range n {
		h := hash(f.Name(i))
		o, err := d.Device.Partition(d.Policy, h.Partition(d.PartPower)).Open(h)
		if err != nil {
			t.Fatalf("object %d is not where it belongs: %v", i, err)
		}
		o.Close()
	}
	digests, err := d.Device.Partition(d.Policy, numbers[0]).Digests(context.Background(), nil, false)
	if err != nil || len(digests) == 0 {
		t.Errorf("digests of partition %d: %v, %v", numbers[0], digests, err)
	}
}
