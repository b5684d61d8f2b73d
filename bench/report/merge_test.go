package report

import (
	"strings"
	"testing"
)

// A comparison that two reports have is the later one's, as a whole; the others stay;
// each row says of which run it is, and both heads are told.
func TestMerge(t *testing.T) {
	whole, part := sample(), sample()
	part.Command = "ringsync bench --part small"
	part.Rows = []*Row{row(small, "ringsync", 0.5), row(small, "rsync", 7)}
	for _, row := range part.Rows {
		row.Sum()
	}
	m, err := Merge(whole, part)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range m.Rows {
		got = append(got, row.Contestant+" "+seconds(row.Summary[Seconds].Median)+" of "+string(rune('0'+row.Part)))
	}
	want := "ringsync 0.030 of 0, swift 0.400 of 0, ringsync 4.00 of 0, swift 8.00 of 0, floor-read 2.00 of 0, ringsync 0.500 of 1, rsync 7.00 of 1"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, ", "), want)
	}
	text := m.Markdown()
	for _, want := range []string{"Of 2 runs", "**Run 1**, of S×100", "**Run 2**, of S×1000", whole.Command, part.Command} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	// What has been merged can be merged again.
	again, err := Merge(m, part)
	if err != nil || len(again.Parts) != 3 || again.Rows[len(again.Rows)-1].Part != 2 || len(again.Rows) != len(m.Rows) {
		t.Errorf("%v: %d parts, %d rows", err, len(again.Parts), len(again.Rows))
	}
	if whole.Rows[0].Part != 0 || len(whole.Rows) != 7 {
		t.Error("the first report was changed")
	}
}

// Another machine or another build is refused, with what differs.
func TestMergeRefuses(t *testing.T) {
	for what, change := range map[string]func(*Report){
		"kernel":     func(r *Report) { r.Machine.Kernel = "6.19" },
		"build":      func(r *Report) { r.Machine.Build = "0123" },
		"versions":   func(r *Report) { r.Machine.Versions["Swift"] = "2.31" },
		"congestion": func(r *Report) { r.Machine.Congestion["others"] = "bbr" },
		"cores":      func(r *Report) { r.Machine.Cores = 4 },
		"early":      func(r *Report) { r.Failure = "no room" },
	} {
		other := sample()
		change(other)
		if _, err := Merge(sample(), other); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := Merge(); err == nil {
		t.Error("nothing was merged")
	}
}

// A comparison that failed is mended by a report that has it, and by no other; or it
// is forgone by name.
func TestMergeMends(t *testing.T) {
	failed := sample()
	failed.Rows = failed.Rows[2:]
	failed.Failed, failed.Failure = []Cell{small}, "a result was wrong"
	other := sample()
	other.Rows = other.Rows[4:]
	m, err := Merge(failed, other)
	if err != nil || m.Failure != "a result was wrong" || m.Write("nowhere.md") == nil {
		t.Errorf("mended by another comparison: %v, %+v", err, m.Failed)
	}
	m, err = Merge(failed, sample())
	if err != nil || m.Failure != "" || len(m.Failed) > 0 {
		t.Errorf("not mended: %v, %q, %+v", err, m.Failure, m.Failed)
	}
	failed.Forgo()
	if text := failed.Markdown(); failed.Failure != "" || !strings.Contains(text, "* S×1000 xfs warm 1s 1p: it failed: a result was wrong") {
		t.Errorf("forgone: %q\n%s", failed.Failure, text)
	}
	early := sample()
	early.Failure = "no room"
	if early.Forgo(); early.Failure == "" {
		t.Error("a report that ended early counts")
	}
}
