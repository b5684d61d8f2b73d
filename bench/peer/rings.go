package peer

import "context"

// RingFacts is what Swift says of a ring file.
type RingFacts struct {
	Power      int
	Replicas   float64
	Version    int64
	Next       *int // next_part_power
	Assigned   int  // devices that have a partition
	Devices    []RingDevice
	Partitions []RingPartition // all, or a sample of more than 512
}

// RingDevice is a device as Swift's Ring gives it, its defaults filled in.
type RingDevice struct {
	ID              int     `json:"id"`
	Region          int     `json:"region"`
	Zone            int     `json:"zone"`
	IP              string  `json:"ip"`
	Port            int     `json:"port"`
	ReplicationIP   string  `json:"replication_ip"`
	ReplicationPort int     `json:"replication_port"`
	Device          string  `json:"device"`
	Weight          float64 `json:"weight"`
	Meta            string  `json:"meta"`
}

// RingPartition is where a partition belongs, by device ids.
type RingPartition struct {
	Part                uint32
	Primaries, Handoffs []int
}

// BuildRings lets Swift write a ring for each seed, of any shape,
// to swiftDir/ring-<seed>.ring.gz, and returns what Swift knows by it, by path.
func (s *Swift) BuildRings(ctx context.Context, swiftDir string, seeds []int) (map[string]RingFacts, error) {
	var answer struct{ Rings map[string]RingFacts }
	err := s.call(ctx, "rings.py", map[string]any{"swift_dir": swiftDir, "seeds": seeds}, &answer)
	return answer.Rings, err
}

// GetNodes runs swift-get-nodes for each list of its arguments, of which -a and -p
// are known, and returns what it prints.
func (s *Swift) GetNodes(ctx context.Context, swiftDir string, args ...[]string) ([]string, error) {
	var answer struct {
		GetNodes []string `json:"get_nodes"`
	}
	err := s.call(ctx, "rings.py", map[string]any{"swift_dir": swiftDir, "get_nodes": args}, &answer)
	return answer.GetNodes, err
}
