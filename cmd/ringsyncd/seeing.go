package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/recon"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
)

// newSeeing makes what counts, nil where nobody is told, and what answers
// /recon/. See SEEING.md.
func newSeeing(o *options, s *config.Settings, cluster *hashes.Cluster) (seen *stats.Stats, answers *recon.Recon, err error) {
	answers, err = recon.New(recon.Config{
		Devices: s.Devices, SwiftDir: s.SwiftDir, CachePath: s.ReconCachePath,
		Policies: cluster.Policies, Version: "ringsync " + version(),
	})
	if err != nil || o.metricsListen == "" && s.Statsd.Host == "" {
		return nil, answers, err
	}
	seen, err = stats.New(stats.Config{Devices: s.Devices, Cluster: cluster, Version: version(), Statsd: statsdOf(s, s.Log.Name)})
	return seen, answers, err
}

// statsdOf is where statsd is told, under the log name of one of Swift's daemons.
func statsdOf(s *config.Settings, logName string) stats.StatsdConfig {
	return stats.StatsdConfig{
		Host: s.Statsd.Host, Port: s.Statsd.Port, MetricPrefix: s.Statsd.Prefix, LogName: logName,
		DefaultSampleRate: zeroIsNever(s.Statsd.SampleRate), SampleRateFactor: zeroIsNever(s.Statsd.SampleRateFactor),
	}
}

// zeroIsNever keeps a rate of 0 from being the default of the field that it goes
// to.
func zeroIsNever(rate float64) float64 {
	if rate == 0 {
		return -1
	}
	return rate
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}

// notice logs and counts what the store tells of.
func notice(log *slog.Logger, seen *stats.Stats) func(store.Notice) {
	return func(n store.Notice) {
		seen.Noticed(n)
		attrs := []any{"device", n.Device, "reason", string(n.Kind)}
		if n.Partition != nil {
			attrs = append(attrs, "policy", n.Partition.Policy().Index, "partition", n.Partition.Number())
		}
		log.Warn(n.Text, attrs...)
	}
}

// adminPatience bounds the parts of a request that nobody has to wait for.
const adminPatience = 10 * time.Second

// serveMetrics opens the address of the metrics, if there is one, until stop is
// called.
func serveMetrics(ctx context.Context, address string, seen *stats.Stats, level *slog.LevelVar, log *slog.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", seen.Handler())
	mux.Handle("/log-level", levelHandler(level, log))
	log.Info("metrics on " + l.Addr().String())
	return serveHTTP(l, mux, "metrics", log), nil
}

// serveHTTP answers at a listener until stop is called. Answers are small, and who
// does not take his is not waited for.
func serveHTTP(l net.Listener, handler http.Handler, what string, log *slog.Logger) (stop func()) {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: adminPatience, ReadTimeout: adminPatience, WriteTimeout: 3 * adminPatience, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error(what+" not served any more", "error", err)
		}
	}()
	return func() { server.Close(); <-done }
}
