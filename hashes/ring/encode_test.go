package ring

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"testing"
)

// draft is a ring that a test writes, in either format.
type draft struct {
	meta    map[string]any
	devices []map[string]any // nil: a hole
	rows    [][]uint32       // math.MaxUint32: unassigned
	big     bool             // format 1: the byte order of the rows
	idBytes int              // format 2: 2, if 0

	// extra are sections of others in a format 2, before and behind ours.
	extra map[string]string
	// bend changes an entry of the index of a format 2.
	bend func(index map[string][]any)
}

// newDraft is a ring of devices 0 to 3 in two zones, with 2^partPower partitions
// and two rows.
func newDraft(partPower int) *draft {
	d := &draft{meta: map[string]any{"part_shift": 32 - partPower, "version": 7}}
	for id := range 4 {
		d.devices = append(d.devices, map[string]any{
			"id": id, "region": 1, "zone": id % 2, "ip": fmt.Sprintf("10.0.0.%d", id), "port": 6200,
			"replication_ip": fmt.Sprintf("10.1.0.%d", id), "replication_port": 6300,
			"device": fmt.Sprintf("sd%c", 'a'+id), "weight": 100.0, "meta": "",
		})
	}
	for row := range 2 {
		d.rows = append(d.rows, nil)
		for part := range 1 << partPower {
			d.rows[row] = append(d.rows[row], uint32(part+2*row)%4)
		}
	}
	return d
}

func appendRow(dst []byte, order binary.AppendByteOrder, idBytes int, row []uint32) []byte {
	for _, id := range row {
		if idBytes == 2 {
			dst = order.AppendUint16(dst, uint16(id)) // unassigned becomes 65535
		} else {
			dst = order.AppendUint32(dst, id)
		}
	}
	return dst
}

func appendJSON(dst []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(dst, text...)
}

// rawV1 is a format 1 before it is compressed.
func (d *draft) rawV1() []byte {
	all := map[string]any{"devs": d.devices, "replica_count": len(d.rows), "byteorder": "little"}
	order := binary.AppendByteOrder(binary.LittleEndian)
	if d.big {
		order, all["byteorder"] = binary.BigEndian, "big"
	}
	for key, value := range d.meta {
		all[key] = value
	}
	var rows []byte
	for _, row := range d.rows {
		rows = appendRow(rows, order, 2, row)
	}
	return sealV1(appendJSON(nil, all), rows)
}

// rawV2 is a format 2 before it is compressed. The offsets in the compressed
// file are of no use to a Reader; they are 0.
func (d *draft) rawV2() []byte {
	idBytes := d.idBytes
	if idBytes == 0 {
		idBytes = 2
	}
	meta := map[string]any{"dev_id_bytes": idBytes, "replica_count": float64(len(d.rows))}
	for key, value := range d.meta {
		meta[key] = value
	}
	var rows []byte
	for _, row := range d.rows {
		rows = appendRow(rows, binary.BigEndian, idBytes, row)
	}

	return sealV2(appendJSON(nil, meta), appendJSON(nil, d.devices), rows, d.extra, d.bend)
}

// sealV2 puts the sections of a format 2 together.
func sealV2(meta, devices, rows []byte, extra map[string]string, bend func(map[string][]any)) []byte {
	raw, index := []byte("R1NG\x00\x02"), map[string][]any{}
	section := func(name string, content []byte) {
		start := len(raw)
		raw = binary.BigEndian.AppendUint64(raw, uint64(len(content)))
		raw = append(raw, content...)
		sum := sha256.Sum256(raw[start:])
		index[name] = []any{0, start, 0, len(raw), "sha256", hex.EncodeToString(sum[:])}
	}
	section(sectionMetadata, meta)
	for name, content := range extra {
		section(name, []byte(content))
	}
	section(sectionDevices, devices)
	section(sectionAssignments, rows)
	if bend != nil {
		bend(index)
	}
	at, text := len(raw), appendJSON(nil, index)
	raw = binary.BigEndian.AppendUint64(raw, uint64(len(text)))
	raw = append(raw, text...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(at))
	return binary.BigEndian.AppendUint64(raw, 0)
}

// sealV1 puts the pieces of a format 1 together.
func sealV1(text, rows []byte) []byte {
	raw := binary.BigEndian.AppendUint32([]byte("R1NG\x00\x01"), uint32(len(text)))
	return append(append(raw, text...), rows...)
}

// zips are kept: one is most of a megabyte.
var zips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, flate.BestSpeed)
	if err != nil {
		panic(err)
	}
	return z
}}

func compress(raw []byte) []byte {
	var file bytes.Buffer
	z := zips.Get().(*gzip.Writer)
	defer zips.Put(z)
	z.Reset(&file)
	if _, err := z.Write(raw); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return file.Bytes()
}

// formats of a draft, compressed.
func (d *draft) files() map[string][]byte {
	return map[string][]byte{"v1": compress(d.rawV1()), "v2": compress(d.rawV2())}
}

func mustRead(tb testing.TB, file []byte) *Ring {
	tb.Helper()
	r, err := Read(bytes.NewReader(file))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// draftOf writes down a ring that was read.
func draftOf(r *Ring) *draft {
	d := &draft{meta: map[string]any{"part_shift": 32 - r.PartPower(), "version": r.Version()}, idBytes: 4}
	if next, ok := r.NextPartPower(); ok {
		d.meta["next_part_power"] = next
	}
	for _, dev := range r.devices {
		if dev == nil {
			d.devices = append(d.devices, nil)
			continue
		}
		d.devices = append(d.devices, map[string]any{
			"id": dev.ID, "region": dev.Region, "zone": dev.Zone, "ip": dev.IP, "port": dev.Port,
			"replication_ip": dev.ReplicationIP, "replication_port": dev.ReplicationPort,
			"device": dev.Name, "weight": dev.Weight, "meta": dev.Meta,
		})
	}
	for row := range r.table.rows() {
		ids := make([]uint32, r.table.length(row))
		for part := range ids {
			ids[part] = math.MaxUint32
			if id, ok := r.table.device(row, uint32(part)); ok {
				ids[part] = uint32(id)
			}
		}
		d.rows = append(d.rows, ids)
	}
	return d
}
