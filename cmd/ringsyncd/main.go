// Command ringsyncd answers a storage node's replication port in the place of
// Swift's object server: flags, swift.conf and signals; the rest is the
// dataplane's.
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
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func main() {
	unix.Umask(0o022) // as Swift's daemons do: what we make, they must be able to read
	useCores()
	if err := newCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "ringsyncd:", err)
		os.Exit(1)
	}
}

// useCores lets as many goroutines again run as there are processors: a thread
// that waits for a disk holds one of the runtime's places until the scheduler
// notices, and digests would idle meanwhile. On two cores this gave 64 MiB bodies
// a tenth to a fifth more. GOMAXPROCS in the environment has the last word.
func useCores() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
}

// options are the flags; their defaults are Swift's.
type options struct {
	listen, devices, swiftDir, engine string
	reserve, congestion, stateDir     string
	logFormat, logLevel               string
	mountCheck, disableAllocate       bool
	reclaimAge, shutdown              time.Duration
	commitWorkers, buffers            int
	maxClients, lanes                 int
	receiver                          ssync.ReceiverConfig
}

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "ringsyncd [flags]",
		Short: "Answer a Swift storage node's replication port",
		Long: `ringsyncd receives SSYNC sessions from other storage nodes, Swift's or ringsync's,
and answers REPLICATE and /healthcheck, on the disks of a Swift object server that
may go on serving clients beside it.

swift.conf in --swift-dir gives the hash prefix and suffix and the policies.
SIGTERM lets sessions finish for --shutdown-timeout, then cuts them; a second one
cuts them at once.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q: a configuration file is not read yet, use flags (--help lists them)", args[0])
			}
			return nil
		},
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "0.0.0.0:6200", "HOST:PORT of the node's replication address in the ring (port 6000 in clusters of 2013)")
	f.StringVar(&o.devices, "devices", "/srv/node", "directory that the devices are mounted in")
	f.StringVar(&o.swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf")
	f.BoolVar(&o.mountCheck, "mount-check", true, "answer 507 for a device that is not mounted")
	f.StringVar(&o.engine, "engine", envOr("RINGSYNC_ENGINE", "auto"), "data path: auto, uring, sendfile or portable (also RINGSYNC_ENGINE)")
	f.StringVar(&o.reserve, "fallocate-reserve", "1%", "free space that objects may not use: bytes or a percentage")
	f.BoolVar(&o.disableAllocate, "disable-fallocate", false, "neither preallocate nor keep a reserve")
	f.DurationVar(&o.reclaimAge, "reclaim-age", 7*24*time.Hour, "age at which tombstones go; the same on all nodes")
	f.IntVar(&o.commitWorkers, "commit-workers", 32, "fsyncs of one group side by side")
	f.IntVar(&o.buffers, "buffers", 64, "buffers of 1 MiB for bodies; each session holds one, a large body four more, or what half of them can spare")
	f.IntVar(&o.lanes, "lanes", 4, "large bodies that io_uring moves at once, each with a thread; more than that go the portable way")
	f.IntVar(&o.maxClients, "max-clients", 1024, "connections served at once")
	f.DurationVar(&o.receiver.ClientTimeout, "client-timeout", 60*time.Second, "wait for each line and each piece of a body")
	f.IntVar(&o.receiver.Concurrency, "replication-concurrency", 0, "sessions on this node at once; 0 is no limit")
	f.IntVar(&o.receiver.PerDevice, "replication-concurrency-per-device", 1, "sessions on one device at once; 0 is no limit")
	f.DurationVar(&o.receiver.LockTimeout, "replication-lock-timeout", 15*time.Second, "wait for the partition and a slot of the device")
	f.IntVar(&o.receiver.FailureThreshold, "replication-failure-threshold", 100, "failures from which a session may be given up")
	f.Float64Var(&o.receiver.FailureRatio, "replication-failure-ratio", 1.0, "failures for each success from which it is")
	f.StringVar(&o.congestion, "tcp-congestion", "", "TCP congestion control (default: the system's)")
	f.StringVar(&o.stateDir, "state-dir", "/run/ringsync", "where a suspect device is remembered over a restart")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	f.DurationVar(&o.shutdown, "shutdown-timeout", 30*time.Second, "time that sessions get to finish after SIGTERM")
	return cmd
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func run(ctx context.Context, o *options) error {
	log, err := newLogger(o.logFormat, o.logLevel)
	if err != nil {
		return err
	}
	node, cluster, err := newNode(o, log)
	if err != nil {
		return err
	}
	if err := node.CheckDevices(ctx); err != nil {
		return err
	}
	l, err := node.Listen(ctx, o.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", o.listen, err)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	for _, p := range cluster.Policies {
		log.Info("policy", "index", p.Index, "name", p.Name, "kind", p.Kind.String())
	}
	log.Info("listening on "+l.Addr().String(), "devices", o.devices)
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

func newNode(o *options, log *slog.Logger) (*dataplane.Node, *hashes.Cluster, error) {
	path := filepath.Join(o.swiftDir, "swift.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("--swift-dir: %w", err)
	}
	cluster, err := hashes.ParseSwiftConf(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	reserve, err := store.ParseReserve(o.reserve)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(o.stateDir, 0o755); err != nil {
		log.Warn("a suspect device will be forgotten at a restart", "state-dir", o.stateDir, "error", err)
		o.stateDir = ""
	}
	s, err := store.New(store.Config{
		Devices: o.devices, Cluster: cluster, MountCheck: o.mountCheck, ReclaimAge: o.reclaimAge, Reserve: reserve,
		DisableAllocate: o.disableAllocate, CommitWorkers: o.commitWorkers, StateDir: o.stateDir,
		Notice: func(n store.Notice) { log.Warn(n.Text, "device", n.Device) },
	})
	if err != nil {
		return nil, nil, err
	}
	if o.receiver.PerDevice == 0 {
		o.receiver.PerDevice = -1 // the flag's 0 is no limit, the field's its default
	}
	node, err := dataplane.New(dataplane.Config{
		Store: s, Log: log, Engine: o.engine, Receiver: o.receiver,
		Buffers: o.buffers, Lanes: o.lanes, MaxClients: o.maxClients, Congestion: o.congestion,
	})
	return node, cluster, err
}

func newLogger(format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch strings.ToLower(format) {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, opts)), nil
	}
	return nil, fmt.Errorf("--log-format %q: text or json", format)
}
