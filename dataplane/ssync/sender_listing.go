package ssync

import (
	"context"
	"sync"

	"github.com/ringsync/ringsync/proto"
)

// listedAhead suffixes are being listed, or have been and wait for their turn. From
// a cold cache each hash directory has to be waited for, which the disk can do for
// many at once; warm, the listing has more cores than one. What waits is their
// offers, of 64 bytes each: 2.5 MB in a partition with ten million objects.
const listedAhead = 16

// listing lists suffixes side by side, and gives their offers in order.
type listing struct {
	ctx     context.Context
	turns   chan chan listed
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// listed is a suffix's offers. err, also if there are some, is what Offers returned.
type listed struct {
	offers []proto.Offer
	err    error
}

// list begins to list the job's suffixes.
func (t *transmission) list(ctx context.Context) *listing {
	ctx, stop := context.WithCancel(ctx)
	l := &listing{ctx: ctx, turns: make(chan chan listed, listedAhead-1), stop: stop}
	l.workers.Go(func() {
		defer close(l.turns)
		for i := range t.job.Suffixes {
			turn := make(chan listed, 1)
			select {
			case l.turns <- turn:
			case <-ctx.Done():
				return
			}
			l.workers.Go(func() { turn <- t.suffix(ctx, t.job.Suffixes[i:i+1]) })
		}
	})
	return l
}

func (t *transmission) suffix(ctx context.Context, one []proto.Suffix) (l listed) {
	l.err = t.job.Partition.Offers(ctx, one, func(o proto.Offer) error {
		l.offers = append(l.offers, o)
		return nil
	})
	return l
}

// next returns the next suffix's offers, and what Offers returned.
func (l *listing) next() ([]proto.Offer, error) {
	turn, more := <-l.turns
	if !more {
		return nil, context.Cause(l.ctx)
	}
	s := <-turn
	return s.offers, s.err
}

// close ends the listing, of which the rest is not needed, and waits for it.
func (l *listing) close() {
	l.stop()
	l.workers.Wait()
}
