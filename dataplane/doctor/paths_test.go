package doctor

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/engine"
)

func pathLines(t *testing.T, cfg engine.Config, direct bool) []string {
	t.Helper()
	rules, err := engine.NewRules(cfg)
	if err != nil {
		if os.Getenv("REQUIRE_URING") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var lines []string
	for _, p := range paths(rules, rules.DirectFrom, direct) {
		if p.Text == "" || strings.HasPrefix(p.Text, ":") {
			t.Errorf("no words for %+v", p)
		}
		lines = append(lines, fmt.Sprintf("%s, %s: %s/%s", p.Kind(), p.Sizes(), p.Way, p.Reason))
	}
	return lines
}

// Every kind of body has its paths, without a gap, and they are those that the
// engine chooses: by engine, by the sizes that an operator sets, and by what the
// device takes.
func TestPaths(t *testing.T) {
	for _, row := range []struct {
		cfg    engine.Config
		direct bool
		want   []string
	}{
		{engine.Config{Name: "portable"}, true, []string{
			"sending, warm, no digest, below 64 KiB: packed/small", "sending, warm, no digest, from 64 KiB: copy/engine",
			"sending, warm, digest, below 64 KiB: packed/small", "sending, warm, digest, from 64 KiB: copy/engine",
			"sending, cold, no digest, below 64 KiB: packed/small", "sending, cold, no digest, from 64 KiB: copy/engine",
			"sending, cold, digest, below 64 KiB: packed/small", "sending, cold, digest, from 64 KiB: copy/engine",
			"landing, below 64 KiB: packed/small", "landing, from 64 KiB: land_copy/engine",
		}},
		{engine.Config{Name: "uring", DirectFrom: 8 << 20}, true, []string{
			"sending, warm, no digest, below 64 KiB: packed/small", "sending, warm, no digest, from 64 KiB: sendfile/warm",
			"sending, warm, digest, below 64 KiB: packed/small", "sending, warm, digest, from 64 KiB: copy/digest", "sending, warm, digest, from 1 MiB: ring/digest",
			"sending, cold, no digest, below 64 KiB: packed/small", "sending, cold, no digest, from 64 KiB: sendfile/small", "sending, cold, no digest, from 1 MiB: ring/cold", "sending, cold, no digest, from 8 MiB: ring/direct",
			"sending, cold, digest, below 64 KiB: packed/small", "sending, cold, digest, from 64 KiB: copy/digest", "sending, cold, digest, from 1 MiB: ring/digest", "sending, cold, digest, from 8 MiB: ring/digest",
			"landing, below 64 KiB: packed/small", "landing, from 64 KiB: land_copy/small", "landing, from 1 MiB: land_copy/not_direct", "landing, from 8 MiB: land_ring/direct",
		}},
		{engine.Config{Name: "uring"}, false, []string{
			"sending, warm, no digest, below 64 KiB: packed/small", "sending, warm, no digest, from 64 KiB: sendfile/warm",
			"sending, warm, digest, below 64 KiB: packed/small", "sending, warm, digest, from 64 KiB: copy/digest", "sending, warm, digest, from 1 MiB: ring/digest",
			"sending, cold, no digest, below 64 KiB: packed/small", "sending, cold, no digest, from 64 KiB: sendfile/small", "sending, cold, no digest, from 1 MiB: ring/cold",
			"sending, cold, digest, below 64 KiB: packed/small", "sending, cold, digest, from 64 KiB: copy/digest", "sending, cold, digest, from 1 MiB: ring/digest",
			"landing, below 64 KiB: packed/small", "landing, from 64 KiB: land_copy/small", "landing, from 1 MiB: land_copy/not_direct",
		}},
	} {
		t.Run(row.cfg.Name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, pathLines(t, row.cfg, row.direct)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The report has what io_uring can do, the memory, and the paths of the machine and
// of each device.
func TestReportsPaths(t *testing.T) {
	cfg := patient(t)
	r := examined(t, cfg)
	if r.Rings.Text == "" || r.Rings.ZeroCopy == "" || r.Rings.Works != (r.Engine == "uring") || r.Rings.Works && len(r.Rings.Flags) == 0 {
		t.Errorf("%+v", r.Rings)
	}
	if r.Memory.Most < 64<<20 || len(r.Memory.Lines) < 6 {
		t.Errorf("%+v", r.Memory)
	}
	if len(r.Paths) < 10 || !cmp.Equal(r.Paths, r.Devices[0].Paths) {
		t.Errorf("%+v\n%+v", r.Paths, r.Devices[0].Paths)
	}
	cfg.Engine = "warp"
	if r := examined(t, cfg); len(r.Paths) != 0 || len(r.Problems) != 1 {
		t.Errorf("%+v", r)
	}
}
