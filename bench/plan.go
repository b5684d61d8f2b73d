package bench

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/medium"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/proto"
)

// set is one data set on one medium, and what is done with it.
type set struct {
	workload.Set
	medium     medium.Medium
	scale      float64
	partPower  int
	young      bool
	cells      []*cell
	source     string // devices directories, when they have been made
	leaving    string // of a sender who is to be empty afterwards: a copy of source, made for each run
	stored     string // a source with stored digests, where one is needed
	target     string
	heated     bool // the page cache has what the sender's disks hold
	partitions []uint32
	since      time.Time // when its data was there
}

// cell is one comparison.
type cell struct {
	cache       medium.Cache
	sessions    int
	contestants []string
	runs        int
	counted     bool // calls too, if they are at all
}

// partPowers are the layouts: a ring of one partition, and one of 64.
var partPowers = map[string]int{"one": 0, "64": 6}

// layout is a part power's name.
func layout(partPower int) string {
	for name, power := range partPowers {
		if power == partPower {
			return name
		}
	}
	panic(fmt.Sprintf("bench: no layout has 2^%d partitions", partPower))
}

// plan lays picks out. Sets that several picks name are one, so are cells; sets of
// one medium follow each other.
func plan(picks []Pick, start proto.Timestamp) ([]*set, error) {
	var sets []*set
	for _, p := range picks {
		for _, s := range p.each() {
			if err := p.lay(&sets, s, start); err != nil {
				return nil, err
			}
		}
	}
	if len(sets) == 0 {
		return nil, errors.New("nothing is picked that can be done: several sessions want several partitions, and memory has no cold cache")
	}
	order := map[volumeKey]int{}
	for _, s := range sets {
		if _, ok := order[s.volume()]; !ok {
			order[s.volume()] = len(order)
		}
	}
	slices.SortStableFunc(sets, func(a, b *set) int { return cmp.Compare(order[a.volume()], order[b.volume()]) })
	return sets, nil
}

// volumeKey tells on which volume a set lies: one of its medium, or one of its own,
// so that the inodes of a great many objects are in nobody else's way.
type volumeKey struct {
	medium  medium.Medium
	objects int // 0 where it is shared
}

const manyObjects = 200_000

func (s *set) volume() volumeKey {
	if s.Spec.Objects >= manyObjects {
		return volumeKey{s.medium, s.Spec.Objects}
	}
	return volumeKey{s.medium, 0}
}

// one is one combination of a pick's parts.
type one struct {
	workload, medium, cache, layout string
	sessions                        int
}

func (p Pick) each() (list []one) {
	for _, m := range p.Media {
		for _, w := range p.Workloads {
			for _, l := range p.Layouts {
				for _, c := range p.Caches {
					for _, n := range p.Sessions {
						list = append(list, one{w, m, c, l, n})
					}
				}
			}
		}
	}
	return list
}

func (p Pick) lay(sets *[]*set, o one, start proto.Timestamp) error {
	m, err := medium.Parse(o.medium)
	if err != nil {
		return err
	}
	cache, err := medium.ParseCache(o.cache)
	if err != nil {
		return err
	}
	power, ok := partPowers[o.layout]
	if !ok {
		return fmt.Errorf("layout %.20q is none of %s", o.layout, strings.Join(slices.Sorted(maps.Keys(partPowers)), ", "))
	}
	if o.sessions < 1 || p.Runs < 1 {
		return fmt.Errorf("%d sessions and %d runs: at least one of each", o.sessions, p.Runs)
	}
	w, err := workload.Standard(o.workload, p.Scale, start)
	if err != nil {
		return err
	}
	if o.sessions > 1<<power || cache == medium.Cold && m.InMemory() {
		return nil // a session has a partition to itself; memory is never cold
	}
	s := &set{Set: w, medium: m, scale: p.Scale, partPower: power, young: p.Young && settles(w)}
	if i := slices.IndexFunc(*sets, s.same); i >= 0 {
		s = (*sets)[i]
	} else {
		*sets = append(*sets, s)
	}
	s.add(&cell{cache, o.sessions, slices.Clone(p.Contestants), p.Runs, p.Counted})
	return nil
}

// settles tells whether a set's data has to grow old: where a receiver of ours would
// fsync young objects again before it says that it has them, and where a replicator
// of ours would before it tells of their digests.
func settles(w workload.Set) bool {
	return w.Target != workload.Empty || w.Pass && !w.Leaves
}

func (s *set) same(o *set) bool {
	return s.Name == o.Name && s.Spec.Objects == o.Spec.Objects && s.medium == o.medium && s.partPower == o.partPower && s.young == o.young
}

// add adds a cell, or its contestants to the one that is there.
func (s *set) add(c *cell) {
	for _, old := range s.cells {
		if old.cache != c.cache || old.sessions != c.sessions {
			continue
		}
		for _, name := range c.contestants {
			if !slices.Contains(old.contestants, name) {
				old.contestants = append(old.contestants, name)
			}
		}
		old.runs, old.counted = max(old.runs, c.runs), old.counted || c.counted
		return
	}
	s.cells = append(s.cells, c)
}

// disks names the data that a set lies on: N and U share theirs.
func (s *set) disks() string {
	return fmt.Sprintf("%s-%d-%d-%v", s.Spec.Prefix, s.Spec.Objects, s.partPower, s.young)
}

// volumeBytes is the room that sets need on a medium: everything that is held by a
// receiver beforehand lies there at once, of the others one at a time, and each
// twice, at the sender and at the receiver.
func volumeBytes(sets []*set) int64 {
	var kept, largest int64
	seen := map[string]bool{}
	for _, s := range sets {
		need := 2 * s.footprint()
		if s.wantsStored() || s.Leaves {
			need += s.footprint() // once more, with stored digests or to be emptied
		}
		switch {
		case s.Target == workload.Empty:
			largest = max(largest, need)
		case !seen[s.disks()]:
			seen[s.disks()] = true
			kept += need
		}
	}
	return (kept+largest)*5/4 + sparesBytes
}

// canStore tells whether any object of a set would have a stored digest.
func (s *set) canStore() bool {
	return s.Target == workload.Empty && s.Spec.Largest() > workload.StoredAbove
}

// wantsStored tells whether anybody is named who needs it with stored digests too.
func (s *set) wantsStored() bool {
	return s.canStore() && slices.ContainsFunc(s.cells, func(c *cell) bool { return slices.ContainsFunc(c.contestants, contestant.WantsStored) })
}

const (
	sparesBytes = 512 << 20 // the file system's journal, and what is put aside

	// objectBytes is what an object takes beside its body: its directory, two
	// inodes, and half a block on the average.
	objectBytes = 8 << 10
)

func (s *set) footprint() int64 {
	return s.Spec.Bytes() + int64(s.Spec.Objects)*objectBytes
}
