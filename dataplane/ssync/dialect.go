package ssync

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Verb is the request that opens a session, and so says which dialect is spoken
// in it. The zero value is SSYNC.
type Verb string

// The verbs. No release of Swift knew both.
const (
	SSYNC       Verb = "SSYNC"       // since 2.3
	REPLICATION Verb = "REPLICATION" // 1.11 to 2.2, of 2013 to 2014
)

// String is the request's method.
func (v Verb) String() string {
	if v == REPLICATION {
		return string(REPLICATION)
	}
	return string(SSYNC)
}

func (v Verb) dialect() dialect {
	if v == REPLICATION {
		return of2013{}
	}
	return modern{}
}

// dialect is the steps in which the verbs differ. What both do alike stands in
// sender.go and receiver.go, which do not ask which of them is spoken.
type dialect interface {
	// Of what two of ours can do beyond it, what the verb has room for.
	features(f proto.Features) proto.Features

	// The receiver's steps.
	acceptance() []proto.Header                     // further headers of its answer
	wants(here *local, o proto.Offer) proto.Wanted  // here is nil where nothing is
	appendWanted(dst []byte, w proto.Wanted) []byte // one line, or nothing
	etag(sent string) string                        // of a PUT, as it is compared

	// The sender's steps.
	placement(policy int) ([]proto.Header, error) // further headers of its request
	said(o proto.Offer) proto.Offer               // what of an offer the receiver is told
	appendOffer(dst []byte, o proto.Offer) []byte // one line
	unwanted(bare bool) Outcome                   // of what is not wanted; bare: some line had no flags
	sendObject(t *transmission, e *entry, o *store.Object) (shipment, error)
	proof(e *entry, offered store.Times, o *store.Object, sent shipment) (Outcome, store.Times)
	endsAlways() bool // the body, also of a session that failed
}

// shipment is what of an object was sent: its body or tombstone, its metadata.
type shipment struct{ data, meta bool }

func (s shipment) empty() bool { return s == shipment{} }

// modern is SSYNC: three times in an offer, flags in a wanted line, and POST.
type modern struct{}

func (modern) acceptance() []proto.Header {
	return []proto.Header{{Name: "X-Backend-Accept-No-Commit", Value: "True"}}
}

func (modern) features(f proto.Features) proto.Features { return f }

// wants compares an offer with what is here. Equal times are in sync, whatever
// the content, unless nobody has checked that. Swift 2.3 and 2.4 offer the time of the newest file alone, and
// send the object under it: to this comparison a .meta of theirs is a newer body,
// which is fetched once and then is. Source: ssync_receiver.py, encode_wanted.
func (modern) wants(here *local, o proto.Offer) proto.Wanted {
	if here == nil {
		return proto.Wanted{Hash: o.Hash, Data: true, Meta: true}
	}
	w := proto.Wanted{Hash: o.Hash, Data: o.Data.After(here.Data) || here.unchecked && o.Data == here.Data}
	if !here.tombstone {
		w.Meta = o.Meta.After(here.Meta) || o.CType.After(here.CType) && o.CType.After(o.Data)
	}
	return w
}

func (modern) appendWanted(dst []byte, w proto.Wanted) []byte { return proto.AppendWanted(dst, w) }
func (modern) etag(sent string) string                        { return sent }

func (modern) placement(policy int) ([]proto.Header, error) {
	return []proto.Header{{Name: "X-Backend-Storage-Policy-Index", Value: strconv.Itoa(policy)}}, nil
}

func (modern) said(o proto.Offer) proto.Offer               { return o }
func (modern) appendOffer(dst []byte, o proto.Offer) []byte { return proto.AppendOffer(dst, o) }

// unwanted: a receiver that writes no flags is of 2.3 or 2.4. It reads the first
// time of an offer and no more, and compares that with its own newest: a body
// older than ours under a newer POST is "not wanted" too.
func (modern) unwanted(bare bool) Outcome {
	if bare {
		return Unproven
	}
	return InSync
}

// sendObject sends a PUT, a POST or both. Metadata alone goes to a receiver who has
// the body that was offered, not to one who lacks the body it was posted to.
func (modern) sendObject(t *transmission, e *entry, o *store.Object) (sent shipment, err error) {
	if e.want&wantData != 0 {
		if sent.data, err = t.sendPut(e, o, o.Data); !sent.data || err != nil {
			return sent, err
		}
	} else if o.Times.Data != t.result.offers.times(e).Data {
		t.leaveOut(e, errOverwritten)
		return sent, nil
	}
	if e.want&wantMeta != 0 && o.Meta != nil {
		sent.meta = true
		return sent, t.sendSubrequest("POST", o.Name, o.Meta)
	}
	if sent.empty() {
		t.leaveOut(e, errNothingToPost)
	}
	return sent, nil
}

