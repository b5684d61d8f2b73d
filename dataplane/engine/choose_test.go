package engine

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	best := Uring
	if _, _, err := Choose("uring"); err != nil {
		t.Log(err)
		best = Sendfile
	}
	for _, row := range []struct {
		name string
		want Name
	}{{"", best}, {"auto", best}, {"sendfile", Sendfile}, {"portable", Portable}} {
		got, why, err := Choose(row.name)
		if err != nil || got != row.want || !strings.HasPrefix(why, string(got)+": ") {
			t.Errorf("%q: got %q, %q, %v", row.name, got, why, err)
		}
	}
	_, _, err := Choose("warp" + strings.Repeat("p", 1000))
	if err == nil || !strings.Contains(err.Error(), "auto, uring, sendfile, portable") || len(err.Error()) > 200 {
		t.Errorf("unknown name: got error %v", err)
	}
}
