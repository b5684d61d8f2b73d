package peer

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// Ring is what BuildRing builds.
type Ring struct {
	Name      string // of the file, without .ring.gz: "object", "object-1", "container"
	PartPower int
	Replicas  int
	Nodes     []RingNode // one device each, in the order of their ids
}

// RingNode is a device of a ring, and the addresses of its node.
type RingNode struct {
	Device      string
	Server      string // HOST:PORT for clients
	Replication string // HOST:PORT for other nodes; default: Server
	Leaving     bool   // it has no weight, so no partition: what it has is to go elsewhere
}

// BuildRing writes swiftDir/<name>.ring.gz with Swift's ring builder, each device
// in a zone of its own, and returns the nodes of each partition, as indices of
// Nodes.
func (s *Swift) BuildRing(ctx context.Context, swiftDir string, ring Ring) (partitions [][]int, err error) {
	devices := make([]map[string]any, len(ring.Nodes))
	for i, n := range ring.Nodes {
		if n.Replication == "" {
			n.Replication = n.Server
		}
		devices[i] = map[string]any{"device": n.Device, "zone": i, "weight": 1.0}
		if n.Leaving {
			devices[i]["weight"] = 0.0
		}
		for prefix, address := range map[string]string{"": n.Server, "replication_": n.Replication} {
			host, digits, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("peer: ring %s: device %s: %w", ring.Name, n.Device, err)
			}
			port, err := strconv.Atoi(digits)
			if err != nil {
				return nil, fmt.Errorf("peer: ring %s: device %s: port %.20q is not a number", ring.Name, n.Device, digits)
			}
			devices[i][prefix+"ip"], devices[i][prefix+"port"] = host, port
		}
	}
	err = s.ask(ctx, swiftDir, "ring.py", map[string]any{
		"swift_dir": swiftDir, "name": ring.Name, "part_power": ring.PartPower, "replicas": ring.Replicas, "devices": devices,
	}, &partitions)
	return partitions, err
}
