// Command ringsyncd answers a storage node's replication port in the place of
// Swift's object server: its configuration file, flags, swift.conf and signals;
// the rest is the dataplane's.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ringsync/ringsync/cmd/internal/account"
	"github.com/ringsync/ringsync/cmd/internal/cores"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func main() {
	unix.Umask(0o022) // as Swift's daemons do: what we make, they must be able to read
	cores.Use()
	if err := newCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "ringsyncd:", err)
		os.Exit(1)
	}
}

// options are the flags. Those that stand for a key of object-server.conf are
// texts until they meet the file: config.Resolve decides.
type options struct {
	keys keyFlags

	engine, congestion, stateDir string
	verify                       string
	logFormat, metricsListen     string
	objectServer                 string
	allowPeers                   []string
	rings                        sharedRings
	shutdown                     time.Duration
	commitWorkers, buffers       int
	lanes                        int
	tuning                       tuning
	replicate                    replicateOptions
	limits                       string
	admin                        adminOptions
}

func newCommand() *cobra.Command {
	o := options{keys: keyFlags{}}
	cmd := &cobra.Command{
		Use:   "ringsyncd [flags] [CONFIG]",
		Short: "Answer a Swift storage node's replication port",
		Long: `ringsyncd receives SSYNC sessions from other storage nodes, Swift's or ringsync's
(and REPLICATION, as Swift spoke it before 2.3), and answers REPLICATE, OPTIONS,
/healthcheck and /recon/, on the disks of a Swift object server that may go on
serving clients beside it. What else comes is passed on to that: --object-server.

CONFIG is Swift's own object-server.conf, or a directory of *.conf: ringsyncd CONFIG
stands where swift-object-server CONFIG stood on the node's replication address.
'ringsyncd keys' tells what it does with each key. Flags that are given win; without
CONFIG they are enough. Their times are seconds, or have a unit: 90s, 2m.

It listens on bind_ip and bind_port: port 6200 if none is named, which was 6000 in
Swift before 2.8 and still is where a ring of then says so.

swift.conf in swift_dir gives the hash prefix and suffix and the policies.
SIGHUP reads --limits again, and concurrency in CONFIG's [object-replicator].
SIGTERM lets sessions finish for --shutdown-timeout, then cuts them; a second one
cuts them at once.`,
		Args:          cobra.MaximumNArgs(1),
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, args []string) error { return run(cmd.Context(), &o, strings.Join(args, "")) },
	}
	o.keys.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.engine, "engine", envOr("RINGSYNC_ENGINE", "auto"), "data path: auto, uring, sendfile or portable (also RINGSYNC_ENGINE)")
	f.StringVar(&o.verify, "verify", string(ssync.VerifyStored), "what bodies are held against at the least, where the sender is ringsync and says so too: md5, stored or none")
	f.IntVar(&o.commitWorkers, "commit-workers", 32, "fsyncs of one group side by side")
	f.IntVar(&o.buffers, "buffers", 64, "buffers of 1 MiB for bodies: a large one takes four, or what half of them can spare")
	f.IntVar(&o.lanes, "lanes", 4, "large bodies that io_uring moves at once, each with a thread; more than that go the portable way")
	o.tuning.add(f)
	f.StringVar(&o.objectServer, "object-server", "", "HOST:PORT of the Python object server on the same devices: gets the verbs and policies that are not served here")
	f.StringSliceVar(&o.allowPeers, "allow-peers", nil, "addresses and networks (CIDR) that may connect, and the word ring for all addresses of the object rings; none given: all")
	f.StringVar(&o.congestion, "tcp-congestion", "", "TCP congestion control (default: the system's)")
	f.StringVar(&o.stateDir, "state-dir", "/run/ringsync", "where a suspect device is remembered over a restart")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.StringVar(&o.metricsListen, "metrics-listen", "", "HOST:PORT where Prometheus reads /metrics and this machine may PUT /log-level (default: nowhere)")
	f.DurationVar(&o.shutdown, "shutdown-timeout", 30*time.Second, "time that sessions get to finish after SIGTERM")
	f.StringVar(&o.limits, "limits", "", "file with limits of bytes a second, and of the replicator's jobs; SIGHUP reads it again (default: none)")
	o.replicate.add(f)
	o.admin.add(f)
	cmd.AddCommand(newKeysCommand())
	return cmd
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// run is the daemon's life. What needs root comes before it is given away: the
// priorities, the port, the state directory.
func run(ctx context.Context, o *options, path string) error {
	s, err := readSettings(path, o.keys)
	if err != nil {
		return err
	}
	log, level, err := newLogger(o.logFormat, s.Log.Level)
	if err != nil {
		return err
	}
	defer watchLevel(level, log)()
	tell(log, s, path)
	o.replicate.tell(log, &s.Settings)
	cluster, err := readCluster(log, s)
	if err != nil {
		return err
	}
	bounds, err := newLimits(o, path, log)
	if err != nil {
		return err
	}
	who, err := findAccount(log, s, path != "")
	if err != nil {
		return err
	}
	setPriorities(log, &s.Settings)
	l, err := listen(ctx, log, &s.Settings, o.congestion)
	if err != nil {
		return err
	}
	defer l.Close()
	o.makeStateDir(log, who)
	if err := who.Become(); err != nil {
		return err
	}
	o.checkStateDir(log)
	if path != "" {
		// A device must not be kept from being unmounted by where we were started.
		if err := os.Chdir("/"); err != nil {
			return err
		}
	}

	peers, err := newAllowList(ctx, o.allowPeers, &o.rings, &s.Settings, cluster, log)
	if err != nil {
		return err
	}
	defer peers.stop()
	node, st, seen, err := newNode(o, &s.Settings, cluster, peers, bounds.bytes, log)
	if err != nil {
		return err
	}
	defer seen.Close()
	if err := bounds.show(seen); err != nil {
		return err
	}
	stop, err := serveMetrics(ctx, o.metricsListen, seen, level, log)
	if err != nil {
		return err
	}
	defer stop()
	if err := node.CheckDevices(ctx); err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	for _, p := range cluster.Policies {
		log.Info("policy", "index", p.Index, "name", p.Name, "kind", p.Kind.String())
	}
	log.Info("listening on "+l.Addr().String(), "devices", s.Devices, "peers", peersText(o.allowPeers))
	passes, ended, err := o.replicate.start(ctx, o, s, st, seen, bounds.bytes, log)
	if err != nil {
		return err
	}
	defer ended()
	fixed, err := bounds.start(passes)
	if err != nil {
		return err
	}
	defer fixed()
	quiet, err := o.admin.serve(ctx, o.stateDir, &asked{started: time.Now(), node: node, passes: passes, limits: bounds, level: level, log: log})
	if err != nil {
		return err
	}
	defer quiet()
	return serve(node, l, signals, o.shutdown, log)
}

