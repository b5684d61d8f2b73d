package engine

import (
	"fmt"
	"hash"
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

// Engine is a way of moving bodies. It is made once and given to the streams; a
// nil Engine is the portable one. Safe for concurrent use.
type Engine struct {
	name  Name
	why   string
	pool  *buffer.Pool
	lanes *lanes // nil: no rings
	stats stats
}

// Config says which engine is wanted.
type Config struct {
	Name  string       // see Choose
	Pool  *buffer.Pool // of the streams
	Lanes int          // bodies that rings move at once; 0 = 4
}

// New makes the engine that Choose finds.
func New(cfg Config) (*Engine, error) {
	name, why, err := Choose(cfg.Name)
	if err != nil {
		return nil, err
	}
	e := &Engine{name: name, why: why, pool: cfg.Pool}
	if name == Uring && cfg.Pool == nil {
		return nil, errNoPool
	}
	if name == Uring {
		if e.lanes, err = newLanes(cfg); err != nil {
			return nil, fmt.Errorf("engine %s: %w", name, err)
		}
	}
	return e, nil
}

// Name is what runs.
func (e *Engine) Name() Name {
	if e == nil {
		return Portable
	}
	return e.name
}

// Why is the reason for it, a sentence for the log.
func (e *Engine) Why() string {
	if e == nil {
		return "portable: none was made"
	}
	return e.why
}

// Close ends the engine, before its pool. No stream may be using it.
func (e *Engine) Close() error {
	if e == nil || e.lanes == nil {
		return nil
	}
	return e.lanes.Close()
}

// Stats counts the large bodies by the way that they took.
type Stats struct {
	Sendfile int64 // sent from the page cache to the socket by the kernel
	Copied   int64 // sent by way of a buffer
	RingSent int64 // read ahead and sent by a ring
	Landed   int64 // landed by a ring
	NoLane   int64 // that would have taken a ring, if a lane had been free
}

type stats struct{ sendfile, copied, ringSent, landed, noLane atomic.Int64 }

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	if e == nil {
		return Stats{}
	}
	return Stats{
		Sendfile: e.stats.sendfile.Load(), Copied: e.stats.copied.Load(),
		RingSent: e.stats.ringSent.Load(), Landed: e.stats.landed.Load(), NoLane: e.stats.noLane.Load(),
	}
}

// sending chooses how a body is sent; nil: by way of the buffer.
func (e *Engine) sending(o *Outbound, src Source, n int64, digest hash.Hash) sendWay {
	if e == nil || e.name == Portable || n < leastPart {
		return nil
	}
	if _, is := src.(FileSource); !is || digest != nil || !o.file.usable() {
		e.stats.copied.Add(1)
		return nil
	}
	e.stats.sendfile.Add(1)
	return (*Outbound).sendFile
}
