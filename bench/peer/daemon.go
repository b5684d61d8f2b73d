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
}

// RunDaemon runs one pass of a Swift daemon, to its end, and returns what it
// logged as a warning or worse.
func (s *Swift) RunDaemon(ctx context.Context, daemon string, cfg DaemonConfig) (complaints []string, err error) {
	var said struct{ Errors []string }
	err = s.call(ctx, "daemon.py", map[string]any{
		"daemon": daemon, "swift_dir": cfg.SwiftDir, "devices": cfg.Devices, "address": cfg.Address,
		"reclaim_age": NeverReclaim, "set": cfg.Set,
	}, &said)
	return said.Errors, err
}