// serve runs until a signal, or until the listener fails.
func serve(node *dataplane.Node, l net.Listener, signals <-chan os.Signal, patience time.Duration, log *slog.Logger) error {
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	select {
	case s := <-signals:
		log.Info("stopping, sessions may finish", "signal", s.String(), "within", patience.String())
	case err := <-served:
		served <- err
	}
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := node.Shutdown(ctx)
	log.Info("stopped")
	return errors.Join(<-served, err)
}

func newNode(o *options, s *config.Settings, cluster *hashes.Cluster, peers *allowList, bytes *limit.Set, log *slog.Logger) (*dataplane.Node, *store.Store, *stats.Stats, error) {
	seen, answers, err := newSeeing(o, s, cluster)
	if err != nil {
		return nil, nil, nil, err
	}
	st, err := store.New(store.Config{
		Devices: s.Devices, Cluster: cluster, MountCheck: s.MountCheck, ReclaimAge: notDefault(s.ReclaimAge),
		Reserve: store.Reserve(s.FallocateReserve), DisableAllocate: s.DisableFallocate,
		CommitWorkers: o.commitWorkers, StateDir: o.stateDir, DirectFrom: o.tuning.directFrom,
		Notice: notice(log, seen),
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if err := o.tuning.check(); err != nil {
		return nil, nil, nil, err
	}
	verify, err := ssync.ParseVerify(o.verify)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("--verify %w", err)
	}
	receiver := ssync.ReceiverConfig{
		Verify: verify, Limits: bytes,
		ClientTimeout: notDefault(s.ClientTimeout), LockTimeout: notDefault(s.LockTimeout),
		Concurrency: s.Concurrency, PerDevice: s.PerDevice,
		FailureThreshold: s.FailureThreshold, FailureRatio: max(s.FailureRatio, leastRatio), GroupSize: o.tuning.groupSize,
	}
	if s.PerDevice == 0 {
		receiver.PerDevice = -1 // the key's 0 is no limit, the field's its default
	}
	node, err := dataplane.New(dataplane.Config{
		Store: st, Log: log, Engine: o.engine, Receiver: receiver,
		Buffers: o.buffers, Lanes: o.lanes, MaxClients: s.MaxClients, Congestion: o.congestion, ObjectServer: o.objectServer, AllowPeers: peers.fixed, AllowAlso: peers.also,
		DisablePath: s.HealthcheckDisablePath, Stats: seen, Recon: answers,
	})
	return node, st, seen, err
}

// leastRatio stands for a ratio of 0, which would be the field's default: any
// failure for each success is more.
const leastRatio = 1e-12

// notDefault keeps a time of 0, which Swift takes at its word, from being the
// default of the field that it goes to.
func notDefault(d time.Duration) time.Duration { return max(d, 1) }

func newLogger(format string, level slog.Level) (*slog.Logger, *slog.LevelVar, error) {
	l := new(slog.LevelVar)
	l.Set(level)
	opts := &slog.HandlerOptions{Level: l}
	switch strings.ToLower(format) {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, opts)), l, nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), l, nil
	}
	return nil, nil, fmt.Errorf("--log-format %q: text or json", format)
}

// makeStateDir makes the state directory, for whom we are about to become.
func (o *options) makeStateDir(log *slog.Logger, a *account.Account) {
	dir, err := filepath.Abs(o.stateDir)
	if err == nil {
		o.stateDir = dir
		err = a.MakeDir(dir)
	}
	if err != nil {
		o.forget(log, err)
	}
}

// checkStateDir gives the state directory up where we may not write.
func (o *options) checkStateDir(log *slog.Logger) {
	if o.stateDir == "" {
		return
	}
	if err := unix.Access(o.stateDir, unix.W_OK|unix.X_OK); err != nil {
		o.forget(log, fmt.Errorf("not writable: %w", err))
	}
}

func (o *options) forget(log *slog.Logger, err error) {
	log.Warn("a suspect device will be forgotten at a restart", "state-dir", o.stateDir, "error", err)
	o.stateDir = ""
}
