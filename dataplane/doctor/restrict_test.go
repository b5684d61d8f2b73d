package doctor

import (
	"os"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/uring/uringtest"
)

func TestMain(m *testing.M) { uringtest.Restrict(); os.Exit(m.Run()) }

// Where io_uring is forbidden or hidden, or hardly any memory may be locked, the
// report says so, and no path is of a ring that there is not.
func TestExamineRestricted(t *testing.T) {
	how := uringtest.Restricted()
	if how == "" {
		uringtest.Each(t, func(t *testing.T, how string) {
			uringtest.Rerun(t, how, "^TestExamineRestricted$", "RINGSYNC_ENGINE=")
		})
		return
	}
	r := examined(t, patient(t))
	want := map[string]string{uringtest.Forbidden: "forbidden", uringtest.Hidden: "seccomp", uringtest.Memlock: "RLIMIT_MEMLOCK"}[how]
	if !strings.Contains(r.Rings.Text, want) || !strings.Contains(r.Why, want) {
		t.Errorf("%q, %q: want %q in them", r.Rings.Text, r.Why, want)
	}
	if r.Rings.Registered || strings.Contains(r.Rings.ZeroCopy, "tried") {
		t.Errorf("%+v", r.Rings)
	}
	if r.Engine == "uring" {
		return // little memory is enough for rings without registered buffers
	}
	for _, p := range r.Paths {
		if strings.Contains(p.Way, "ring") {
			t.Errorf("%+v", p)
		}
	}
	if lanes := r.Memory.Lines[1]; lanes.What != "lanes" || lanes.Count != 0 {
		t.Errorf("%+v", lanes)
	}
}
