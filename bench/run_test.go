package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/floor"
	"github.com/ringsync/ringsync/bench/report"
	"github.com/ringsync/ringsync/hashes"
)

// programs builds ringsync and ringsyncd, which the harness starts.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+"/", "../cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// pick is small work in memory that nobody waits for.
func pick(workload string, scale float64, contestants ...string) Pick {
	p := Pick{Workloads: list(workload), Scale: scale, Media: list("tmpfs"), Contestants: contestants, Runs: 1, Young: true}
	p.fill(ByHand())
	return p
}

// Our own contestants and the floors do every workload; each row has its runs, its
// measures and the command that makes it again; and nothing is left behind.
func TestRun(t *testing.T) {
	bin := programs(t)
	t.Setenv("TMPDIR", t.TempDir())
	several := pick("S", 0.01, "ringsync")
	several.Layouts, several.Sessions, several.Runs = list("64"), []int{4}, 2
	var said strings.Builder
	r, err := Run(t.Context(), Config{
		Picks: []Pick{
			pick("S", 0.005, "ringsync", "ringsync+sender-md5", "ringsync-sendfile+none", "ringsync+stored", "ringsync-to-sink", "engine", "floor-one", "floor-sendfile", "floor-tcp", "floor-write", "floor-read", "floor-md5"),
			pick("M", 0.001, "ringsync", "ringsync+stored", "ringsync+none", "ringsync+md5", "engine"), pick("L", 0.001, "ringsync"), pick("X", 0.005, "ringsync"),
			pick("N", 0.005, "ringsync", "floor-md5"), pick("U", 0.005, "ringsync", "ringsync+sender-md5"), several,
			pick("P", 0.005, "ringsync", "ringsync+none", "rsync", "floor-write"), pick("H", 0.005, "ringsync"), pick("I", 0.005, "ringsync"),
		},
		Suite: "test", Command: "ringsync bench --test", BinDir: bin, Out: &said,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	labels := map[string]int{}
	for _, row := range r.Rows {
		labels[fmt.Sprintf("%s %d %s", row.Workload, row.Partitions, row.Contestant)] = row.Runs()
		wantMeasures(t, row)
		if !strings.Contains(row.Command, "ringsync bench --workload "+row.Workload) || !strings.Contains(row.Command, "--contestant "+row.Contestant+" ") {
			t.Errorf("%s of %s is made by %q", row.Contestant, row.Workload, row.Command)
		}
	}
	if want := (1 + 1 + 1 + 3 + 5) + 5 + 1 + 1 + 1 + 2 + 1 + 3; len(labels) != want || labels["S 64 ringsync"] != 2 || labels["U 1 ringsync+sender-md5"] != 1 {
		t.Errorf("%d rows, want %d: %v", len(labels), want, labels)
	}
	if len(r.LeftOut) > 0 {
		t.Errorf("left out: %+v", r.LeftOut)
	}
	if r.Failure != "" || r.Machine.Media["tmpfs"] == "" || r.Machine.Versions["ringsync"] == "" {
		t.Errorf("the report's head: %+v", r.Machine)
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if !strings.Contains(said.String(), "[26/26]") {
		t.Errorf("it said:\n%s", &said)
	}
}

func wantMeasures(t *testing.T, row *report.Row) {
	t.Helper()
	for _, m := range []string{report.Seconds, report.SenderPeak, report.SenderUser, report.MachineSeconds, report.FlushSeconds} {
		if !row.Has(m) {
			t.Errorf("%s of %s: no %s", row.Contestant, row.Workload, m)
		}
	}
	receives := !row.Floor || slices.Contains([]string{"floor-sendfile", "floor-tcp", "floor-one", "engine"}, row.Contestant)
	for _, m := range []string{report.ReceiverUser, report.ReceiverPeak, report.WireBytes} {
		if row.Has(m) != receives {
			t.Errorf("%s of %s: %s, which is there: %v", row.Contestant, row.Workload, m, row.Has(m))
		}
	}
	if receives && row.Summary[report.WireBytes].Median < float64(row.MovedBytes) {
		t.Errorf("%s of %s: %v bytes on the wire for bodies of %d", row.Contestant, row.Workload, row.Summary[report.WireBytes], row.MovedBytes)
	}
	if passes := strings.Contains("PHI", row.Workload); row.Has(report.ProcessSeconds) != passes || passes && row.Summary[report.ProcessSeconds].Min <= row.Summary[report.Seconds].Max {
		t.Errorf("%s of %s: a process of %v s, whose work took %v", row.Contestant, row.Workload, row.Summary[report.ProcessSeconds], row.Summary[report.Seconds])
	}
	if row.Digest == "" || row.Durable == "" || row.Rate() <= 0 {
		t.Errorf("%s of %s: promised %q and %q, rate %v", row.Contestant, row.Workload, row.Digest, row.Durable, row.Rate())
	}
}

// A result that has been spoilt in any way fails the run: the control of all
// figures.
func TestSpoiltResultsFail(t *testing.T) {
	bin := programs(t)
	for _, test := range []struct {
		name  string
		pick  Pick
		spoil func(t *testing.T, device string) error
		want  string
	}{
		{"a bit of a body", pick("S", 0.002, "ringsync"), flip, "MD5"},
		{"a body cut short", pick("M", 0.001, "ringsync"), cut, "bytes"},
		{"an object gone", pick("S", 0.002, "ringsync"), drop, "only in"},
		{"an object gone where nothing was to do", pick("N", 0.002, "ringsync"), drop, "only in"},
		{"an object gone where little was to do", pick("U", 0.002, "ringsync"), drop, "only in"},
		{"a bit of a floor's file", pick("S", 0.002, "floor-sendfile"), flip, "is not what"},
		{"a floor's file cut short", pick("S", 0.002, "floor-write"), cut, "bytes"},
		{"a floor's file gone", pick("S", 0.002, "floor-write"), drop, "files written"},
		{"an object gone after a pass", pick("P", 0.002, "ringsync"), drop, "only in"},
		{"an object gone after a pass that found nothing", pick("I", 0.002, "ringsync"), drop, "only in"},
		{"a digest that is not true after a pass", pick("P", 0.002, "ringsync"), lie, "are not those of what lies there"},
		{"a digest that is not true after a pass that found nothing", pick("I", 0.002, "ringsync"), lie, "are not those of what lies there"},
		{"a handoff that is still there", pick("H", 0.002, "ringsync"), stay, "still at the sender"},
		{"something left in tmp", pick("S", 0.002, "ringsync"), litter, "left behind"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := Config{Picks: []Pick{test.pick}, BinDir: bin, after: func(device string) error { return test.spoil(t, device) }}
			r, err := Run(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q in it", err, test.want)
			}
			if r.Failure == "" || r.Write("nowhere.md") == nil {
				t.Errorf("the report does not say that it failed: %q", r.Failure)
			}
		})
	}
}

// A comparison that fails is left out and named; the others go on, and the run as a
// whole has failed.
func TestOthersGoOn(t *testing.T) {
	bin := programs(t)
	spoilt := false
	r, err := Run(t.Context(), Config{
		Picks: []Pick{pick("S", 0.002, "ringsync"), pick("M", 0.001, "ringsync")}, BinDir: bin,
		after: func(device string) error {
			if spoilt {
				return nil
			}
			spoilt = true
			return drop(t, device)
		},
	})
	if err == nil || r.Failure == "" || len(r.Failed) != 1 || r.Failed[0].Workload != "S" {
		t.Fatalf("%v: failed %+v", err, r.Failed)
	}
	if len(r.Rows) != 1 || r.Rows[0].Workload != "M" {
		t.Errorf("%d rows", len(r.Rows))
	}
}

// A run that is stopped names every comparison that it has no rows of.
func TestStopped(t *testing.T) {
	bin := programs(t)
	ctx, stop := context.WithCancel(t.Context())
	n := 0
	r, err := Run(ctx, Config{
		Picks: []Pick{pick("S", 0.002, "ringsync"), pick("M", 0.001, "ringsync"), pick("L", 0.001, "ringsync")}, BinDir: bin,
		after: func(string) error {
			if n++; n == 2 {
				stop()
			}
			return nil
		},
	})
	if err == nil || len(r.Rows) != 1 || len(r.Failed) != 2 || r.Failed[0].Workload != "M" || r.Failed[1].Workload != "L" {
		t.Fatalf("%v: %d rows, failed %+v", err, len(r.Rows), r.Failed)
	}
}

// body finds a file with something in it, of ours or of a floor.
func body(t *testing.T, device string) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(device, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".data") || path == floor.Named(device, 3)) {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no body in %s: %v", device, err)
	}
	return found
}

