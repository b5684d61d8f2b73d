package ssync

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
)

// Outcome is what became of one offered object.
type Outcome uint8

// The outcomes. InSync and Sent are proof that the peer holds the object, durable
// and under the times that Each tells, once the session has ended well; the others
// prove nothing.
const (
	Unknown  Outcome = iota // the session ended before its turn
	InSync                  // offered and not wanted
	Sent                    // sent, and the peer has confirmed the session
	NotSent                 // wanted, but gone or unreadable when its turn came
	Failed                  // sent, and not confirmed; or still wanted afterwards
	Unproven                // not wanted, or sent, to a peer who compares or keeps less than this object is, or checks nothing
)

func (o Outcome) String() string {
	return [...]string{"unknown", "in sync", "sent", "not sent", "failed", "not proven"}[o]
}

// entry is what a session remembers of an offer: 40 bytes.
type entry struct {
	hash    proto.Hash
	data    int64 // raw time of the .data or .ts
	meta    int64 // raw time of the .meta, or data
	rare    int32 // where its times are that don't fit; -1 where they do
	outcome Outcome
	want    want
}

type want uint8

const (
	wantData want = 1 << iota
	wantMeta
	wantBare  // asked for by its hash alone
	sentBlind // its body was sent, and held against nothing
)

const (
	entryBytes = 40
	// maxEntries is the ceiling of one session: 64 MiB.
	maxEntries = 64 << 20 / entryBytes
)

// table holds a session's offers in the order they were made: ascending by
// suffix, then by hash, so that an answer is found without an index.
type table struct {
	entries []entry
	rare    []store.Times // with offsets, or a content type of its own
}

func (t *table) add(o proto.Offer) {
	e := entry{hash: o.Hash, rare: -1}
	t.setTimes(&e, store.Times{Data: o.Data, Meta: o.Meta, CType: o.CType})
	t.entries = append(t.entries, e)
}

func (t *table) setTimes(e *entry, ts store.Times) {
	e.data, e.meta = ts.Data.Raw, ts.Meta.Raw
	plain := ts.Data.Offset == 0 && ts.Meta.Offset == 0 && ts.CType == ts.Data
	switch {
	case plain:
		e.rare = -1
	case e.rare >= 0:
		t.rare[e.rare] = ts
	default:
		e.rare = int32(len(t.rare))
		t.rare = append(t.rare, ts)
	}
}

func (t *table) times(e *entry) store.Times {
	if e.rare >= 0 {
		return t.rare[e.rare]
	}
	data := proto.Timestamp{Raw: e.data}
	return store.Times{Data: data, Meta: proto.Timestamp{Raw: e.meta}, CType: data}
}

// unconfirm takes back what was sent in a session that the peer did not confirm.
func (t *table) unconfirm() {
	for i := range t.entries {
		e := &t.entries[i]
		if e.outcome == Sent || e.outcome == Unproven && e.want != 0 {
			e.outcome = Failed
		}
	}
}

// find returns the entry of h, or nil: it was never offered.
func (t *table) find(h proto.Hash) *entry {
	i, found := slices.BinarySearchFunc(t.entries, h, func(e entry, h proto.Hash) int { return compareHash(e.hash, h) })
	if !found {
		return nil
	}
	return &t.entries[i]
}

// compareHash orders as a partition is listed: by suffix, then by hash.
func compareHash(a, b proto.Hash) int {
	return cmp.Or(cmp.Compare(a.Suffix(), b.Suffix()), bytes.Compare(a[:], b[:]))
}

// Result tells what came of a session, or of a partition's sessions together.
type Result struct {
	Offered, Wanted int
	Sent            int // objects, of which something was sent
	Proven          int // objects that the peer is known to hold
	NotSent, Failed int
	Unproven        int            // objects that the peer may hold, or only in part
	Bytes           int64          // of bodies, sent
	Verified        Verified       // bodies sent, by what the receiver held them against
	Features        proto.Features // that the last session had agreed on
	Sessions        int
	Ways            engine.Ways     // of bodies of more than 64 KiB
	ZeroCopy        engine.ZeroCopy // what the last session that tried it found out
	Paced           time.Duration   // waited for limits of bytes a second
	Limited         bool            // there was more than MaxObjects allowed
	Err             error           // why it failed, or what could not be offered

	offers table
}

// Each calls f with each object of the last session and what became of it; the
// times are those that were sent where it was sent, else those offered.
func (r *Result) Each(f func(h proto.Hash, outcome Outcome, times store.Times)) {
	for i := range r.offers.entries {
		e := &r.offers.entries[i]
		f(e.hash, e.outcome, r.offers.times(e))
	}
}

// AppendProven appends what the peer is known to hold, durable, under exactly these
// times: the outcomes InSync and Sent, and no other. Of a session that failed these
// count as well: nothing that was sent in it is Sent. Like Each it knows the objects of
// the last session only.
func (r *Result) AppendProven(dst []store.Proven) []store.Proven {
	r.Each(func(h proto.Hash, outcome Outcome, times store.Times) {
		if outcome == InSync || outcome == Sent || control.Enabled && control.Is(control.RemovedUnproven) {
			dst = append(dst, store.Proven{Hash: h, Times: times})
		}
	})
	return dst
}

// tally sums the outcomes up.
func (r *Result) tally() {
	r.Proven, r.Failed, r.NotSent, r.Unproven = 0, 0, 0, 0
	for i := range r.offers.entries {
		switch r.offers.entries[i].outcome {
		case InSync, Sent:
			r.Proven++
		case NotSent:
			r.NotSent++
		case Unproven:
			r.Unproven++
		case Failed, Unknown:
			r.Failed++
		}
	}
}
