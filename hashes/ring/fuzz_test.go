package ring

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzRead puts a ring together, so that a fuzzer need not find out lengths and
// digests, or takes the first piece for a whole file (format 0). Of what is read as
// a ring it shows: written down again it is read the same in both formats; and the
// handoffs of a partition are devices with a partition, none a primary, none
// twice, and none left out that has a partition among those looked at.
func FuzzRead(f *testing.F) {
	wide := newDraft(3)
	wide.idBytes, wide.extra = 4, map[string]string{"x": "y"}
	f.Add(byte(0), newDraft(0).rawV1(), []byte{}, []byte{})
	f.Add(byte(0), wide.rawV2(), []byte{}, []byte{})
	devices := `[{"id":0,"zone":1,"ip":"a","port":1,"device":"d","weight":1},null,{"id":2,"region":0,"zone":0,"ip":"b","port":2,"device":"e","weight":0.5,"meta":"m","replication_ip":"c","replication_port":3}]`
	f.Add(byte(1), []byte(`{"part_shift":31,"replica_count":2,"version":5,"next_part_power":2,"byteorder":"big","devs":`+devices+`}`), []byte{}, []byte("\x00\x00\x00\x02\x00\x02"))
	f.Add(byte(2), []byte(`{"part_shift":30,"dev_id_bytes":2}`), []byte(devices), []byte("\x00\x00\x00\x02\x00\x02\xff\xff\x00\x00"))
	f.Add(byte(2), []byte(`{"part_shift":32,"dev_id_bytes":4}`), []byte(devices), []byte("\x00\x00\x00\x02"))
	f.Fuzz(func(t *testing.T, format byte, text, devices, rows []byte) {
		if len(text)+len(devices)+len(rows) > 1<<14 {
			return
		}
		raw := text
		switch format % 3 {
		case 1:
			raw = sealV1(text, rows)
		case 2:
			raw = sealV2(text, devices, rows, nil, nil)
		}
		r, err := Read(bytes.NewReader(compress(raw)))
		if err != nil {
			return
		}
		if r.Partitions() > len(raw) {
			t.Fatalf("%d bytes are %d partitions", len(raw), r.Partitions())
		}
		d := draftOf(r)
		files := map[string][]byte{"v2": compress(d.rawV2())}
		if len(r.devices) < 1<<16 {
			files["v1"] = compress(d.rawV1())
		}
		some := min(r.Partitions(), 64) // all handoffs of all partitions take seconds
		for format, file := range files {
			again := mustRead(t, file)
			table := slices.Concat(draftOf(again).rows...) // format 2 has no row of nothing at its end
			if !slices.Equal(table, slices.Concat(d.rows...)) {
				t.Fatalf("%s: the table %v was read as %v", format, d.rows, table)
			}
			if diff := cmp.Diff(goldenOfFirst(r, some), goldenOfFirst(again, some)); diff != "" {
				t.Fatalf("%s: %s", format, diff)
			}
		}
		for part := range uint32(some) {
			checkHandoffs(t, r, part)
		}
	})
}

// checkHandoffs holds the handoffs of a partition against the table.
func checkHandoffs(t *testing.T, r *Ring, part uint32) {
	t.Helper()
	want := map[int]bool{}
	for slot := range (&walk{Ring: r, part: part}).order() {
		for row := range r.table.rows() {
			if id, ok := r.table.device(row, slot); ok {
				want[id] = true
			}
		}
	}
	for _, d := range r.Primaries(part) {
		delete(want, d.ID)
	}
	got := ids(r.Handoffs(part))
	for i, id := range got {
		if slices.Contains(got[:i], id) {
			t.Fatalf("partition %d: %d is a handoff twice: %v", part, id, got)
		}
		if !want[id] {
			t.Fatalf("partition %d: %d is no handoff: %v", part, id, got)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("partition %d: handoffs %v, want those of %v", part, got, want)
	}
	for n := range got {
		if some := ids(first(r, part, n)); !slices.Equal(some, got[:n]) {
			t.Fatalf("partition %d: the first %d handoffs are %v of %v", part, n, some, got)
		}
	}
}

// first stops after n handoffs, as a caller may.
func first(r *Ring, part uint32, n int) func(func(*Device) bool) {
	return func(yield func(*Device) bool) {
		for d := range r.Handoffs(part) {
			if n == 0 || !yield(d) {
				return
			}
			n--
		}
	}
}

// The properties hold for the rings of Swift's, too.
func TestHandoffsOfGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ring.gz")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := mustRead(t, file)
		for part := range uint32(r.Partitions()) {
			checkHandoffs(t, r, part)
		}
	}
}
