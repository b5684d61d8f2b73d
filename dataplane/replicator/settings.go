package replicator

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// FromSettings is a Config as object-server.conf asks for it; what it stands on is
// left to the caller, and what is on the command line. An interval or a timeout of
// 0 is taken at its word.
func FromSettings(ctx context.Context, s *config.Settings) (Config, error) {
	r := &s.Replicator
	ips, err := Addresses(ctx, cmp.Or(r.RingIP, r.BindIP))
	return Config{
		IPs: ips, Port: r.BindPort,
		Sender: ssync.SenderConfig{
			ConnTimeout: max(r.ConnTimeout, 1), NodeTimeout: max(r.NodeTimeout, 1), HTTPTimeout: max(r.HTTPTimeout, 1),
		},
		Concurrency:   Jobs(s),
		HandoffsFirst: r.HandoffsFirst, HandoffDelete: r.HandoffDelete,
		ReclaimAge: max(s.ReclaimAge, 1), Interval: max(r.Interval, 1), StatsInterval: max(r.StatsInterval, 1),
		ReconCache: filepath.Join(r.ReconCachePath, "object.recon"),
		StateDir:   r.ReconCachePath,
	}, err
}

// Jobs are done at once, by [object-replicator]: Swift's workers are processes, each
// with as many of them.
func Jobs(s *config.Settings) int { return s.Replicator.Concurrency * max(1, s.Replicator.Workers) }

// Warn says what an operator should know who has just started a replicator with
// these settings.
func Warn(log *slog.Logger, s *config.Settings) {
	r := &s.Replicator
	if r.SyncMethod == "rsync" {
		log.Warn("sync_method = rsync: there is no rsync here, ssync is used; the other nodes must answer SSYNC, as every Swift since 2.3 does")
	}
	if r.HandoffsFirst || r.HandoffDelete > 0 {
		log.Warn("Handoff only mode is not intended for normal operation, please disable handoffs_first and handoff_delete before the next normal rebalance")
	}
}
