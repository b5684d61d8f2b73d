package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/cmd/internal/account"
	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/spf13/cobra"
)

// replicateOptions are the flags of replicate.
type replicateOptions struct {
	once, handoffsOnly, dryRun, asJSON, verbose bool

	devices, partitions, policies, accept []string
	stateDir, state, engine, limits       string
	perDevice, perPeer                    int
}

func newReplicateCommand() *cobra.Command {
	var o replicateOptions
	cmd := &cobra.Command{
		Use:   "replicate [CONFIG]",
		Short: "Push this node's partitions to where the rings say, and remove handoffs",
		Long: `replicate does what Swift's object-replicator does with ssync: it goes over the
partitions on this node's disks. One that belongs here is brought to its other
primaries, as far as their digests differ; a handoff is pushed to all its primaries,
and what is proven to be there is removed, object by object.

CONFIG is Swift's object-server.conf, or a directory of *.conf, of which
[object-replicator] counts; default /etc/swift/object-server.conf. The other nodes
must answer SSYNC: sync_method = rsync is answered with a warning, and ssync.

With --once it makes one pass, shows how far it is, and prints the figures; else it
makes passes until it is stopped. A pass that was stopped goes on where it was when
it is started again. Started by root it becomes the file's user.`,
		Example: `  ringsync replicate --once
  ringsync replicate --once --devices sda,sdb --handoffs-only --dry-run /etc/swift/object-server.conf`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), cmp.Or(strings.Join(args, ""), "/etc/swift/object-server.conf"), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.once, "once", false, "one pass")
	f.StringSliceVar(&o.devices, "devices", nil, "only these devices of this node, with --once")
	f.StringSliceVar(&o.partitions, "partitions", nil, "only these partitions, with --once")
	f.StringSliceVar(&o.policies, "policies", nil, "only the policies of these indexes, with --once")
	f.BoolVar(&o.handoffsOnly, "handoffs-only", false, "only what does not belong here, with --once")
	f.BoolVar(&o.dryRun, "dry-run", false, "look, and log what would be done, with --once; digests are still brought up to date here and there")
	f.StringSliceVar(&o.accept, "accept-stale-device", nil, "devices that may push again though no pass went over them for longer than reclaim_age")
	f.StringVar(&o.state, "replicator-state", "", "where each device's last pass is remembered, also over a reboot (default: recon_cache_path)")
	f.StringVar(&o.stateDir, "state-dir", "/run/ringsync", "where ringsyncd remembers suspect devices, from which nothing is offered")
	f.StringVar(&o.engine, "engine", cmp.Or(os.Getenv("RINGSYNC_ENGINE"), "auto"), "data path: auto, uring, sendfile or portable (also RINGSYNC_ENGINE)")
	f.StringVar(&o.limits, "limits", "", "file with limits of bytes a second, and of jobs side by side: see TUNING.md (default: none)")
	f.IntVar(&o.perDevice, "replicate-per-device", 0, "jobs on one device of this node at once; 0: its share of concurrency")
	f.IntVar(&o.perPeer, "replicate-per-peer", 1, "sessions with one device of another node at once")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log more")
	f.BoolVar(&o.asJSON, "json", false, "print the figures as JSON")
	return cmd
}

func (o *replicateOptions) run(ctx context.Context, path string, w io.Writer) error {
	only, err := o.filter()
	if err != nil {
		return err
	}
	s, err := readConfig(path)
	if err != nil {
		return err
	}
	if err := become(s.User); err != nil {
		return err
	}
	log := o.logger(&s.Settings)
	replicator.Warn(log, &s.Settings)
	cfg, end, err := o.configure(ctx, s, log)
	if err != nil {
		return err
	}
	defer end()
	if err := o.limit(&cfg); err != nil {
		return err
	}
	cfg.Only, cfg.HandoffsOnly, cfg.DryRun, cfg.Accept = only, o.handoffsOnly, o.dryRun, o.accept
	passes, err := replicator.New(cfg)
	if err != nil {
		return err
	}
	if !o.once {
		return errors.Join(ignoreStop(passes.Run(ctx)), passes.Close())
	}
	stop := func() {}
	if !o.asJSON && isTerminal(os.Stderr) {
		stop = redraw(os.Stderr, func(elapsed time.Duration) string { return passLine(passes.Progress(), elapsed) })
	}
	report, err := passes.Once(ctx)
	stop()
	if o.asJSON {
		err = errors.Join(err, json.NewEncoder(w).Encode(report))
	} else {
		printPass(w, report)
	}
	return errors.Join(err, passes.Close())
}

// limit reads the limits file, if there is one.
func (o *replicateOptions) limit(cfg *replicator.Config) error {
	cfg.PerDevice, cfg.PerPeer = o.perDevice, o.perPeer
	if o.limits == "" {
		return nil
	}
	l, err := config.ReadLimits(o.limits)
	if err != nil {
		return fmt.Errorf("--limits: %w", err)
	}
	for to, said := range map[*int]*int{&cfg.Concurrency: l.Concurrency, &cfg.PerDevice: l.PerDevice, &cfg.PerPeer: l.PerPeer} {
		if said != nil {
			*to = *said
		}
	}
	cfg.Sender.Limits = limit.New(limit.Config{})
	return cfg.Sender.Limits.Change(l.Bytes)
}

