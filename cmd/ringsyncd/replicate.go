package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/spf13/pflag"
)

// replicateOptions are the flags of the replicator. It is off by default: a node on
// which Swift's object-replicator runs has one already.
type replicateOptions struct {
	on     bool
	state  string
	accept []string

	perDevice, perPeer, mostJobs int
}

func (r *replicateOptions) add(f *pflag.FlagSet) {
	f.BoolVar(&r.on, "replicate", false, "make replication passes too, in the place of Swift's object-replicator, as [object-replicator] says")
	f.StringVar(&r.state, "replicator-state", "", "where each device's last pass is remembered, also over a reboot (default: recon_cache_path)")
	f.IntVar(&r.perDevice, "replicate-per-device", 0, "jobs of the replicator on one device of this node at once; 0: its share of concurrency")
	f.IntVar(&r.perPeer, "replicate-per-peer", 1, "sessions with one device of another node at once")
	f.IntVar(&r.mostJobs, "max-concurrency", 0, "what concurrency may be raised to while the daemon runs: 5 MiB of buffers a job, once they are used (default: 4 times concurrency, at least 8)")
	f.StringSliceVar(&r.accept, "accept-stale-device", nil, "devices that may push again though no pass went over them for longer than reclaim_age")
}

func (r *replicateOptions) tell(log *slog.Logger, s *config.Settings) {
	switch {
	case r.on:
		replicator.Warn(log, s)
	case s.Replicator.Configured:
		log.Info("[object-replicator] is left to Swift's object-replicator: without --replicate ringsyncd starts no sessions of its own")
	}
}

// bounds are CONFIG's and the flags'.
func (r *replicateOptions) bounds(s *config.Settings) replicator.Bounds {
	return replicator.Bounds{Concurrency: replicator.Jobs(s), PerDevice: r.perDevice, PerPeer: r.perPeer}
}

// start makes passes until a signal ends the daemon, or none and has no replicator
// where --replicate is off; ended waits for the sessions that are cut then. What a pass
// had done is done first, or rather last, by the next daemon.
func (r *replicateOptions) start(ctx context.Context, o *options, s *config.Resolved, st *store.Store, seen *stats.Stats, bytes *limit.Set, log *slog.Logger) (passes *replicator.Replicator, ended func(), err error) {
	if !r.on {
		return nil, func() {}, nil
	}
	cfg, err := replicator.FromSettings(ctx, &s.Settings)
	if err != nil {
		return nil, nil, err
	}
	cfg.Sender.Limits, cfg.PerDevice, cfg.PerPeer, cfg.MaxConcurrency = bytes, r.perDevice, r.perPeer, r.mostJobs
	cfg.Store, cfg.Log, cfg.Engine, cfg.Accept = st, log, o.engine, r.accept
	if r.state != "" {
		cfg.StateDir = r.state
	}
	if cfg.Rings, err = o.rings.open(&s.Settings, st.Cluster(), log); err != nil {
		return nil, nil, err
	}
	cfg.Stats = seen.Replicator(statsdOf(&s.Settings, s.Replicator.LogName))
	if cfg.Watch, err = store.NewWatch(); err != nil {
		log.Warn("mounts are not watched: a job holds on to a device that is unmounted with umount -l", "error", err)
	}
	if passes, err = replicator.New(cfg); err != nil {
		cfg.Watch.Close()
		cfg.Stats.Close()
		return nil, nil, err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := passes.Run(ctx); !errors.Is(err, context.Canceled) && ctx.Err() == nil {
			log.Error("no more passes", "error", err)
		}
	}()
	return passes, func() {
		stop()
		<-done
		if err := passes.Close(); err != nil {
			log.Error("replicator not ended", "error", err)
		}
		cfg.Watch.Close()
		cfg.Stats.Close()
	}, nil
}
