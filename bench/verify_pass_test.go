package bench

import (
	"testing"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// A pass counts only if it did a job for each partition, all of what was to do in it,
// and nothing else.
func TestPassed(t *testing.T) {
	right := map[string]contestant.Pass{}
	for name, edit := range map[string]func(*contestant.Pass){
		"P": func(p *contestant.Pass) { p.Stats.Sync = 3 },
		"H": func(p *contestant.Pass) { p.Stats.Sync, p.Stats.Remove = 3, 3 },
		"I": func(p *contestant.Pass) { p.Stats.HashMatch = 3 },
	} {
		p := contestant.Pass{Minutes: 0.5}
		p.Stats.Attempted = 3
		edit(&p)
		right[name] = p
	}
	failed, fewer := right["P"], right["P"]
	failed.Stats.Failure, fewer.Stats.Attempted = 1, 2
	for name := range right {
		w, err := workload.Standard(name, 0.01, storetest.Time(0))
		if err != nil {
			t.Fatal(err)
		}
		s := &set{Set: w, partitions: []uint32{1, 4, 9}}
		for other, p := range right {
			if err := s.passed(&p); (err == nil) != (name == other) {
				t.Errorf("a pass of %s, said to be one of %s: %v", other, name, err)
			}
		}
		for _, p := range []*contestant.Pass{nil, &failed, &fewer} {
			if s.passed(p) == nil {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}