func flip(t *testing.T, device string) error {
	f, err := os.OpenFile(body(t, device), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, 100); err != nil {
		return err
	}
	one[0] ^= 1
	_, err = f.WriteAt(one, 100)
	return err
}

func cut(t *testing.T, device string) error  { return os.Truncate(body(t, device), 1000) }
func drop(t *testing.T, device string) error { return os.Remove(body(t, device)) }

// lie puts a digest of nothing into hashes.pkl.
func lie(_ *testing.T, device string) error {
	path := filepath.Join(device, "objects", "0", "hashes.pkl")
	// Behind a push all suffixes are invalidated, and a lie would not be read.
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "hashes.invalid"), nil, 0o644); err != nil {
		return err
	}
	lies := hashes.PartitionHashes{Valid: true, Digests: hashes.Digests{{Suffix: 0x7ab, Known: true}}}
	return os.WriteFile(path, hashes.AppendHashesPkl(nil, lies), 0o644)
}

// stay makes a partition at the sender of a handoff.
func stay(t *testing.T, device string) error {
	return os.MkdirAll(filepath.Join(device, "..", "..", "leaving", "d1", "objects", "7"), 0o755)
}

func litter(_ *testing.T, device string) error {
	tmp := filepath.Join(device, "tmp")
	return errors.Join(os.MkdirAll(tmp, 0o755), os.WriteFile(filepath.Join(tmp, "left"), nil, 0o644))
}

// A peer that is required and not there fails, and says how to get it.
func TestRequired(t *testing.T) {
	bin := programs(t)
	t.Setenv("PATH", t.TempDir())
	_, err := Run(t.Context(), Config{Picks: []Pick{pick("S", 0.002, "ringsync")}, BinDir: bin, RequireRsync: true})
	if err == nil || !strings.Contains(err.Error(), "apt-get install rsync") {
		t.Errorf("%v", err)
	}
	r, err := Run(t.Context(), Config{Picks: []Pick{pick("S", 0.002, "rsync", "ringsync")}, BinDir: bin})
	if err != nil || len(r.Rows) != 1 || len(r.LeftOut) != 1 || r.LeftOut[0].What != "rsync" {
		t.Errorf("%v: %+v", err, r)
	}
	if _, err := Run(t.Context(), Config{Picks: []Pick{pick("S", 0.002, "rsync")}, BinDir: bin}); err == nil || !strings.Contains(err.Error(), "nothing could be measured") {
		t.Errorf("a run of nobody: %v", err)
	}
	if _, err := Run(t.Context(), Config{Picks: []Pick{pick("S", 0.002, "nobody")}, BinDir: bin}); err == nil || !strings.Contains(err.Error(), `"nobody"`) {
		t.Errorf("a run of somebody unknown: %v", err)
	}
}
