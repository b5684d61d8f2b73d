// Package budget adds up what memory a node may take, from what an operator has
// configured:
//
//	buffers    × (1 MiB + a page)            bodies, and what goes out
//	lanes      × a ring                      shared with the kernel
//	requests   × a head, while it is read    those that are served, and as many in the lobby
//	requests   × a stream's text buffer      lines, offers, small bodies
//	sessions   × a chunk of 1 MiB            from a peer of ours, whose chunks carry sums
//	sessions   × what is wanted, twice       offers of one session, up to their ceiling
//	sessions   × a group × a subrequest      heads of what is committed together
//
// Everything is a ceiling: what nobody uses is not taken, and the last two lines
// are reached by a peer only who sends millions of offers in one session, or heads
// of a megabyte. Beside it there are the program itself and the runtime, some 30
// MiB, and stacks of a few KiB for each goroutine; the collector lets the heap (all
// but the first two lines) grow to twice what is in use, unless GOGC or GOMEMLIMIT
// say otherwise.
package budget

import (
	"fmt"
	"os"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// RequestHeadBytes bound the head of a request.
const RequestHeadBytes = 64 << 10

// Config is what the sum follows from. Zero values mean the defaults of a node.
type Config struct {
	Buffers   int // of 1 MiB and a page; 64
	Lanes     int // none without rings; 4
	NoRings   bool
	Clients   int // requests served at once; 1024
	Devices   int // of the node
	PerDevice int // sessions of a device at once; 1, negative: as many as clients
	Sessions  int // replication_concurrency: sessions at once on all devices; 0: no limit
	Group     int // objects that one commit publishes at the most; 256
}

// Line is one summand.
type Line struct {
	What  string `json:"what"`
	Count int64  `json:"count"`
	Each  int64  `json:"each_bytes"`
}

// Bytes is what the line comes to.
func (l Line) Bytes() int64 { return l.Count * l.Each }

// Budget is the sum.
type Budget struct {
	Lines []Line `json:"lines"`
	Most  int64  `json:"most_bytes"`
}

func defaults(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// Of adds up.
func Of(cfg Config) Budget {
	defaults(&cfg.Buffers, 64)
	defaults(&cfg.Lanes, 4)
	defaults(&cfg.Clients, 1024)
	defaults(&cfg.PerDevice, 1)
	defaults(&cfg.Group, ssync.DefaultGroupSize)
	if cfg.NoRings {
		cfg.Lanes = 0
	}
	sessions := cfg.sessions()
	b := Budget{Lines: []Line{
		{"buffers for bodies", int64(cfg.Buffers), BufferBytes()},
		{"lanes", int64(cfg.Lanes), engine.LaneBytes()},
		{"heads of requests", 2 * int64(cfg.Clients), 2 * RequestHeadBytes}, // a slice that grows is there twice
		{"text of sessions", int64(cfg.Clients), engine.TextBytes},
		{"chunks with sums", sessions, engine.SummedBytes},
		{"wanted lists of sessions", sessions, ssync.WantedBytes},
		{"groups of sessions", sessions, int64(cfg.Group) * ssync.SubrequestBytes},
	}}
	for _, l := range b.Lines {
		b.Most += l.Bytes()
	}
	return b
}

// sessions is how many hold a partition at once; others wait for it.
func (cfg *Config) sessions() int64 {
	n := cfg.Clients
	if cfg.PerDevice > 0 {
		n = min(n, cfg.PerDevice*cfg.Devices)
	}
	if cfg.Sessions > 0 {
		n = min(n, cfg.Sessions)
	}
	return int64(n)
}

// BufferBytes is the size of a buffer: see package buffer.
func BufferBytes() int64 { return 1<<20 + int64(os.Getpagesize()) }

// String is for a log line, in MiB.
func (b Budget) String() string {
	text := fmt.Sprintf("at most %d MiB:", mib(b.Most))
	for k, l := range b.Lines {
		if k > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %s %d MiB", l.What, mib(l.Bytes()))
	}
	return text
}

// mib rounds up.
func mib(n int64) int64 { return (n + 1<<20 - 1) >> 20 }
