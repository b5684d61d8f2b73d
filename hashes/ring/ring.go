package ring

import "github.com/ringsync/ringsync/proto"

// Ring is a ring file that has been read. It does not change, and any number of
// goroutines may use it; what its methods return belongs to it, so nobody may
// change that either. Source: swift/common/ring/ring.py, Ring.
type Ring struct {
	format        int
	partPower     int
	nextPartPower int // -1: none
	version       int64

	devices []*Device // by id; nil where an id is gone
	present []*Device // the same without the holes
	table   assignments

	slots []int  // by id: how often the table names the device
	tiers levels // of the devices that it names
}

// Format returns the version of the file's format: 1 or 2.
func (r *Ring) Format() int { return r.format }

// PartPower returns the partition power: 0 to 32.
func (r *Ring) PartPower() int { return r.partPower }

// Partitions returns the number of partitions, 2^PartPower.
func (r *Ring) Partitions() int { return 1 << r.partPower }

// Partition returns the partition of an object's hash. Source: Ring.get_part.
func (r *Ring) Partition(h proto.Hash) uint32 { return h.Partition(r.partPower) }

// NextPartPower returns the partition power that the cluster is on the way to,
// and whether it is on the way: from the preparation until the clean-up. Until
// then an object may be linked into two partitions.
func (r *Ring) NextPartPower() (int, bool) { return r.nextPartPower, r.nextPartPower >= 0 }

// Version returns the number that the ring's builder counts up with each
// change; 0 in files of before Swift 2.17, which have none.
func (r *Ring) Version() int64 { return r.version }

// Replicas returns the number of replicas; it has a fraction where the last row
// of the table is shorter. Source: ring.py, calc_replica_count.
func (r *Ring) Replicas() float64 {
	last := r.table.rows() - 1
	return float64(last) + float64(r.table.length(last))/float64(r.Partitions())
}

// Devices returns all devices by id, those without a partition too.
func (r *Ring) Devices() []*Device { return r.present }

// Device returns the device of an id, nil if there is none.
func (r *Ring) Device(id int) *Device {
	if id < 0 || id >= len(r.devices) {
		return nil
	}
	return r.devices[id]
}

// Assigned returns how many replicas of partitions the device of an id holds.
func (r *Ring) Assigned(id int) int {
	if id < 0 || id >= len(r.slots) {
		return 0
	}
	return r.slots[id]
}

// Primaries returns the devices that hold a partition, in the order of the
// rows, each once. There are none for a partition that the ring does not have:
// whoever finds such a one on a disk must not take that for "all have it".
// Source: Ring.get_part_nodes.
func (r *Ring) Primaries(part uint32) []*Device {
	nodes := make([]*Device, 0, r.table.rows())
rows:
	for row := range r.table.rows() {
		id, ok := r.table.device(row, part)
		if !ok {
			continue
		}
		for _, n := range nodes {
			if n.ID == id {
				continue rows
			}
		}
		nodes = append(nodes, r.devices[id])
	}
	return nodes
}
