//go:build !linux

package engine

import (
	"errors"
	"hash"
	"sync/atomic"
)

// lanes are what only Linux has.
type lanes struct{}

func newLanes(Config) (*lanes, error) { return nil, errors.ErrUnsupported }
func (*lanes) Close() error           { return nil }

func probeUring() (works bool, why string, err error) { return false, "io_uring is Linux's", nil }

// seams are for tests, of what only Linux has.
type seams struct{}

func fetchesByRing(Config, bool) (is bool, why string) { return false, noRingsFetch }

func zeroCopyFrom(Config, bool) (from int, why string) { return -1, "no rings" }

func cold(FileSource, int64, int64) bool { return false }

func (o *Outbound) sendByRing(FileSource, int64, Kind, Reason, hash.Hash) (sent int64, is bool, without Reason, err error) {
	return 0, false, ReasonEngine, nil
}

// Begun is a body that a ring has begun to read, and so is not here.
type Begun struct{ FileSource }

func (*Outbound) Begin(FileSource, int64) *Begun { return nil }
func (*Outbound) OnTail(func())                  {}
func (*Begun) Abandon()                          {}

func (*Engine) fetchByRing([]Ahead, *atomic.Bool) (cold int, is bool) { return 0, false }

func (i *Inbound) landByRing(*Landing, int64) (got int64, is bool, err error) {
	i.engine.count(&i.ways, WayLandCopy, ReasonEngine)
	return 0, false, nil
}

// LaneBytes is of what is not here.
func LaneBytes() int64 { return 0 }
