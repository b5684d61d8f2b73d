package ring

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/proto"
)

// What a ring may leave out has its default, in both formats and byte orders.
func TestRead(t *testing.T) {
	d := newDraft(3)
	d.devices[1] = nil // a hole
	d.devices[2] = map[string]any{"id": 2, "zone": 5, "ip": "fd00::1", "port": 6000, "device": "sdx", "weight": 0, "parts": 7, "IP": "of nobody", "replication_ip": nil}
	d.rows = [][]uint32{{0, 0, 3, 3, 0, 0, 3, 3}, {3, 0, 0, math.MaxUint32, 0, 0, 0, 0}, {0, 3}}
	d.meta["next_part_power"], d.meta["version"] = 4, nil
	big := *d
	big.big = true
	wide := *d
	wide.idBytes, wide.extra = 4, map[string]string{"others/thing": "\x00\x01", "swift/ring/later": ""}
	for name, file := range map[string][]byte{"v1": compress(d.rawV1()), "v1 big": compress(big.rawV1()), "v2": compress(d.rawV2()), "v2 wide": compress(wide.rawV2())} {
		t.Run(name, func(t *testing.T) {
			r := mustRead(t, file)
			next, raising := r.NextPartPower()
			got := []any{r.PartPower(), r.Partitions(), r.Replicas(), next, raising, r.Version(), r.Format(), len(r.Devices()), r.Device(1), r.Device(4), r.Device(-1), r.Assigned(0), r.Assigned(2), r.Assigned(9)}
			want := []any{3, 8, 2.25, 4, true, int64(0), int(name[1] - '0'), 3, (*Device)(nil), (*Device)(nil), (*Device)(nil), 11, 0, 0}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			sdx := Device{ID: 2, Region: 1, Zone: 5, IP: "fd00::1", Port: 6000, ReplicationIP: "fd00::1", ReplicationPort: 6000, Name: "sdx"}
			if diff := cmp.Diff(sdx, *r.Device(2)); diff != "" {
				t.Error(diff)
			}
			if r.Device(2).ReplicationAddress() != "[fd00::1]:6000" || r.Device(0).ReplicationAddress() != "10.1.0.0:6300" || r.Device(0).Address() != "10.0.0.0:6200" {
				t.Error("addresses:", r.Device(2).ReplicationAddress(), r.Device(0).ReplicationAddress(), r.Device(0).Address())
			}
			for part, want := range [][]int{{0, 3}, {0, 3}, {3, 0}, {3}, {0}} {
				if diff := cmp.Diff(want, ids(slices.Values(r.Primaries(uint32(part))))); diff != "" {
					t.Errorf("partition %d: %s", part, diff)
				}
			}
			for _, part := range []uint32{8, 99, math.MaxUint32} {
				if len(r.Primaries(part)) != 0 || len(ids(r.Handoffs(part))) != 0 {
					t.Errorf("partition %d, which is none, has nodes", part)
				}
			}
			if part := r.Partition(proto.Hash{0xc0}); part != 6 {
				t.Errorf("a hash of c0…: partition %d", part)
			}
		})
	}
	without := newDraft(0)
	without.meta["byteorder"] = nil
	r := mustRead(t, compress(without.rawV1()))
	if _, raising := r.NextPartPower(); raising || r.Version() != 7 || r.Partitions() != 1 || r.Primaries(0)[1].ID != 2 {
		t.Errorf("one partition, of unknown byte order: %+v", r)
	}
}

