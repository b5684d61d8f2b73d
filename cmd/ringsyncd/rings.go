package main

import (
	"log/slog"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/hashes"
)

// sharedRings are the node's rings, read when somebody first needs them:
// --allow-peers ring and the replicator look at one set, so that they see a ring change
// at one time, and its files are read once.
type sharedRings struct{ set *rings.Set }

func (r *sharedRings) open(s *config.Settings, cluster *hashes.Cluster, log *slog.Logger) (*rings.Set, error) {
	if r.set != nil {
		return r.set, nil
	}
	var err error
	r.set, err = rings.New(rings.Config{
		SwiftDir: s.SwiftDir, Policies: cluster.Policies, Log: log, CheckInterval: notDefault(s.Replicator.RingCheckInterval),
	})
	return r.set, err
}
