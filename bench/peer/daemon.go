package peer

import "context"

// The daemons that RunDaemon knows.
const (
	Replicator = "replicator" // pushes by ssync what its rings say
	Updater    = "updater"    // tries the container updates in async_pending
)

// DaemonConfig says which node a daemon works for.
type DaemonConfig struct {
	SwiftDir string // holds swift.conf and the rings
	Devices  string
	Address  string            // HOST:PORT by which the rings know the node's devices
	Set      map[string]string // overrides options of the daemon's section, by their Swift names

	Ready func(pid int) error // as in SendConfig
}

// DaemonReport is what one pass of a daemon did.
type DaemonReport struct {
	Errors []string `json:"errors"` // what it logged as a warning or worse
	Start  float64  `json:"start"`  // seconds from the process' start until it was ready, imports and all
	Usage
}

// RunDaemon runs one pass of a Swift daemon, to its end, and returns what it
// logged as a warning or worse.
func (s *Swift) RunDaemon(ctx context.Context, daemon string, cfg DaemonConfig) (complaints []string, err error) {
	report, err := s.MeasureDaemon(ctx, daemon, cfg)
	return report.Errors, err
}

// MeasureDaemon is RunDaemon, and tells what the pass took.
func (s *Swift) MeasureDaemon(ctx context.Context, daemon string, cfg DaemonConfig) (DaemonReport, error) {
	var report DaemonReport
	err := s.callGated(ctx, cfg.SwiftDir, "daemon.py", map[string]any{
		"daemon": daemon, "swift_dir": cfg.SwiftDir, "devices": cfg.Devices, "address": cfg.Address,
		"reclaim_age": NeverReclaim, "set": cfg.Set,
	}, cfg.Ready, &report)
	return report, err
}
