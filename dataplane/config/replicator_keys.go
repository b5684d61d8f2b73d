package config

import "math"

const (
	ofReplicate = "of `ringsync replicate`, and of `ringsyncd --replicate`; without either Swift's object-replicator, which stays, reads it"
	noRsync     = "there is no rsync here"
)

// replicatorKeys are read by the replicator. Source: replicator.py,
// ObjectReplicator.__init__; daemon.py, run_daemon.
func replicatorKeys(r *Replicator, s *Settings) []Key {
	keys := []Key{
		{Name: "bind_ip", Default: "0.0.0.0", kind: host(&r.BindIP)},
		{Name: "bind_port", Default: "6200", kind: port(&r.BindPort)},
		{Name: "servers_per_port", Default: "0", or: true, kind: count(&s.replicatorServers)},
		{Name: "ring_ip", kind: text(&r.RingIP)},
		{Name: "daemonize", Default: "true", kind: truth(&r.Daemonize)},
		{Name: "interval", Default: "30", or: true, kind: seconds(&r.Interval)},
		{Name: "run_pause", or: true, kind: seconds(&s.runPause)},
		{Name: "concurrency", Default: "1", kind: integer(&r.Concurrency, 1, math.MaxInt32)},
		{Name: "replicator_workers", Default: "0", kind: count(&r.Workers)},
		{Name: "stats_interval", Default: "300", kind: seconds(&r.StatsInterval)},
		{Name: "ring_check_interval", Default: "15", kind: seconds(&r.RingCheckInterval)},
		{Name: "sync_method", Default: "rsync", or: true, kind: oneOf(&r.SyncMethod, "rsync", "ssync")},
		{Name: "handoffs_first", Default: "false", kind: truth(&r.HandoffsFirst)},
		{Name: "handoff_delete", Default: "auto", kind: autoInteger(&r.HandoffDelete, 0)},
		{Name: "http_timeout", Default: "60", kind: wholeSeconds(&r.HTTPTimeout)},
		{Name: "conn_timeout", Default: "0.5", kind: seconds(&r.ConnTimeout)},
		{Name: "node_timeout", Default: "10", kind: seconds(&r.NodeTimeout)},
		{Name: "recon_cache_path", Default: "/var/cache/swift", kind: path(&r.ReconCachePath)},
		{Name: "log_name", Default: "object-replicator", kind: text(&r.LogName)},
		{Name: "lockup_timeout", Default: "1800", kind: wholeSeconds(nil)},
		{Name: "vm_test_mode", Default: "no", kind: truth(nil)},
	}
	for i := range keys {
		switch k := &keys[i]; k.Name {
		case "bind_ip", "bind_port", "ring_ip":
			k.Note = "who this node is in the ring: " + ofReplicate
		case "servers_per_port":
			k.Note = "above 0, this node is in the ring with whatever port: " + ofReplicate
		case "daemonize":
			k.Effect, k.Note = None, "`ringsync replicate` stays in the foreground"
		case "replicator_workers":
			k.Effect, k.Note = Differs, "there is one process: it does concurrency jobs for each of so many workers"
		case "sync_method":
			k.Effect, k.Note = Differs, "ssync in any case, with a warning for rsync"
		case "lockup_timeout":
			k.Effect, k.Note = None, "as in Swift since 2.18"
		case "vm_test_mode":
			k.Effect, k.Note = None, noRsync
		default:
			k.Note = ofReplicate
		}
	}

	return keys
}

// rsyncKeys are read by the replicator for sync_method = rsync.
func rsyncKeys() []Key {
	keys := []Key{
		{Name: "rsync_timeout", Default: "900", kind: wholeSeconds(nil)},
		{Name: "rsync_io_timeout", Default: "30", kind: text(nil)},
		{Name: "rsync_bwlimit", Default: "0", kind: text(nil)},
		{Name: "rsync_compress", Default: "no", kind: truth(nil)},
		{Name: "rsync_module", Default: "{replication_ip}::object", kind: text(nil)},
		{Name: "rsync_error_log_line_length", Default: "0", kind: count(nil)},
		{Name: "log_rsync_transfers", Default: "true", kind: truth(nil)},
	}
	for i := range keys {
		keys[i].Effect, keys[i].Note = None, noRsync
	}

	return keys
}
