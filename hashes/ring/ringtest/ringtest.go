// Package ringtest writes rings, for tests.
package ringtest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/hashes/ring"
)

// Devices returns devices 0 to n-1, each in a zone and at an address of its own:
// 10.0.0.<id>:6200, for other nodes 10.1.0.<id>:6300, "sd<id>".
func Devices(n int) []*ring.Device {
	devices := make([]*ring.Device, n)
	for id := range devices {
		devices[id] = &ring.Device{
			ID: id, Region: 1, Zone: id, IP: fmt.Sprintf("10.0.0.%d", id), Port: 6200,
			ReplicationIP: fmt.Sprintf("10.1.0.%d", id), ReplicationPort: 6300, Name: fmt.Sprintf("sd%d", id), Weight: 100,
		}
	}
	return devices
}

// Rows returns a table of replicas rows in which partition p belongs to the
// devices p, p+1, … of n.
func Rows(partPower, replicas, n int) [][]uint16 {
	rows := make([][]uint16, replicas)
	for row := range rows {
		for part := range 1 << partPower {
			rows[row] = append(rows[row], uint16((part+row)%n))
		}
	}
	return rows
}

// Encode returns a ring file of format 1. The first row has all partitions; nil
// among the devices is a hole. more is put into its JSON: "version",
// "next_part_power".
func Encode(tb testing.TB, devices []*ring.Device, rows [][]uint16, more map[string]any) []byte {
	tb.Helper()
	shift := 32
	for 1<<(32-shift) < len(rows[0]) {
		shift--
	}
	all := map[string]any{"devs": listed(devices), "part_shift": shift, "replica_count": len(rows), "byteorder": "little"}
	for key, value := range more {
		all[key] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		tb.Fatal(err)
	}
	raw := binary.BigEndian.AppendUint32([]byte("R1NG\x00\x01"), uint32(len(text)))
	raw = append(raw, text...)
	for _, row := range rows {
		for _, id := range row {
			raw = binary.LittleEndian.AppendUint16(raw, id)
		}
	}
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	if _, err := z.Write(raw); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

func listed(devices []*ring.Device) []map[string]any {
	list := make([]map[string]any, len(devices))
	for i, d := range devices {
		if d != nil {
			list[i] = map[string]any{
				"id": d.ID, "region": d.Region, "zone": d.Zone, "ip": d.IP, "port": d.Port,
				"replication_ip": d.ReplicationIP, "replication_port": d.ReplicationPort,
				"device": d.Name, "weight": d.Weight, "meta": d.Meta,
			}
		}
	}
	return list
}

// Write puts a file in the place of path, as swift-ring-builder and rsync do: by
// renaming.
func Write(tb testing.TB, path string, file []byte) {
	tb.Helper()
	part := filepath.Join(filepath.Dir(path), ".part")
	if err := os.WriteFile(part, file, 0o644); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(part, path); err != nil {
		tb.Fatal(err)
	}
}
