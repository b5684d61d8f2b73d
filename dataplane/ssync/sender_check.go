package ssync

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
)

// missingCheck offers, and learns what is wanted. Source: ssync_sender.py,
// Sender.missing_check.
func (t *transmission) missingCheck(ctx context.Context) error {
	if err := t.out.Text([]byte(proto.MissingCheckStart + "\r\n")); err != nil {
		return err
	}
	if err := t.offer(ctx); err != nil {
		return err
	}
	if err := t.out.Text([]byte(proto.MissingCheckEnd + "\r\n")); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.expect(ctx, proto.MissingCheckStart, "missing_check start"); err != nil {
		return err
	}
	for {
		line, err := t.hear(ctx, "missing_check line")
		if err != nil {
			return err
		}
		if proto.IsMarker(line, proto.MissingCheckEnd) {
			break
		}
		if err := t.want(line); err != nil {
			return err
		}
	}
	for i := range t.result.offers.entries {
		if e := &t.result.offers.entries[i]; e.want == 0 {
			e.outcome = t.dialect.unwanted(t.bare)
			if t.features.Has(proto.FeatureNone) {
				e.outcome = Unproven // it may have come so, the last time
			}
		}
	}
	return nil
}

// offer lists the job's objects, suffix by suffix, until the session is full: a
// suffix that does not fit whole is left for the next one.
func (t *transmission) offer(ctx context.Context) error {
	if t.job.Only != nil {
		return t.offerOnly()
	}
	for i, suffix := range t.job.Suffixes {
		var offers []proto.Offer
		err := t.job.Partition.Offers(ctx, t.job.Suffixes[i:i+1], func(o proto.Offer) error {
			offers = append(offers, o)
			return nil
		})
		if err := t.note(err); err != nil {
			return err
		}
		if len(offers) > maxEntries {
			return fmt.Errorf("suffix %s: %d objects, more than a session can hold", suffix, len(offers))
		}
		if t.result.Offered > 0 && t.result.Offered+len(offers) > t.cfg.MaxOffers {
			return nil
		}
		t.listed++
		for _, o := range offers {
			if t.job.MaxObjects > 0 && t.result.Offered == t.job.MaxObjects {
				t.result.Limited = true
				return nil
			}
			if err := t.offerOne(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// note keeps what could not be listed for the end; other errors end the session.
func (t *transmission) note(err error) error {
	var unreadable *store.UnreadableError
	if !errors.As(err, &unreadable) {
		return err
	}
	if t.unlisted == nil {
		t.unlisted = unreadable
	}
	return nil
}

func (t *transmission) offerOnly() error {
	for _, h := range t.job.Only {
		o, there, err := t.job.Partition.Offer(h)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if err := t.offerOne(o); err != nil {
			return err
		}
	}
	return nil
}

func (t *transmission) offerOne(o proto.Offer) error {
	t.result.offers.add(t.dialect.said(o))
	t.result.Offered++
	t.job.Progress.offered()
	if err := t.out.Append(func(dst []byte) []byte { return t.dialect.appendOffer(dst, o) }, 256); err != nil {
		return err
	}
	if t.result.Offered%offersAtOnce == 0 {
		return t.flush()
	}
	return t.flushLate()
}

// want notes a wanted line. A hash may come more than once; one that was never
// offered is no answer to us.
func (t *transmission) want(line []byte) error {
	w, err := proto.ParseWanted(line)
	if err != nil {
		return fmt.Errorf("wanted line: %w", err)
	}
	e := t.result.offers.find(w.Hash)
	if e == nil {
		return fmt.Errorf("the receiver wants %s, which was not offered", w.Hash)
	}
	if e.want == 0 && (w.Data || w.Meta) {
		t.result.Wanted++
		t.job.Progress.wanted()
	}
	if w.Data {
		e.want |= wantData
	}
	if w.Meta {
		e.want |= wantMeta
	}
	if !proto.HasWantedFlags(line) {
		e.want |= wantBare
		t.bare = true
	}
	return nil
}
