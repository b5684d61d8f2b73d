package engine

import (
	"fmt"
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

// Engine is a way of moving bodies. It is made once and given to the streams; a
// nil Engine is the portable one. Safe for concurrent use.
type Engine struct {
	rules Rules
	pool  *buffer.Pool
	lanes *lanes // nil: no rings
	ahead int    // blocks of a body that are read before they are sent
	seams seams

	ways       [wayCount][reasonCount]atomic.Int64
	zeroCopies atomic.Int64                      // sends
	verdicts   [ZeroCopyRefused + 1]atomic.Int64 // connections
}

// Config says which engine is wanted.
type Config struct {
	Name         string       // see Choose
	Pool         *buffer.Pool // of the streams
	Lanes        int          // bodies that rings move at once; 0 = 4
	ReadAhead    int          // blocks of 1 MiB that are read before they are sent, by a ring; 0 = 4
	DirectFrom   int64        // bytes from which a cold body is read past the page cache; 0 = 4 MiB, negative: never
	ZeroCopyFrom int          // bytes of a send from which it is tried without a copy; 0 = 64 KiB, negative: never

	seams seams
}

const (
	// defaultReadAhead: more brings nothing.
	defaultReadAhead = 4
	// mostReadAhead leaves room in a ring, of 64 places at the least.
	mostReadAhead = 16
)

// New makes the engine that Choose finds.
func New(cfg Config) (*Engine, error) {
	rules, err := NewRules(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.ReadAhead == 0 {
		cfg.ReadAhead = defaultReadAhead
	}
	if cfg.ReadAhead < 1 || cfg.ReadAhead > mostReadAhead {
		return nil, fmt.Errorf("engine: %d blocks read ahead: not 1 to %d", cfg.ReadAhead, mostReadAhead)
	}
	e := &Engine{rules: rules, pool: cfg.Pool, ahead: cfg.ReadAhead, seams: cfg.seams}
	if rules.rings && cfg.Pool == nil {
		return nil, errNoPool
	}
	if rules.rings {
		if e.lanes, err = newLanes(cfg); err != nil {
			return nil, fmt.Errorf("engine %s: %w", rules.Engine, err)
		}
	}
	return e, nil
}

// Name is what runs.
func (e *Engine) Name() Name {
	if e == nil {
		return Portable
	}
	return e.rules.Engine
}

// Why is the reason for it, a sentence for the log.
func (e *Engine) Why() string {
	if e == nil {
		return "portable: none was made"
	}
	return e.rules.Why
}

// Close ends the engine, before its pool. No stream may be using it.
func (e *Engine) Close() error {
	if e == nil || e.lanes == nil {
		return nil
	}
	return e.lanes.Close()
}

// Stats counts the large bodies by the way that they took, and why.
type Stats struct {
	Ways     Ways
	Sendfile int64 // sent from the page cache to the socket by the kernel
	Copied   int64 // sent by way of a buffer
	RingSent int64 // read ahead and sent by a ring
	Landed   int64 // landed by a ring
	NoLane   int64 // that would have taken a ring, if a lane had been free

	ZeroCopies      int64 // sends that were tried without a copy
	ZeroCopyKept    int64 // connections on which the kernel did not copy
	ZeroCopyCopied  int64 // those on which it did
	ZeroCopyRefused int64 // and on which it did not take such a send
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	if e == nil {
		return Stats{}
	}
	s := Stats{
		ZeroCopies:   e.zeroCopies.Load(),
		ZeroCopyKept: e.verdicts[ZeroCopyKept].Load(), ZeroCopyCopied: e.verdicts[ZeroCopyCopied].Load(), ZeroCopyRefused: e.verdicts[ZeroCopyRefused].Load(),
	}
	for way := range s.Ways {
		for reason := range s.Ways[way] {
			s.Ways[way][reason] = e.ways[way][reason].Load()
		}
	}
	s.Sendfile, s.Copied = s.Ways.By(WaySendfile), s.Ways.By(WayCopy)
	s.RingSent = s.Ways.By(WayRing) + s.Ways.By(WayZeroCopy)
	s.Landed, s.NoLane = s.Ways.By(WayLandRing), s.Ways.For(ReasonNoLane)
	return s
}

// Rules are what ways are chosen by.
func (e *Engine) Rules() Rules {
	if e == nil {
		return Rules{Engine: Portable, Why: e.Why(), ZeroCopyFrom: -1, ZeroCopyWhy: "no rings", FetchWhy: noRingsFetch}
	}
	return e.rules
}
