package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

// row makes a row of made-up figures: seconds as given, the rest follows.
func row(cell Cell, contestant string, seconds ...float64) *Row {
	r := &Row{Cell: cell, Contestant: contestant, Digest: "MD5", Durable: "everything",
		Command: "ringsync bench --workload " + cell.Workload + " --contestant " + contestant + " --runs 5"}
	for _, s := range seconds {
		r.Note(Seconds, s)
		r.Note(SenderUser, s/4)
		r.Note(SenderSystem, s/8)
		r.Note(ReceiverUser, s/2)
		r.Note(ReceiverSystem, s/8)
		r.Note(KernelSeconds, 0.01)
		r.Note(MachineSeconds, s+0.1)
		r.Note(SenderPeak, 10<<20)
		r.Note(ReceiverPeak, 20<<20)
		r.Note(SenderSwitches, 100)
		r.Note(ReceiverSwitches, 200)
		r.Note(WireBytes, float64(cell.MovedBytes)+1e6)
		r.Note(FlushSeconds, 0.02)
	}
	return r
}

var (
	small = Cell{Workload: "S", About: "small objects of 4 KiB", Scale: 0.05, Objects: 1000, Bytes: 4_096_000, Largest: 4096, Moved: 1000, MovedBytes: 4_096_000,
		Unit: "objects/s", Medium: "xfs", Cache: "warm", Sessions: 1, Partitions: 1}
	large = Cell{Workload: "L", About: "large objects of 64 MiB", Scale: 0.25, Objects: 16, Bytes: 1 << 30, Largest: 64 << 20, Moved: 16, MovedBytes: 1 << 30,
		Unit: "MB/s", Medium: "dir:/var/tmp", Cache: "cold", CacheHow: "drop_caches", Sessions: 4, Partitions: 64, Young: true}
)

func sample() *Report {
	smaller := small
	smaller.Objects, smaller.Moved = 100, 100
	floor := row(large, "floor-read", 1.9, 2, 2.1)
	floor.Floor = true
	for _, m := range []string{ReceiverUser, ReceiverSystem, ReceiverPeak, ReceiverSwitches, WireBytes, KernelSeconds} {
		delete(floor.Samples, m)
	}
	counted := row(small, "ringsync", 0.2, 0.25, 0.22)
	for m, n := range map[string]float64{SenderCalls: 5000, ReceiverCalls: 25_000, SenderFsyncs: 0, ReceiverFsyncs: 3100} {
		counted.Note(m, n)
	}
	r := &Report{
		Schema: Schema, Suite: "full", Command: "ringsync bench --suite full",
		Machine: Machine{Date: "2026-11-25", Seconds: 3000, Kernel: "6.18", Processor: "A Processor", Cores: 2, MemoryBytes: 24e9,
			Media:      map[string]string{"xfs": "xfs on /dev/loop1, rw,noatime", "dir:/var/tmp": "ext4 on /dev/vda, rw"},
			Congestion: map[string]string{"ringsync": "cubic", "others": "cubic"}, Network: "its own",
			Versions: map[string]string{"Swift": "2.30.1", "ringsync": "devel"}, LoadBefore: "0.1 0.2 0.3", LoadAfter: "1 1 1"},
		Rows: []*Row{
			counted, row(small, "swift", 3, 3.5, 2.9),
			row(smaller, "ringsync", 0.03), row(smaller, "swift", 0.4),
			row(large, "ringsync", 4, 4.1, 3.9), row(large, "swift", 8, 8.5, 7.5), floor,
		},
		LeftOut: []LeftOut{{"rsync", "no rsync found"}},
	}
	for _, row := range r.Rows {
		row.Sum()
	}
	return r
}

// The tables are those of testdata, read in the diff when they change.
func TestMarkdownGolden(t *testing.T) {
	const golden = "testdata/report.md"
	got := sample().Markdown()
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got (go test -rewrite):\n%s", diff)
	}
}

// The JSON is that of testdata, which programs have learnt to read: a name, a unit
// or a meaning that changes needs another Schema. What was saved is read again.
func TestJSONGolden(t *testing.T) {
	const golden = "testdata/report.json"
	path := filepath.Join(t.TempDir(), "report.json")
	if err := sample().Save(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got (go test -rewrite):\n%s", diff)
	}
	again, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), again); diff != "" {
		t.Errorf("what was read:\n%s", diff)
	}
}

// What is no report of this form is refused.
func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":      "x",
		"another form": `{"schema":"ringsync-bench/0"}`,
		"no row":       `{"schema":"ringsync-bench/1","rows":[null]}`,
		"no objects":   `{"schema":"ringsync-bench/1","rows":[{}]}`,
	} {
		path := filepath.Join(t.TempDir(), "r.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if r, err := Read(path); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Tables go between the markers, plots beside; nothing else changes; a second
// time gives the same. A failed run, or a document without markers, is left alone.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "BENCHMARKS.md")
	const before, after = "# Head\n\n<!-- begin tables: written by ringsync bench -->\n", "<!-- end tables -->\ntail\n"
	if err := os.WriteFile(path, []byte(before+"old tables\n"+after), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := sample().Write(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		if !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) || strings.Contains(got, "old tables") ||
			strings.Count(got, "floor-read") < 2 || !strings.Contains(got, "(bench/plots/ratios.svg)") {
			t.Errorf("the document:\n%s", got)
		}
	}
	// Large objects over 64 partitions are not among the bars, small ones are.
	if bars := sample().plain(); len(bars) != 1 || bars[0].Workload != "S" || bars[0].Objects != 1000 {
		t.Errorf("bars of %d cells", len(bars))
	}
	for _, name := range []string{"ratios.svg", "cost.svg"} {
		svg, err := os.ReadFile(filepath.Join(dir, plotsDir, name))
		if err != nil || !strings.Contains(string(svg), "<svg") || len(svg) < 2000 {
			t.Errorf("%s: %v, %d bytes", name, err, len(svg))
		}
	}
	failed := sample()
	failed.Failure = "a result was wrong"
	if err := failed.Write(path); err == nil {
		t.Error("a failed run wrote its tables")
	}
	if err := os.WriteFile(path, []byte("no markers"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sample().Write(path); err == nil {
		t.Error("tables written where there is no place for them")
	}
}

// Medians are those of the middle, of two the mean, and order does not matter.
func TestSpread(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1, 4}, Spread{1, 4, 9}},
		{[]float64{4, 1, 9, 2}, Spread{1, 3, 9}},
	} {
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("%v: %+v", test.values, got)
		}
	}
}

// Rates come from medians, in the units that they are named by.
func TestRates(t *testing.T) {
	r := row(large, "ringsync", 4, 5, 3)
	r.Sum()
	want := Rates{ObjectsPerSecond: 4, MBPerSecond: float64(1<<30) / 4e6, OffersPerSecond: 4, CPUPerGiB: 4.01, CPUPer1000Objects: 4.01 / 16 * 1000}
	if diff := cmp.Diff(want, r.Rates); diff != "" {
		t.Error(diff)
	}
	if r.Rate() != want.MBPerSecond {
		t.Errorf("the rate is %v", r.Rate())
	}
	idle := small
	idle.Moved, idle.MovedBytes, idle.Unit = 0, 0, "offers/s"
	n := row(idle, "ringsync", 0.5)
	n.Sum()
	if n.Rate() != 2000 || n.Rates.MBPerSecond != 0 || n.Rates.CPUPerGiB != 0 {
		t.Errorf("%+v", n.Rates)
	}
}