// proof: what was sent is held as it was sent; what was not wanted as it was
// offered, for then it was compared. A bare line compared no metadata, and asked
// for none.
func (modern) proof(e *entry, offered store.Times, o *store.Object, sent shipment) (Outcome, store.Times) {
	switch {
	case sent.data && (sent.meta || o.Meta == nil):
		return Sent, o.Times
	case sent.meta:
		return Sent, store.Times{Data: offered.Data, Meta: o.Times.Meta, CType: o.Times.CType}
	case e.want&wantBare != 0:
		return Unproven, offered
	}
	return Sent, store.Times{Data: o.Times.Data, Meta: offered.Meta, CType: offered.CType}
}

func (modern) endsAlways() bool { return true }

// of2013 is REPLICATION: one time in an offer, that of the newest file; bare
// hashes wanted; no POST, so body and metadata are sent merged, as a PUT under
// the .meta's time. Source: ssync_sender.py and ssync_receiver.py of 1.11.
//
// What such a receiver has is hardly ever proven, since a copy may be removed on
// the strength of a proof and this dialect can't carry one. He compares the one
// time with his own newest, so "not wanted" covers an older body under a newer
// POST. An object with a .meta arrives under another time than it has here. And
// before 2.2.1 he drops all metadata but the user's: the mark of a large object's
// manifest, say.
type of2013 struct{}

func (of2013) acceptance() []proto.Header { return nil }

// features: who speaks this verb is old, or wants it to be as it was.
func (of2013) features(proto.Features) proto.Features { return 0 }

// wants compares the one time of an offer with the newest here, as 2013 did, but
// for one case: newer than the body here, older than its metadata. There the
// sender may have a body that was missed here, and would remove it if told that
// nothing is wanted. It comes under its time, and the metadata here stays.
func (of2013) wants(here *local, o proto.Offer) proto.Wanted {
	newest := o.Meta
	if here == nil {
		return proto.Wanted{Hash: o.Hash, Data: true}
	}
	differs := newest.After(here.Data) && newest != here.Meta
	return proto.Wanted{Hash: o.Hash, Data: differs || here.unchecked && !newest.Before(here.Data)}
}

func (of2013) appendWanted(dst []byte, w proto.Wanted) []byte { return proto.AppendWanted2013(dst, w) }

// etag: 2013 compared digests in any case of letters.
func (of2013) etag(sent string) string { return proto.LowerASCII(sent) }

// placement: the verb is older than policies, and the header that names one is
// passed over by a receiver that has none.
func (of2013) placement(policy int) ([]proto.Header, error) {
	if policy != 0 {
		return nil, fmt.Errorf("policy %d: a receiver of REPLICATION may know no policies and would store its objects among those of policy 0", policy)
	}
	return nil, nil
}

func (of2013) said(o proto.Offer) proto.Offer {
	return proto.Offer{Hash: o.Hash, Data: o.Meta, Meta: o.Meta, CType: o.Meta}
}

func (of2013) appendOffer(dst []byte, o proto.Offer) []byte { return proto.AppendOffer2013(dst, o) }
func (of2013) unwanted(bool) Outcome                        { return Unproven }

// sendObject sends body and metadata as one. The time that the content type has
// of its own would be stored as metadata, and is older than the whole now. What
// has expired is left out, as in 2013: a receiver wants it every time, since it
// can't open its own, and then refuses it with 400.
func (of2013) sendObject(t *transmission, e *entry, o *store.Object) (sent shipment, err error) {
	md := o.Merged()
	if hasExpired(md, time.Now()) {
		t.leaveOut(e, errExpired)
		return sent, nil
	}
	if o.Meta != nil {
		md.Del("Content-Type-Timestamp")
	}
	sent.data, err = t.sendPut(e, o, md)
	sent.meta = sent.data && o.Meta != nil
	return sent, err
}

var errExpired = errors.New("it has expired")

func hasExpired(md hashes.Metadata, now time.Time) bool {
	text, ok := md.Get("X-Delete-At")
	at, err := strconv.ParseInt(text, 10, 64)
	return ok && err == nil && at <= now.Unix()
}

// proof: only what lies there as it lies here is proven, a tombstone or a body
// without a .meta; and only with metadata that every receiver of the verb keeps.
func (of2013) proof(_ *entry, _ store.Times, o *store.Object, _ shipment) (Outcome, store.Times) {
	at := o.Times.Meta
	stored := store.Times{Data: at, Meta: at, CType: at}
	if o.Meta != nil || !keptIn2013(o.Data) {
		return Unproven, stored
	}
	return Sent, stored
}

// keptIn2013 tells whether receivers before 2.2.1 keep all of this. They took the
// list of further headers for its letters. Source: server.py, PUT, of 1.11.
func keptIn2013(md hashes.Metadata) bool {
	for _, f := range md {
		switch key := proto.LowerASCII(f.Key); key {
		case "name", "x-timestamp", "content-type", "content-length", "etag":
		default:
			if !strings.HasPrefix(key, "x-object-meta-") {
				return false
			}
		}
	}
	return true
}

// endsAlways: a 2013 sender leaves the body without an end if the session failed.
func (of2013) endsAlways() bool { return false }
