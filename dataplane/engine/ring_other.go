//go:build !linux

package engine

import (
	"errors"
	"hash"
)

// lanes are what only Linux has.
type lanes struct{}

func newLanes(Config) (*lanes, error) { return nil, errors.ErrUnsupported }
func (*lanes) Close() error           { return nil }

func probeUring() (works bool, why string, err error) { return false, "io_uring is Linux's", nil }

func (o *Outbound) sendByRing(Source, int64, int64, hash.Hash) (sent int64, is bool, err error) {
	return 0, false, nil
}

func (i *Inbound) landByRing(*Landing, int64) (got int64, is bool, err error) { return 0, false, nil }
