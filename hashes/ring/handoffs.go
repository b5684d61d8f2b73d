package ring

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"
)

// The tiers by which handoffs are found, in the order of Swift's passes. A
// device is the last tier: its own.
const (
	byRegion = iota
	byZone
	byIP
	byDevice
	tierKinds
)

// levels numbers the tiers of each kind: 0, 1, 2, … in the order in which the
// devices come. Only devices that the table names count.
type levels struct {
	of    [tierKinds][]int32 // by device id
	count [tierKinds]int
}

// tier is a region, a zone or an address; what does not tell it is left empty.
type tier struct {
	region, zone int
	ip           string
}

// settle checks the table against the devices and counts what handoffs need.
// Source: Ring._update_bookkeeping.
func (r *Ring) settle() error {
	r.slots = make([]int, len(r.devices))
	for row := range r.table.rows() {
		for part := range r.table.length(row) {
			id, ok := r.table.device(row, uint32(part))
			if !ok {
				continue
			}
			if r.Device(id) == nil {
				return fmt.Errorf("row %d gives partition %d to device %d, which is not listed", row, part, id)
			}
			r.slots[id]++
		}
	}
	r.numberTiers()
	return nil
}

func (r *Ring) numberTiers() {
	for kind := range r.tiers.of {
		r.tiers.of[kind] = make([]int32, len(r.devices))
	}
	var seen [byDevice]map[tier]int32
	for kind := range seen {
		seen[kind] = map[tier]int32{}
	}
	for _, d := range r.present {
		if r.slots[d.ID] == 0 {
			continue
		}
		for kind, t := range [byDevice]tier{{region: d.Region}, {region: d.Region, zone: d.Zone}, {d.Region, d.Zone, d.IP}} {
			number, ok := seen[kind][t]
			if !ok {
				number = int32(len(seen[kind]))
				seen[kind][t] = number
			}
			r.tiers.of[kind][d.ID] = number
		}
		r.tiers.of[byDevice][d.ID] = int32(r.tiers.count[byDevice])
		r.tiers.count[byDevice]++
	}
	for kind := range seen {
		r.tiers.count[kind] = len(seen[kind])
	}
}

// Handoffs yields the devices that may hold a partition in the place of a
// primary, the best first: each of a new region, then of a new zone, then of a
// new address, then all others. All nodes find the same order, which is
// Swift's, its oddities included: of more than 65,536 partitions it looks only
// at every 2nd, 4th, …, and it looks at partition 0 only where it begins there.
// So in a small ring a device can be missing that has no other partition.
//
// Devices that have no partition never come; a partition that the ring does
// not have has no handoffs either. Source: Ring.get_more_nodes.
func (r *Ring) Handoffs(part uint32) iter.Seq[*Device] {
	return func(yield func(*Device) bool) {
		if uint64(part) >= uint64(r.Partitions()) {
			return
		}
		w := r.newWalk(part)
		for kind := range tierKinds {
			if !w.pass(kind, yield) {
				return
			}
		}
	}
}

// walk is a search for handoffs: which tiers have been met, of which kind.
type walk struct {
	*Ring
	part uint32
	met  [tierKinds][]bool
	left [tierKinds]int // tiers that have not been met
}

func (r *Ring) newWalk(part uint32) *walk {
	w := &walk{Ring: r, part: part, left: r.tiers.count}
	for kind := range w.met {
		w.met[kind] = make([]bool, r.tiers.count[kind])
	}
	for _, d := range r.Primaries(part) {
		w.meet(d.ID)
	}
	return w
}

func (w *walk) meet(id int) {
	for kind := range w.met {
		if tier := w.tiers.of[kind][id]; !w.met[kind][tier] {
			w.met[kind][tier] = true
			w.left[kind]--
		}
	}
}

// pass yields the devices of tiers that have not been met, until there are no
// more such tiers. False: nobody wants more.
func (w *walk) pass(kind int, yield func(*Device) bool) bool {
	for slot := range w.order() {
		for row := range w.table.rows() {
			if w.left[kind] == 0 {
				return true
			}
			id, ok := w.table.device(row, slot)
			if !ok || w.met[kind][w.tiers.of[kind][id]] {
				continue
			}
			w.meet(id)
			if !yield(w.devices[id]) {
				return false
			}
		}
	}
	return true
}

// order yields the partitions in whose columns handoffs are looked for: from a
// place that the partition's number hashes to, up to the last, and then those
// before it.
func (w *walk) order() iter.Seq[uint32] {
	parts := w.Partitions()
	sum := md5.Sum(strconv.AppendUint(nil, uint64(w.part), 10))
	start := int(binary.BigEndian.Uint32(sum[:]) >> (32 - w.partPower))
	step := max(parts/65536, 1)

	return func(yield func(uint32) bool) {
		for slot := start; slot < parts; slot += step {
			if !yield(uint32(slot)) {
				return
			}
		}
		for slot := step - (parts-start)%step; slot < start; slot += step {
			if !yield(uint32(slot)) {
				return
			}
		}
	}
}
