package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// wire asks a receiver what it holds, in the only words that every receiver has:
// sessions that offer something and send nothing. What is not wanted at a time,
// and is wanted one tick later, is held with exactly that time.
type wire struct {
	r *receiverSeat
	p *player
}

// check makes a session up to the answer, and leaves it open.
func (w wire) check(ctx context.Context, offers []proto.Offer) ([]proto.Wanted, *session, error) {
	conn, err := w.r.dial(ctx, w.p.patience)
	if err != nil {
		return nil, nil, err
	}
	t := newSession(conn, &Script{}, w.p.patience)
	wanted, err := w.offer(t, offers)
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return wanted, t, nil
}

func (w wire) offer(t *session, offers []proto.Offer) ([]proto.Wanted, error) {
	words := w.p.world.words
	head := request("SSYNC", "/"+words["device"]+"/"+words["partition"], w.r.cfg.Addr, words["policy"])
	if w.p.script.Is2013() {
		head = request("REPLICATION", head.Target, w.r.cfg.Addr, "")
	}
	if err := t.openReceiver(head); err != nil {
		return nil, err
	}
	lines := []byte(proto.MissingCheckStart + "\r\n")
	for _, o := range offers {
		if w.p.script.Is2013() {
			lines = proto.AppendOffer2013(lines, o)
		} else {
			lines = proto.AppendOffer(lines, o)
		}
	}
	t.write(proto.AppendChunk(nil, append(lines, proto.MissingCheckEnd+"\r\n"...)))
	var wanted []proto.Wanted
	for started := false; ; {
		text, ok := w.p.nextLine(t, false)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s instead of an answer to an offer", t.in.said())
		case !started:
			if text != proto.MissingCheckStart {
				return nil, fmt.Errorf("%.200q instead of an answer to an offer", text)
			}
			started = true
		case text == proto.MissingCheckEnd:
			return wanted, nil
		default:
			one, err := proto.ParseWanted([]byte(text))
			if err != nil {
				return nil, err
			}
			wanted = append(wanted, one)
		}
	}
}

// wants asks what is wanted of one offer: "", "d", "m" or "dm".
func (w wire) wants(ctx context.Context, o proto.Offer) (string, error) {
	wanted, t, err := w.check(ctx, []proto.Offer{o})
	if err != nil {
		return "", err
	}
	t.last()
	t.conn.Close()
	var letters string
	for _, one := range wanted {
		if one.Hash != o.Hash {
			return "", fmt.Errorf("the receiver wants %s, which was not offered", one.Hash)
		}
		if one.Data {
			letters += "d"
		}
		if one.Meta {
			letters += "m"
		}
	}
	return letters, nil
}

// ask finds out whether data, a tombstone or nothing is held.
func (w wire) ask(ctx context.Context, f *Fact) (want, got string, err error) {
	o := proto.Offer{Hash: w.p.world.hash(f.Name)}
	if f.Kind == IsNothing {
		// Older than anything: wanted only where there is nothing at all.
		o.Data = proto.Timestamp{Raw: 100_000}
		o.Meta, o.CType = o.Data, o.Data
		letters, err := w.wants(ctx, o)
		if err == nil && letters == "" {
			return "nothing", "something", nil
		}
		return "nothing", "nothing", err
	}
	ts, err := w.p.world.timestamp(f.Time)
	if err != nil {
		return "", "", err
	}
	want = factWords[f.Kind] + " " + f.Time
	if got, err = w.dataAt(ctx, o, ts); err != nil || got != "" {
		return want, got, err
	}
	if w.p.script.Is2013() {
		return want, want, nil // a bare hash tells no more
	}
	// Newer metadata is never wanted of a tombstone.
	o.Data, o.CType = plainTime(ts), plainTime(ts)
	if o.Meta, err = ts.Plus(aLifetime); err != nil {
		return "", "", err
	}
	letters, err := w.wants(ctx, o)
	got = "data " + f.Time
	if !strings.Contains(letters, "m") {
		got = "tombstone " + f.Time
	}
	return want, got, err
}

// aLifetime is later than any time of a script, in ticks.
const aLifetime = 100_000 * 100_000

// dataAt tells in words what is wrong, if data or a tombstone of ts is not held.
func (w wire) dataAt(ctx context.Context, o proto.Offer, ts proto.Timestamp) (wrong string, err error) {
	o.Data, o.Meta, o.CType = ts, ts, ts
	letters, err := w.wants(ctx, o)
	switch {
	case err != nil:
		return "", err
	case letters == "dm":
		return "something older, or nothing", nil
	case strings.Contains(letters, "d"):
		return "something older", nil
	}
	o.Data = next(ts)
	o.Meta, o.CType = o.Data, o.Data
	letters, err = w.wants(ctx, o)
	if err == nil && !strings.Contains(letters, "d") {
		return "something newer", nil
	}
	return "", err
}

// askMeta finds out whether metadata of a time is held. Offsets are left out:
// releases differ in whether they send them.
func (w wire) askMeta(ctx context.Context, f *Fact) (want, got string, err error) {
	ts, err := w.p.world.timestamp(f.Time)
	if err != nil {
		return "", "", err
	}
	want = "meta " + f.Time
	ts = plainTime(ts)
	o := proto.Offer{Hash: w.p.world.hash(f.Name), Data: proto.Timestamp{Raw: 100_000}, Meta: ts, CType: proto.Timestamp{Raw: 100_000}}
	letters, err := w.wants(ctx, o)
	if err != nil || letters != "" {
		return want, "older metadata, or none", err
	}
	o.Meta = next(ts)
	letters, err = w.wants(ctx, o)
	if err != nil || letters != "m" {
		return want, "newer metadata, or a tombstone", err
	}
	return want, want, nil
}

func plainTime(ts proto.Timestamp) proto.Timestamp { return proto.Timestamp{Raw: ts.Raw} }

// next is the time right after ts.
func next(ts proto.Timestamp) proto.Timestamp {
	if ts.Offset > 0 {
		ts.Offset++
	} else {
		ts.Raw++
	}
	return ts
}