// Rings of no sense are refused with a sentence that says what is wrong; a ring
// that is cut short anywhere is refused.
func TestReadRefuses(t *testing.T) {
	device := func(key string, value any) func(*draft) {
		return func(d *draft) { d.devices[1][key] = value }
	}
	meta := func(key string, value any) func(*draft) {
		return func(d *draft) { d.meta[key] = value }
	}
	bend := func(entry int, value any) func(*draft) {
		return func(d *draft) { d.bend = func(index map[string][]any) { index[sectionAssignments][entry] = value } }
	}
	for _, test := range []struct {
		name string
		edit func(*draft)
		only string // a format
		want string
	}{
		{"another id than its place", device("id", 2), "", "device 1"},
		{"an id of letters", device("id", "1"), "", `"id"`},
		{"no id", device("id", nil), "", `"id" is missing`},
		{"no address", device("ip", nil), "", `"ip" is missing`},
		{"an empty address", device("ip", ""), "", `"ip"`},
		{"an address with a blank", device("replication_ip", "10.0.0.1 x"), "", `"replication_ip"`},
		{"a long address", device("ip", strings.Repeat("a", 256)), "", `"ip"`},
		{"a port too high", device("port", 65536), "", `"port": 65536`},
		{"a port below 0", device("replication_port", -1), "", `"replication_port": -1`},
		{"no name", device("device", nil), "", `"device" is missing`},
		{"a name that leads out", device("device", ".."), "", `"device"`},
		{"a name with a slash", device("device", "a/b"), "", `"device"`},
		{"no zone", device("zone", nil), "", `"zone" is missing`},
		{"a zone with a fraction", device("zone", 1.5), "", `"zone"`},
		{"no weight", device("weight", nil), "", `"weight" is missing`},
		{"a weight below 0", device("weight", -1), "", "weight -1"},
		{"a meta of numbers", device("meta", 5), "", `"meta"`},
		{"a device that is a number", func(d *draft) { d.meta["devs"] = []int{5} }, "v1", "device 0"},
		{"devices that are no list", meta("devs", "x"), "v1", "not a list"},
		{"no devices", meta("devs", nil), "v1", "not a list"},
		{"a slot of a hole", func(d *draft) { d.devices[1] = nil }, "", "device 1, which is not listed"},
		{"a slot beyond the devices", func(d *draft) { d.rows[1][2] = 4 }, "", "row 1 gives partition 2 to device 4"},
		{"a shift of 33", meta("part_shift", 33), "", `"part_shift": 33`},
		{"a shift below 0", meta("part_shift", -1), "", `"part_shift": -1`},
		{"no shift", meta("part_shift", nil), "", `"part_shift" is missing`},
		{"a shift of true", meta("part_shift", true), "", `"part_shift"`},
		{"more partitions than there are", meta("part_shift", 26), "", "ends after 32 of 64 partitions"},
		{"far more partitions than there are", meta("part_shift", 10), "", "row"},
		{"more than memory should hold", meta("part_shift", 2), "", "MiB"},
		{"fewer partitions than there are", meta("part_shift", 31), "v1", "behind the last row"},
		{"far more replicas than are sensible", meta("replica_count", 257), "v1", "257"},
		{"no replicas", meta("replica_count", 0), "v1", "no rows"},
		{"a fraction of replicas", meta("replica_count", 1.5), "v1", `"replica_count"`},
		{"a first row that is short", func(d *draft) { d.rows = [][]uint32{{0, 1}} }, "", "only row"},
		{"a row in the middle that is short", func(d *draft) { d.rows = [][]uint32{d.rows[0], {1}, {}} }, "v1", "row 1 of 3 ends after 1 of 16"},
		{"no rows", func(d *draft) { d.rows = nil }, "", "no rows"},
		{"a byte order of its own", meta("byteorder", "middle"), "v1", "byteorder"},
		{"a power on its way to 33", meta("next_part_power", 33), "", `"next_part_power": 33`},
		{"a version of letters", meta("version", "x"), "", `"version"`},
		{"ids of one byte", meta("dev_id_bytes", 1), "v2", `"dev_id_bytes": 1`},
		{"ids of three bytes", meta("dev_id_bytes", 3), "v2", "3 bytes"},
		{"half an id", meta("dev_id_bytes", 4), "v2", ""},
		{"another digest", bend(5, strings.Repeat("0", 64)), "v2", "its sha256 is"},
		{"a digest of another kind", bend(4, "crc32"), "v2", "crc32"},
		{"a section that begins in the magic", bend(1, 3), "v2", "not in the file"},
		{"a section that ends before it begins", bend(3, 7), "v2", "not in the file"},
		{"a section that ends behind the file", bend(3, 1<<40), "v2", "not in the file"},
		{"a section of another length", bend(3, 300), "v2", ""},
		{"a section at a place of letters", bend(1, "x"), "v2", "entry 1"},
		{"no assignments", func(d *draft) { d.bend = func(index map[string][]any) { delete(index, sectionAssignments) } }, "v2", "is missing"},
	} {
		d := newDraft(4)
		test.edit(d)
		for format, file := range d.files() {
			if test.only != "" && test.only != format {
				continue
			}
			if _, err := Read(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "ring: ") {
				t.Errorf("%s, %s: %v, want %q in it", format, test.name, err, test.want)
			}
		}
	}
	for format, file := range newDraft(4).files() {
		for n := range file {
			if _, err := Read(bytes.NewReader(file[:n])); err == nil {
				t.Errorf("%s: %d of %d bytes are a ring", format, n, len(file))
			}
		}
		if _, err := Read(bytes.NewReader(append(slices.Clone(file), "more"...))); err == nil {
			t.Errorf("%s: something behind the file is not noticed", format)
		}
	}
}

