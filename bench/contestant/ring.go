package contestant

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// writeRing writes the ring that sender and receiver go by, a file of format 1: both
// have every partition, or, where the sender is a handoff, the receiver alone. It is
// the same for everybody, whether there is a Swift here to build one or not.
func (j *Job) writeRing(receiver string) error {
	owners := []uint16{0, 1}
	if j.Handoff {
		owners = owners[1:]
	}
	devices := []map[string]any{}
	for id, address := range []string{senderAddress, receiver} {
		host, digits, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("ring: %w", err)
		}
		port, err := strconv.Atoi(digits)
		if err != nil {
			return fmt.Errorf("ring: port %.20q is not a number", digits)
		}
		devices = append(devices, map[string]any{"id": id, "region": 1, "zone": id, "ip": host, "port": port,
			"replication_ip": host, "replication_port": port, "device": j.Device, "weight": 1.0, "meta": ""})
	}
	head, err := json.Marshal(map[string]any{"devs": devices, "part_shift": 32 - j.PartPower, "replica_count": len(owners), "byteorder": "little"})
	if err != nil {
		return err
	}
	raw := append(binary.BigEndian.AppendUint32([]byte("R1NG\x00\x01"), uint32(len(head))), head...)
	for _, id := range owners {
		for range 1 << j.PartPower {
			raw = binary.LittleEndian.AppendUint16(raw, id)
		}
	}
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	z.Write(raw) // to memory, which takes it
	z.Close()
	return os.WriteFile(filepath.Join(j.SwiftDir, "object.ring.gz"), file.Bytes(), 0o644)
}
