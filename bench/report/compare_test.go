package report

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// set is a report of two rows, each of runs that scatter by a tenth around a
// second, times slow.
func set(seed uint64, runs int, slow float64) *Report {
	random := rand.New(rand.NewPCG(seed, 0))
	draw := func() []float64 {
		values := make([]float64, runs)
		for i := range values {
			values[i] = slow * (0.95 + 0.1*random.Float64())
		}
		return values
	}
	return &Report{Schema: Schema, Rows: []*Row{row(small, "ringsync", draw()...), row(small, "swift", draw()...)}}
}

// A set that is slowed by a fifth is noticed, in every row; and the other way
// round it is called better.
func TestCompareNoticesASlowedSet(t *testing.T) {
	for slow, want := range map[float64]Verdict{1.2: Worse, 0.8: Better} {
		deltas, alone := Compare(set(1, 5, 1), set(2, 5, slow))
		if len(deltas) != 2*len(compared) || len(alone) > 0 {
			t.Fatalf("%d deltas, alone %v", len(deltas), alone)
		}
		for _, d := range deltas {
			if d.Measure != "peak memory" && d.Verdict != want {
				t.Errorf("times %v: %s of %s is %v, p %v", slow, d.Measure, d.Contestant, d.Verdict, d.P)
			}
			if d.Measure == "peak memory" && d.Verdict != Same {
				t.Errorf("memory is %v", d.Verdict)
			}
		}
	}
}

// Equal sets are not told apart: of a thousand pairs about one in a hundred may
// be, by the level that is asked for.
func TestCompareLeavesEqualSetsAlone(t *testing.T) {
	wrong, all := 0, 0
	for seed := range uint64(500) {
		deltas, _ := Compare(set(2*seed, 5, 1), set(2*seed+1, 5, 1))
		for _, d := range deltas {
			if d.Measure == "seconds" {
				all++
				if d.Verdict != Same {
					wrong++
				}
			}
		}
	}
	if wrong > all/40 {
		t.Errorf("%d of %d equal pairs are called different", wrong, all)
	}
}

// With too few runs nothing is claimed, and it says what is missing; rows that
// only one report has are named.
func TestCompareClaimsNothingWithoutRuns(t *testing.T) {
	before, after := set(1, 3, 1), set(2, 3, 5)
	after.Rows = append(after.Rows, row(large, "ringsync", 1))
	before.Rows = append(before.Rows, row(large, "rsync", 1))
	deltas, alone := Compare(before, after)
	for _, d := range deltas {
		if d.Verdict != Unknown || !strings.Contains(d.Why, "samples") {
			t.Errorf("%s of %s: %v, %q", d.Measure, d.Contestant, d.Verdict, d.Why)
		}
	}
	if len(alone) != 2 || !strings.HasPrefix(alone[0], "only new: L") || !strings.HasPrefix(alone[1], "only old: L") {
		t.Errorf("alone: %q", alone)
	}
	var out strings.Builder
	if err := PrintDeltas(&out, deltas, alone); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"S×1000 xfs warm 1s 1p  ringsync", "CPU receiver", "0 worse, 0 better", "only old: L×16 dir cold 4s 64p rsync"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// What one of them did not measure is not compared.
func TestCompareLeavesOutWhatIsMissing(t *testing.T) {
	before, after := set(1, 5, 1), set(2, 5, 1)
	delete(after.Rows[0].Samples, ReceiverUser)
	deltas, _ := Compare(before, after)
	for _, d := range deltas {
		if d.Contestant == "ringsync" && (d.Measure == "CPU" || d.Measure == "CPU receiver") {
			t.Errorf("%s is compared: %+v", d.Measure, d)
		}
	}
}
