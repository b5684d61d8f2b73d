//go:build !linux

package engine

import "errors"

// lanes are what only Linux has.
type lanes struct{}

func newLanes(Config) (*lanes, error) { return nil, errors.ErrUnsupported }
func (*lanes) Close() error           { return nil }

func ringless(error) bool { return true }

func probeUring() (works bool, why string, err error) { return false, "io_uring is Linux's", nil }

func (i *Inbound) landByRing(*Landing, int64) (got int64, is bool, err error) { return 0, false, nil }
