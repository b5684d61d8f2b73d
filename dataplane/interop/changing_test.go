package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// changing is an object on its way, and what happens to it meanwhile.
type changing struct {
	name       string
	happens    func(*store.Partition) error
	atReceiver bool
	when       moment
	has        string // the receiver, then, in Swift's eyes
	// refused: what comes is older than what is there by then. For Swift that is a
	// failure; to us what is here as new is as good.
	refused bool
}

// changes are all that can happen, at both moments.
func changes() []changing {
	put := func(at float64) func(*store.Partition) error {
		return func(p *store.Partition) error { return storetest.Put(p, base, storetest.Time(at), []byte("changed")) }
	}
	post := func(p *store.Partition) error {
		return storetest.Post(p, base, storetest.Time(2), hashes.Field{Key: "X-Object-Meta-New", Value: "x"})
	}
	remove := func(p *store.Partition) error { return storetest.Delete(p, base, storetest.Time(2)) }
	vanish := func(p *store.Partition) error {
		h := hashOf(base)
		return os.RemoveAll(filepath.Join(p.Path(), h[29:], h))
	}
	const before, after, deleted, nothing = "data " + t1, "data " + t2, "deleted " + t2, ""
	return []changing{
		{"overwritten", put(2), false, afterCheck, after, false},
		{"overwritten", put(2), false, inTheBody, before, false},
		{"posted to", post, false, afterCheck, after, false},
		{"posted to", post, false, inTheBody, before, false},
		{"deleted", remove, false, afterCheck, deleted, false},
		{"deleted", remove, false, inTheBody, before, false},
		{"gone", vanish, false, afterCheck, nothing, false},
		{"gone", vanish, false, inTheBody, before, false},
		{"overwritten at the receiver", put(2), true, afterCheck, after, true},
		{"overwritten at the receiver", put(2), true, inTheBody, after, false},
		{"deleted at the receiver", remove, true, afterCheck, deleted, true},
		{"deleted at the receiver", remove, true, inTheBody, deleted, false},
		{"put, but older, at the receiver", put(0), true, afterCheck, before, false},
		{"put, but older, at the receiver", put(0), true, inTheBody, before, false},
	}
}

// An object may change while it is being sent. What arrives is the object as it
// was or as it is, whole; the next session brings the rest; and Swift finds both
// disks sound.
func TestChangesWhileSent(t *testing.T) {
	t.Parallel()
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			from, to := disk(t), disk(t)
			list := changes()
			r.fillChanging(from, list)
			receiver := p.receive(r, to)
			first := make([]pushed, len(list))
			for i, c := range list {
				where := from
				if c.atReceiver {
					where = to
				}
				partition := storetest.Device(t, r.store(where)).Partition(r.cluster.Policies[0], uint32(i))
				address, done := meddle(t, receiver, c.when, func() {
					if err := c.happens(partition); err != nil {
						t.Error(err)
					}
				})
				first[i] = p.push(r, from, address, fmt.Sprint(i))
				if !done() {
					t.Fatalf("%s %s: the moment never came", c.name, c.when.name)
				}
			}
			then := r.inspect(to)
			second := p.push(r, from, receiver)
			diffs := compare(r.inspect(from), r.inspect(to))
			for i, c := range list {
				t.Run(c.name+" "+c.when.name, func(t *testing.T) {
					fails := c.refused && p.name == oursToSwift
					if (first[i].err != nil) != fails || first[i].wanted != 1 || first[i].failed != 0 {
						t.Errorf("first pass: %+v", first[i])
					}
					o := then.Objects[fmt.Sprintf("%d/%s", i, hashOf(base))]
					if got := strings.TrimSpace(o.State + " " + o.TS); got != c.has {
						t.Errorf("after it the receiver has %q, want %q", got, c.has)
					}
					if one := second.sessions[fmt.Sprint(i)]; one.err != "" {
						t.Errorf("second pass: %s", one.err)
					}
					if diff := diffs[fmt.Sprint(i)]; diff != nil && !c.atReceiver && c.name != "gone" {
						t.Errorf("after the second pass: %s", strings.Join(diff, "\n"))
					}
				})
			}
			r.sound(from)
			r.sound(to)
		})
	}
}

// fillChanging puts one object into each partition.
func (r *rig) fillChanging(devices string, list []changing) {
	r.t.Helper()
	var ops []peer.Op
	for i, c := range list {
		op := peer.Op{Op: peer.Put, Name: base, Timestamp: t1, Partition: i, Size: 1000, Seed: 1}
		if c.when.sent > 0 {
			op.Size = bodyBytes
		}
		ops = append(ops, op)
	}
	if err := r.swift.Fill(r.t.Context(), r.swiftDir, devices, device, ops); err != nil {
		r.t.Fatal(err)
	}
}