// What is no ring, or one of before 2012, is named as such.
func TestReadOthers(t *testing.T) {
	for _, test := range []struct {
		name, raw string
		want      error
		text      string
	}{
		{"a pickle of protocol 2", "\x80\x02}q\x01(U", ErrPickle, "swift-ring-builder"},
		{"a pickle of protocol 0", "(dp1\n.....", ErrPickle, "swift-ring-builder"},
		{"format 3", "R1NG\x00\x03", nil, "format 3"},
		{"format 0 behind the magic", "R1NG\x00\x00", nil, "format 0"},
		{"a tar file", "etc/swift/object", nil, `"etc/"`},
		{"nothing", "", io.ErrUnexpectedEOF, "magic"},
		{"no JSON", "R1NG\x00\x01\x00\x00\x00\x02{]", nil, "JSON"},
		{"JSON that is null", "R1NG\x00\x01\x00\x00\x00\x04null", nil, "null"},
		{"JSON of 4 GiB", "R1NG\x00\x01\xff\xff\xff\xff{}", nil, "more than 64 MiB"},
		{"a format 2 without an index", "R1NG\x00\x02" + strings.Repeat("\x00", 40), nil, "index"},
		{"an index far away", "R1NG\x00\x02" + strings.Repeat("\xff", 40), nil, "index"},
	} {
		_, err := Read(bytes.NewReader(compress([]byte(test.raw))))
		if err == nil || !strings.Contains(err.Error(), test.text) || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := Read(strings.NewReader("R1NG\x00\x01")); !errors.Is(err, gzip.ErrHeader) && err == nil {
		t.Error("without gzip:", err)
	}
}

// A list of more devices than there can be is refused, and rows that a file only
// claims to have are not allocated.
func TestReadBounds(t *testing.T) {
	holes := []byte(`{"part_shift":32,"replica_count":1,"devs":[` + strings.Repeat("null,", maxDevices) + `null]}`)
	raw := append(binary.BigEndian.AppendUint32([]byte("R1NG\x00\x01"), uint32(len(holes))), holes...)
	if _, err := Read(bytes.NewReader(compress(append(raw, 0, 0)))); err == nil || !strings.Contains(err.Error(), "more than 262144 devices") {
		t.Errorf("too many devices: %v", err)
	}

	d := newDraft(0)
	d.meta["part_shift"] = 32 - 28 // two rows of 512 MiB, if they were there
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(bytes.NewReader(compress(d.rawV1()))); err == nil {
		t.Error("a ring of rows that are not there")
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 16<<20 {
		t.Errorf("%d MiB were allocated for rows that are not there", spent>>20)
	}
}
