package ssync

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Subrequest is what became of one PUT, POST or DELETE of a session.
type Subrequest struct {
	Device  string
	Policy  int
	Method  string
	Status  int // what Swift's object server would have answered, or nearly
	Reason  Reason
	Bytes   int64         // of the body; 0 unless it was stored
	Way     Way           // what the body was held against; "" without one
	Elapsed time.Duration // from its first line until it was durable, or failed
}

// settled tells who wants to know.
func (s *reception) settled(sub *subrequest, err error) {
	if s.cfg.Settled == nil {
		return
	}
	told := Subrequest{
		Device: s.req.Device, Policy: s.req.Policy.Index, Method: sub.method,
		Status: statusOf(err), Reason: ReasonOf(err, ReasonOther), Elapsed: time.Since(sub.began),
	}
	if err == nil && sub.method == "PUT" {
		told.Bytes, told.Way = sub.length, sub.way
	}
	s.cfg.Settled(told)
}

func statusOf(err error) int {
	var refused *refusal
	switch {
	case err == nil:
		return 201
	case errors.As(err, &refused):
		return refused.status
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return 507
	}
	return 500
}