// filter reads the lists, which only one pass may have: passes that leave something
// out for ever would let it rot.
func (o *replicateOptions) filter() (only replicator.Filter, err error) {
	limited := len(o.devices)+len(o.partitions)+len(o.policies) > 0 || o.handoffsOnly || o.dryRun
	if limited && !o.once {
		return only, errors.New("--devices, --partitions, --policies, --handoffs-only and --dry-run go with --once")
	}
	only.Devices = o.devices
	for _, text := range o.partitions {
		n, err := store.ParsePartition(text)
		if err != nil {
			return only, fmt.Errorf("--partitions: %w", err)
		}
		only.Partitions = append(only.Partitions, n)
	}
	for _, text := range o.policies {
		n, err := strconv.Atoi(text)
		if err != nil {
			return only, fmt.Errorf("--policies %.32q: an index is expected", text)
		}
		only.Policies = append(only.Policies, n)
	}
	return only, nil
}

// become gives root away, so that what is written is Python's to read: the user is
// object-server.conf's. Who is not root stays who he is.
func become(name string) error {
	if os.Geteuid() != 0 || name == "" {
		return nil
	}
	a, err := account.LookUp(name)
	if err != nil {
		return err
	}
	return a.Become()
}

func readConfig(path string) (*config.Resolved, error) {
	in, err := config.Read(path)
	if err != nil {
		return nil, err
	}
	file, err := config.Parse(in)
	if err != nil {
		return nil, err
	}
	return config.Resolve(file, nil)
}

// logger writes what the file's log_level asks for, and with --once as little as
// leaves room for the progress.
func (o *replicateOptions) logger(s *config.Settings) *slog.Logger {
	level := s.Log.Level
	switch {
	case o.verbose:
		level = slog.LevelDebug
	case o.once && !o.dryRun && isTerminal(os.Stderr):
		level = max(level, slog.LevelWarn)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// configure opens what a replicator stands on.
func (o *replicateOptions) configure(ctx context.Context, s *config.Resolved, log *slog.Logger) (cfg replicator.Config, end func(), err error) {
	cluster, err := readCluster(s.SwiftDir)
	if err != nil {
		return cfg, nil, err
	}
	if cfg, err = replicator.FromSettings(ctx, &s.Settings); err != nil {
		return cfg, nil, err
	}
	cfg.Store, err = store.New(store.Config{
		Devices: s.Devices, Cluster: cluster, MountCheck: s.MountCheck, ReclaimAge: cfg.ReclaimAge, StateDir: o.stateDir,
		Notice: func(n store.Notice) { log.Warn(n.Text, "device", n.Device, "reason", string(n.Kind)) },
	})
	if err != nil {
		return cfg, nil, err
	}
	if err := checkSecrets(ctx, cfg.Store, log); err != nil {
		return cfg, nil, err
	}
	cfg.Rings, err = rings.New(rings.Config{SwiftDir: s.SwiftDir, Policies: cluster.Policies, Log: log, CheckInterval: max(s.Replicator.RingCheckInterval, 1)})
	if err != nil {
		return cfg, nil, err
	}
	cfg.Log, cfg.Engine = log, o.engine
	if o.state != "" {
		cfg.StateDir = o.state
	}
	if cfg.Watch, err = store.NewWatch(); err != nil {
		log.Warn("mounts are not watched: a job holds on to a device that is unmounted with umount -l", "error", err)
	}
	return cfg, cfg.Watch.Close, nil
}

// checkSecrets refuses a swift.conf under which no object fits its place: all would
// be put to quarantine.
func checkSecrets(ctx context.Context, st *store.Store, log *slog.Logger) error {
	names, err := st.DeviceNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		device, err := st.Device(name)
		if err != nil {
			log.Warn("device left alone", "device", name, "error", err)
			continue
		}
		err = device.CheckSecret(ctx)
		device.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// ignoreStop makes being told to stop no error of a daemon.
func ignoreStop(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// passLine tells how far a pass is, and how long the rest will take at that rate.
func passLine(c replicator.Counts, elapsed time.Duration) string {
	left := "-"
	if c.Attempted > 0 {
		left = (elapsed * time.Duration(max(0, c.Jobs-c.Attempted)) / time.Duration(c.Attempted)).Round(time.Second).String()
	}
	return fmt.Sprintf("%d of %d partitions  %d in sync  offered %d  sent %d  %.1f MB  removed %d  failures %d  left %s",
		c.Attempted, c.Jobs, c.HashMatch, c.Offered, c.Sent, float64(c.Bytes)/1e6, c.Removed, c.Failure, left)
}

func printPass(w io.Writer, r replicator.Report) {
	fmt.Fprintf(w, "%d of %d partitions on %d devices in %.2f s: %d peers in sync, %d pushes, %d successes, %d failures\n",
		r.Attempted, r.Jobs, len(r.Devices), r.Seconds, r.HashMatch, r.Sync, r.Success, r.Failure)
	fmt.Fprintf(w, "%d objects offered, %d sent, %d bytes; %d objects and %d partitions removed, %d handoffs left\n",
		r.Offered, r.Sent, r.Bytes, r.Removed, r.Remove, r.Handoffs)
	for ip, devices := range r.FailureNodes {
		for name, n := range devices {
			fmt.Fprintf(w, "failed: %s %s, %d partitions\n", ip, name, n)
		}
	}
}
