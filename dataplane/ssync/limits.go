package ssync

import (
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/limit"
)

// pace bounds what the session sends: all of it, offers and heads too. A receiver
// that reads 64 KiB of a body in one go, as Swift's does, waits no longer than a
// quarter of his client_timeout for them: see limit.Config.
func (t *transmission) pace() engine.Pacer {
	if t.cfg.Limits == nil {
		return nil
	}
	t.pacer = t.cfg.Limits.Open(limit.Out, t.job.Partition.Device().Name(), t.job.To)
	return t.pacer
}

// pace bounds what the session receives. It never keeps it from reading for longer
// than 5 s: a sender's patience with each send is 10 s.
func (s *reception) pace() engine.Pacer {
	if s.cfg.Limits == nil {
		return nil
	}
	s.pacer = s.cfg.Limits.Open(limit.In, s.req.Device, peerOf(s.conn))
	return s.pacer
}
