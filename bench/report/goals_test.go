package report

import (
	"os"
	"strings"
	"testing"
)

// judged is a report of an S comparison: ours took so long, Swift and rsync ten
// seconds each time.
func judged(seconds float64) *Report {
	r := &Report{Schema: Schema, Machine: Machine{Engine: "uring"}, Rows: []*Row{
		row(small, "ringsync", seconds, seconds, seconds, seconds, seconds),
		row(small, "swift", 10, 10, 10, 10, 10),
		row(small, "rsync-fsync", 10, 10, 10, 10, 10),
		row(small, "ringsync-portable", seconds*1.5, seconds*1.5, seconds*1.5, seconds*1.5, seconds*1.5),
	}}
	for _, row := range r.Rows {
		row.Sum()
	}
	return r
}

func lineOf(t *testing.T, r *Report, start string) string {
	t.Helper()
	for line := range strings.Lines(r.goalsText()) {
		if strings.HasPrefix(line, start) {
			return line
		}
	}
	t.Fatalf("no line begins with %q in\n%s", start, r.goalsText())
	return ""
}

// A goal is reached when the medians say so, speed upwards and cost downwards, and
// the line says by how much.
func TestGoals(t *testing.T) {
	for seconds, want := range map[float64][3]string{
		0.9: {"11.11 × (11.11–11.11) | **yes**", "0.09 × (0.09–0.09) | **yes**", "11.11 × (11.11–11.11) | **yes**"},
		2:   {"5.00 × (5.00–5.00) | no", "0.20 × (0.20–0.20) | no", "5.00 × (5.00–5.00) | **yes**"},
		5:   {"2.00 × (2.00–2.00) | no", "0.50 × (0.50–0.50) | no", "2.00 × (2.00–2.00) | no"},
	} {
		r := judged(seconds)
		for i, start := range []string{"| S | Swift's Sender | ≥ 10 × the speed |", "| S | Swift's Sender | ≤ 0.125 × the CPU |", "| S | rsync --fsync | ≥ 3 × the speed |"} {
			if line := lineOf(t, r, start); !strings.Contains(line, want[i]) {
				t.Errorf("of %v seconds: %swant %s", seconds, line, want[i])
			}
		}
		if line := lineOf(t, r, "| portable engine"); !strings.Contains(line, "0.67 × (0.67–0.67) | **yes**") || !strings.Contains(line, "1 comparisons") {
			t.Error(line)
		}
	}
}

// Nothing is judged by rows of two runs, nor by one that is missing; few runs are
// told.
func TestGoalsNeedOneRun(t *testing.T) {
	r := judged(0.5)
	r.Rows[1].Part = 1
	if line := lineOf(t, r, "| S | Swift's Sender | ≥ 10"); !strings.Contains(line, "– | the two rows are not of one run |") {
		t.Error(line)
	}
	if line := lineOf(t, r, "| M, MD5 | Swift's"); !strings.Contains(line, "– | not measured: ringsync |") {
		t.Error(line)
	}
	r.Machine.Engine = "portable"
	if line := lineOf(t, r, "| portable engine"); !strings.Contains(line, "not measured") {
		t.Error(line)
	}
	// A smaller comparison that comes first is not the one that is meant.
	r = judged(0.5)
	less := small
	less.Objects = 10
	r.Rows = append([]*Row{row(less, "ringsync", 1), row(less, "swift", 2)}, r.Rows...)
	r.Rows[0].Sum()
	r.Rows[1].Sum()
	if line := lineOf(t, r, "| S | Swift's Sender | ≥ 10"); !strings.Contains(line, "20.00 × (20.00–20.00) |") {
		t.Error(line)
	}
	r = judged(0.5)
	r.Rows[2] = row(small, "rsync-fsync", 10)
	r.Rows[2].Sum()
	if line := lineOf(t, r, "| S | rsync --fsync"); !strings.Contains(line, ", of 1 runs | **yes**") {
		t.Error(line)
	}
}

// A pass that finds nothing is to take a tenth of Swift's time; how long the processes
// took to start has no part in it, and is told beside.
func TestPassGoal(t *testing.T) {
	idle := Cell{Workload: "I", About: "a pass", Objects: 20_000, Bytes: 4096, Unit: "objects held/s", Medium: "xfs", Cache: "warm", Sessions: 1, Partitions: 64}
	for seconds, want := range map[float64]string{0.2: "10.00 × (10.00–10.00), of 1 runs | **yes**", 0.25: "8.00 × (8.00–8.00), of 1 runs | no"} {
		r := &Report{Schema: Schema, Rows: []*Row{row(idle, "ringsync", seconds), row(idle, "swift", 2)}}
		for i, process := range []float64{0.3, 3} {
			r.Rows[i].Note(ProcessSeconds, process)
			r.Rows[i].Sum()
		}
		if line := lineOf(t, r, "| a pass that finds nothing"); !strings.Contains(line, want) {
			t.Error(line)
		}
		if text := r.Markdown(); !strings.Contains(text, "| whole process |") || !strings.Contains(text, "| 10,000 | 1 | 2.00 (2.00–2.00) | 3.00 (3.00–3.00) |") {
			t.Error(text)
		}
		if text := r.PartText(); strings.Count(text, "| a pass that finds nothing") != 1 || strings.Contains(text, "not measured") || !strings.Contains(text, "| whole process |") {
			t.Errorf("a part tells what it can judge, and its tables:\n%s", text)
		}
	}
}

// What others are faster at is listed, and only that.
func TestBehind(t *testing.T) {
	if text := judged(1).behind(); !strings.Contains(text, "In no comparison") {
		t.Error(text)
	}
	text := judged(20).behind()
	if strings.Count(text, "\n* ") != 2 || !strings.Contains(text, "swift is 2.0 ×, 50 % of ringsync's") || !strings.Contains(text, "rsync-fsync is 2.0 ×") {
		t.Error(text)
	}
	r := judged(1)
	r.Rows = append(r.Rows, row(small, "ringsync-to-swift", 9.5))
	r.Rows[4].Sum()
	if text := r.behind(); !strings.Contains(text, "ringsync-to-swift is 1.1 ×") && !strings.Contains(text, "ringsync-to-swift is 1.0 ×") {
		t.Error(text)
	}
}

// The document has a place for everything that is written.
func TestDocumentHasPlaces(t *testing.T) {
	text, err := os.ReadFile("../../BENCHMARKS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{OpeningBlock, BehindBlock, GoalsBlock, TablesBlock, "again", "slowed", "passes", "idle"} {
		if !hasBlock(text, name) {
			t.Errorf("no place for %s", name)
		}
	}
}
