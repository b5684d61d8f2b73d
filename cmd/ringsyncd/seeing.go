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

	"github.com/ringsync/ringsync/dataplane/recon"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/spf13/cobra"
)

// seeingOptions are what an operator sees the daemon by. See SEEING.md.
type seeingOptions struct {
	metricsListen string // empty: nobody is told
	reconCache    string
	statsd        stats.StatsdConfig
}

func (o *seeingOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.metricsListen, "metrics-listen", "", "HOST:PORT where Prometheus reads /metrics and this machine may PUT /log-level (default: nowhere)")
	f.StringVar(&o.reconCache, "recon-cache-path", recon.DefaultCachePath, "directory that Swift's daemons leave their figures for swift-recon in")
	f.StringVar(&o.statsd.Host, "statsd-host", "", "host that statsd listens on (default: nobody is told)")
	f.IntVar(&o.statsd.Port, "statsd-port", 8125, "port that statsd listens on")
	f.Float64Var(&o.statsd.DefaultSampleRate, "statsd-default-sample-rate", 1, "part of the lines that statsd is told, of those that have no rate of their own")
	f.Float64Var(&o.statsd.SampleRateFactor, "statsd-sample-rate-factor", 1, "by which every rate is multiplied")
	f.StringVar(&o.statsd.MetricPrefix, "statsd-metric-prefix", "", "put before statsd's names, with a dot")
}

// open makes what counts, nil where nobody is told, and what answers /recon/.
func (o *seeingOptions) open(all *options, cluster *hashes.Cluster) (seen *stats.Stats, answers *recon.Recon, err error) {
	answers, err = recon.New(recon.Config{
		Devices: all.devices, SwiftDir: all.swiftDir, CachePath: o.reconCache,
		Policies: cluster.Policies, Version: "ringsync " + version(),
	})
	if err != nil || o.metricsListen == "" && o.statsd.Host == "" {
		return nil, answers, err
	}
	for _, rate := range []*float64{&o.statsd.DefaultSampleRate, &o.statsd.SampleRateFactor} {
		if *rate == 0 {
			*rate = -1 // the flag's 0 is never, the field's its default
		}
	}
	seen, err = stats.New(stats.Config{Devices: all.devices, Cluster: cluster, Version: version(), Statsd: o.statsd})
	return seen, answers, err
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

// serve opens the address of the metrics, if there is one, until stop is called.
func (o *seeingOptions) serve(ctx context.Context, seen *stats.Stats, level *slog.LevelVar, log *slog.Logger) (stop func(), err error) {
	if o.metricsListen == "" {
		return func() {}, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.metricsListen)
	if err != nil {
		return nil, fmt.Errorf("--metrics-listen %s: %w", o.metricsListen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", seen.Handler())
	mux.Handle("/log-level", levelHandler(level, log))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: adminPatience, ReadTimeout: adminPatience, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err)
		}
	}()
	log.Info("metrics on " + l.Addr().String())
	return func() { server.Close(); <-done }, nil
}
