package interop_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
)

// What is newer on the receiver stays, what is newer on the sender goes over:
// data, metadata, content type and tombstones, each by its own time, also where
// one was written with a time long past or to come.
func TestReceiverHasOther(t *testing.T) {
	t.Parallel()
	put := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Put, Name: "/AUTH_a/c/" + name, Timestamp: ts, Size: 20, Seed: int64(ts[9])}
	}
	post := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Post, Name: "/AUTH_a/c/" + name, Timestamp: ts, Headers: map[string]string{"X-Object-Meta-At": ts}}
	}
	retype := func(name, ts, ctype string) peer.Op {
		op := post(name, ts)
		op.ContentTypeTimestamp, op.Headers["Content-Type"] = ctype, "text/at-"+ctype
		return op
	}
	remove := func(name, ts string) peer.Op {
		return peer.Op{Op: peer.Delete, Name: "/AUTH_a/c/" + name, Timestamp: ts}
	}
	list := func(ops ...peer.Op) []peer.Op { return ops }
	const past, future = "0000000001.00000", "9999999998.00000"
	rows := []struct {
		from, to []peer.Op
		wanted   bool
		want     string // data, metadata and content type, or tombstone, that the receiver ends with
	}{
		{list(put("newer", t2)), list(put("newer", t1)), true, "data " + t2 + " " + t2 + " " + t2},
		{list(put("older", t1)), list(put("older", t2)), false, "data " + t2 + " " + t2 + " " + t2},
		{list(put("meta newer", t1), post("meta newer", t3)), list(put("meta newer", t1), post("meta newer", t2)), true, "data " + t1 + " " + t3 + " " + t1},
		{list(put("meta older", t1), post("meta older", t2)), list(put("meta older", t1), post("meta older", t3)), false, "data " + t1 + " " + t3 + " " + t1},
		{list(remove("deleted", t2)), list(put("deleted", t1)), true, "deleted " + t2},
		{list(remove("deleted before", t1)), list(put("deleted before", t2)), false, "data " + t2 + " " + t2 + " " + t2},
		{list(put("back", t2)), list(remove("back", t1)), true, "data " + t2 + " " + t2 + " " + t2},
		{list(put("deleted since", t1)), list(remove("deleted since", t2)), false, "deleted " + t2},

		{list(put("below metadata", t1), post("below metadata", t3), put("below metadata", t2)), list(put("below metadata", t1), post("below metadata", t3)), true, "data " + t2 + " " + t3 + " " + t2},
		{list(put("below its metadata", t2)), list(put("below its metadata", t1), post("below its metadata", t3)), true, "data " + t2 + " " + t3 + " " + t2},
		{list(put("data newer, meta older", t2)), list(put("data newer, meta older", t0), post("data newer, meta older", t1)), true, "data " + t2 + " " + t2 + " " + t2},
		{list(put("type newer", t0), retype("type newer", t2, t2)), list(put("type newer", t0), retype("type newer", t3, t1)), true, "data " + t0 + " " + t3 + " " + t2},
		{list(put("type older", t0), retype("type older", t3, t1)), list(put("type older", t0), retype("type older", t2, t2)), true, "data " + t0 + " " + t3 + " " + t2},
		{list(put("deleted below metadata", t0), post("deleted below metadata", t1), remove("deleted below metadata", t2)), list(put("deleted below metadata", t0), post("deleted below metadata", t3)), true, "deleted " + t2},
		{list(put("long ago", past)), nil, true, "data " + past + " " + past + " " + past},
		{list(put("long ago, posted", past), post("long ago, posted", t1)), list(put("long ago, posted", past)), true, "data " + past + " " + t1 + " " + past},
		{list(remove("deleted long ago", past)), nil, true, "deleted " + past},
		{list(put("to come", future)), list(put("to come", t1), post("to come", t2)), true, "data " + future + " " + future + " " + future},
		{list(remove("deleted some day", future)), list(put("deleted some day", t1)), true, "deleted " + future},
	}
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			want, wanted := map[string]string{}, 0
			var sender, receiver []peer.Op
			for _, row := range rows {
				sender, receiver = append(sender, row.from...), append(receiver, row.to...)
				want[row.from[0].Name] = row.want
				if row.wanted {
					wanted++
				}
			}
			for dir, ops := range map[string][]peer.Op{from: sender, to: receiver} {
				if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
					t.Fatal(err)
				}
			}
			address := p.receive(r, to)
			if result := p.push(r, from, address); result.err != nil || result.wanted != wanted {
				t.Errorf("%+v, want %d wanted", result, wanted)
			}
			got := map[string]string{}
			for _, o := range r.inspect(to).Objects {
				got[o.Name] = o.State + " " + o.TS
				if o.State == peer.StateData {
					got[o.Name] = strings.Join([]string{o.State, o.DataTS, o.TS, o.CTypeTS}, " ")
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if again := p.push(r, from, address); again.err != nil || again.wanted != 0 {
				t.Errorf("the second time: %+v", again)
			}
			r.sound(to)
		})
	}
}
