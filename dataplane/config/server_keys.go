package config

import "math"

// Reasons that several keys share.
const (
	noRequestLog = "ringsyncd logs sessions, not requests"
	noSyslog     = "ringsyncd logs to standard error, which its service manager keeps"
	noClients    = "only clients' verbs need it, and those are Python's"
	noEventlet   = "there is no eventlet"
	legacyStatsd = "statsd is told the names without labels, and nothing else"
)

// addressKeys are read by run_wsgi: where to listen. Source: wsgi.py.
func addressKeys(s *Settings) []Key {
	return []Key{
		{Name: "bind_ip", Default: "0.0.0.0", kind: host(&s.BindIP), Flag: "listen",
			Usage: "HOST:PORT of the node's replication address in the ring (port 6000 in clusters of 2013)",
			Note:  "the replication address of this node in the ring"},
		{Name: "bind_port", Default: "6200", kind: port(&s.BindPort), Flag: "listen",
			Note: "6200 where it is missing, which Swift refuses; clusters of 2013 listened on 6000 and say so here"},
		{Name: "bind_timeout", Default: "30", kind: wholeSeconds(&s.BindTimeout), Note: "a port that is in use is tried for so long"},
		{Name: "backlog", Default: "4096", kind: integer(&s.Backlog, 0, math.MaxInt32), Note: "the kernel's net.core.somaxconn caps it"},
		{Name: "keep_idle", Default: "600", kind: secondsWithin(&s.KeepIdle, 1, 1<<15-2)},
		{Name: "max_clients", Default: "1024", kind: integer(&s.MaxClients, 1, math.MaxInt32), Flag: "max-clients",
			Usage: "connections served at once", Effect: Differs, Note: "counts all connections, of which one device takes an eighth at the most and one address all but an eighth; Swift counts each worker's"},
		{Name: "workers", Default: "auto", kind: autoInteger(nil, 0), Effect: None, Note: "one process serves all devices"},
		{Name: "servers_per_port", Default: "0", or: true, kind: count(&s.servers), Effect: Differs,
			Note: "above 0, Swift listens on each port that the ring has for this node; ringsyncd has one address, and refuses to start unless --listen gives it"},
		{Name: "ring_ip", kind: text(&s.ringIP), Effect: None, Note: "only servers_per_port and the replicator look for the node in the ring"},
		{Name: "keepalive_timeout", or: true, kind: seconds(nil), Effect: None, Note: "a connection carries one request"},
		{Name: "stale_worker_timeout", Default: "86400", kind: seconds(nil), Effect: None, Note: "there are no workers; --shutdown-timeout bounds the end"},
		{Name: "cert_file", kind: text(&s.certificate), Effect: Differs, Note: "refused: ringsyncd speaks no TLS, which Swift has for tests only"},
		{Name: "key_file", kind: text(nil), Effect: Differs, Note: "as cert_file"},
		{Name: "require_proxy_protocol", Default: "no", kind: truth(&s.proxyProtocol), Effect: Differs, Note: "true is refused: storage nodes have no PROXY protocol before them"},
	}
}

// processKeys are read by run_wsgi: who the process is. Source: wsgi.py and
// utils, drop_privileges and modify_priority.
func processKeys(s *Settings) []Key {
	return []Key{
		{Name: "user", Default: "swift", kind: text(&s.User), Flag: "user", Usage: "who to become after the port is bound, if started by root",
			Note: "who to become after the port is bound, if started by root; with flags alone nobody, unless --user is given"},
		{Name: "swift_dir", Default: "/etc/swift", kind: path(&s.SwiftDir), Flag: "swift-dir", Usage: "directory of swift.conf",
			Note: "where swift.conf is; if it has none there, /etc/swift/swift.conf is read, as Swift before 2.37 does"},
		{Name: "disable_fallocate", Default: "no", kind: truth(&s.DisableFallocate), Flag: "disable-fallocate", Usage: "neither preallocate nor keep a reserve"},
		{Name: "fallocate_reserve", Default: "1%", kind: reserve(&s.FallocateReserve), Flag: "fallocate-reserve", Usage: "free space that objects may not use"},
		{Name: "nice_priority", or: true, kind: optionalInteger(&s.NicePriority, math.MinInt32, math.MaxInt32), Note: "of all threads"},
		{Name: "ionice_class", or: true, kind: oneOf(&s.IoniceClass, "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"), Note: "of all threads"},
		{Name: "ionice_priority", Default: "0", or: true, kind: integer(&s.IonicePriority, 0, 7)},
		{Name: "eventlet_debug", Default: "no", kind: truth(nil), Effect: None, Note: noEventlet},
	}
}

// logKeys are read by get_logger and BaseStorageServer.
func logKeys(s *Settings) []Key {
	return []Key{
		{Name: "log_level", Default: "INFO", or: true, kind: level(&s.Log.Level), Flag: "log-level", Usage: "lowest level that is logged",
			Note: "for a word that it does not know, Swift takes INFO; here that is an error"},
		{Name: "log_name", Default: "object-server", kind: text(&s.Log.Name), Effect: Differs, Note: "the tail of statsd's prefix, as in Swift; " + noSyslog},
		{Name: "log_facility", Default: "LOG_LOCAL0", kind: text(&s.Log.Facility), Effect: None, Note: noSyslog},
		{Name: "log_address", Default: "/dev/log", kind: text(&s.Log.Address), Effect: None, Note: noSyslog},
		{Name: "log_udp_host", kind: text(&s.Log.UDPHost), Effect: None, Note: noSyslog},
		{Name: "log_udp_port", Default: "514", or: true, kind: integer(&s.Log.UDPPort, 0, math.MaxUint16), Effect: None, Note: noSyslog},
		{Name: "log_max_line_length", Default: "0", kind: count(&s.Log.MaxLine), Effect: None, Note: noSyslog},
		{Name: "log_custom_handlers", kind: text(nil), Effect: None, Note: "they are Python functions"},
		{Name: "log_format", kind: text(nil), Effect: None, Note: noRequestLog},
		{Name: "log_anonymization_method", Default: "md5", kind: text(nil), Effect: None, Note: noRequestLog},
		{Name: "log_anonymization_salt", kind: text(nil), Effect: None, Note: noRequestLog},
		{Name: "log_statsd_host", kind: text(&s.Statsd.Host), Flag: "statsd-host", Usage: "host that statsd listens on (nobody is told if it is empty)"},
		{Name: "log_statsd_port", Default: "8125", or: true, kind: integer(&s.Statsd.Port, 0, math.MaxUint16), Flag: "statsd-port", Usage: "port that statsd listens on"},
		{Name: "log_statsd_default_sample_rate", Default: "1", or: true, kind: float(&s.Statsd.SampleRate, 0, math.Inf(1)), Flag: "statsd-default-sample-rate",
			Usage: "part of the lines that statsd is told, of those that have no rate of their own"},
		{Name: "log_statsd_sample_rate_factor", Default: "1", or: true, kind: float(&s.Statsd.SampleRateFactor, 0, math.Inf(1)), Flag: "statsd-sample-rate-factor",
			Usage: "by which every rate is multiplied"},
		{Name: "log_statsd_metric_prefix", kind: text(&s.Statsd.Prefix), Flag: "statsd-metric-prefix", Usage: "put before statsd's names, with a dot"},
		{Name: "statsd_emit_legacy", Default: "true", kind: truth(&s.Statsd.EmitLegacy), Effect: None, Note: legacyStatsd},
		{Name: "statsd_label_mode", Default: "disabled", kind: text(nil), Effect: None, Note: legacyStatsd + "; statsd_user_label_… have none either"},
	}
}

// diskKeys are read by ObjectController and DiskFileManager.
func diskKeys(s *Settings) []Key {
	return []Key{
		{Name: "devices", Default: "/srv/node", kind: path(&s.Devices), Flag: "devices", Usage: "directory that the devices are mounted in"},
		{Name: "mount_check", Default: "true", kind: truth(&s.MountCheck), Flag: "mount-check", Usage: "answer 507 for a device that is not mounted"},
		{Name: "reclaim_age", Default: "604800", kind: wholeSeconds(&s.ReclaimAge), Flag: "reclaim-age", Usage: "age at which tombstones go; the same on all nodes"},
		{Name: "commit_window", Default: "60", kind: seconds(nil), Effect: None, Note: "only erasure coded fragments have it"},
		{Name: "client_timeout", Default: "60", kind: seconds(&s.ClientTimeout), Flag: "client-timeout", Usage: "wait for each line and each piece of a body",
			Note: "in any ten times as long in which a sender is waited for, he has to send 1 KiB too"},
		{Name: "conn_timeout", Default: "0.5", kind: seconds(&s.ConnTimeout), Effect: None, Note: "the server has it for container updates, which replicated objects cause none of"},
		{Name: "node_timeout", Default: "3", kind: seconds(&s.NodeTimeout), Effect: None, Note: "as conn_timeout"},
		{Name: "container_update_timeout", Default: "1", kind: seconds(nil), Effect: None, Note: "as conn_timeout"},
		{Name: "network_chunk_size", Default: "65536", kind: integer(nil, 1, math.MaxInt), Effect: None, Note: "bodies move in pieces of 1 MiB, small ones in one"},
		{Name: "disk_chunk_size", Default: "65536", kind: integer(nil, 1, math.MaxInt), Effect: None, Note: "as network_chunk_size"},
		{Name: "expiring_objects_container_divisor", Default: "86400", or: true, kind: integer(nil, 1, math.MaxInt), Effect: None, Note: "replicated objects cause no entry in the expirer's queue"},
		{Name: "expiring_objects_account_name", Default: "expiring_objects", or: true, kind: text(nil), Effect: None, Note: "as expiring_objects_container_divisor"},
		{Name: "auto_create_account_prefix", kind: text(nil), Effect: None, Note: "as expiring_objects_container_divisor"},
	}
}

// replicationKeys are read by the server's replication verbs. Source:
// server.py, setup; diskfile.py, BaseDiskFileManager.
func replicationKeys(s *Settings) []Key {
	return []Key{
		{Name: "replication_server", Default: "true", kind: truth(&s.ReplicationServer), Effect: Differs,
			Note: "false is refused: such a file is a server's that answers clients only, and ringsyncd takes the replication server's. Before 2.26 true kept other verbs out; here they go to --object-server either way"},
		{Name: "replication_concurrency", Default: "4", unwritten: "0", or: true, kind: count(&s.Concurrency), Flag: "replication-concurrency",
			Usage: "sessions on this node at once; 0 is no limit", Effect: Differs,
			Note: "where it is written, it limits the sessions of the whole node, and 0 is no limit; where it is not, there is no limit. Swift's 4 has never held: its semaphore does not reach the workers"},
		{Name: "replication_concurrency_per_device", Default: "1", kind: count(&s.PerDevice), Flag: "replication-concurrency-per-device",
			Usage: "sessions on one device at once; 0 is no limit", Note: "on the lock files that Swift locks, so together with Swift's own processes"},
		{Name: "replication_one_per_device", kind: truth(&s.oneDevice), Note: "the old form: true is 1, false is 0; only where replication_concurrency_per_device is not written"},
		{Name: "replication_lock_timeout", Default: "15", kind: wholeSeconds(&s.LockTimeout), Flag: "replication-lock-timeout", Usage: "wait for the partition and a slot of the device"},
		{Name: "replication_failure_threshold", Default: "100", or: true, kind: integer(&s.FailureThreshold, math.MinInt, math.MaxInt),
			Flag: "replication-failure-threshold", Usage: "failures from which a session may be given up"},
		{Name: "replication_failure_ratio", Default: "1.0", or: true, kind: float(&s.FailureRatio, 0, math.Inf(1)),
			Flag: "replication-failure-ratio", Usage: "failures for each success from which it is"},
		{Name: "allowed_headers", Default: "Content-Disposition, Content-Encoding, X-Delete-At, X-Object-Manifest, X-Static-Large-Object, Cache-Control, Content-Language, Expires, X-Robots-Tag",
			kind: list(&s.AllowedHeaders), Effect: None, Note: "what a sender sends is stored: it was allowed when the client wrote it"},
		{Name: "mb_per_sync", Default: "512", kind: count(nil), Effect: None, Note: "each object is synced as a whole before it gets its name"},
		{Name: "max_upload_time", Default: "86400", kind: wholeSeconds(nil), Effect: None, Note: "a body may take its time as long as client_timeout holds for each piece"},
	}
}

// clientKeys are read by the server's other verbs, and for the sake of Python.
func clientKeys(s *Settings) []Key {
	return []Key{
		{Name: "log_requests", Default: "true", kind: truth(&s.Log.Requests), Effect: None, Note: noRequestLog},
		{Name: "keep_cache_size", Default: "5242880", kind: integer(nil, math.MinInt, math.MaxInt), Effect: None, Note: noClients},
		{Name: "keep_cache_private", Default: "false", kind: truth(nil), Effect: None, Note: noClients},
		{Name: "keep_cache_slo_manifest", Default: "false", kind: truth(nil), Effect: None, Note: noClients},
		{Name: "splice", Default: "no", kind: truth(nil), Effect: None, Note: noClients + "; --engine chooses the data path"},
		{Name: "etag_validate_pct", Default: "100", kind: float(nil, 0, 100), Effect: None, Note: noClients},
		{Name: "slow", Default: "0", kind: integer(nil, math.MinInt, math.MaxInt), Effect: None, Note: noClients},
		{Name: "slow_delete_log_threshold_seconds", Default: "120", kind: float(nil, -1, math.Inf(1)), Effect: None, Note: noClients},
		{Name: "cooperative_period", Default: "0", kind: count(nil), Effect: None, Note: noEventlet},
		{Name: "eventlet_tpool_num_threads", Default: "auto", kind: autoInteger(nil, 0), Effect: None, Note: noEventlet},
		{Name: "threads_per_disk", Default: "0", kind: count(nil), Effect: None, Note: "Swift itself ignores it"},
	}
}

func healthcheckKeys(s *Settings) []Key {
	return []Key{
		{Name: "disable_path", kind: optionalPath(&s.HealthcheckDisablePath), Note: "/healthcheck is answered also where the filter is not in the pipeline"},
	}
}

func reconKeys(s *Settings) []Key {
	return []Key{
		{Name: "recon_cache_path", Default: "/var/cache/swift", kind: path(&s.ReconCachePath), Flag: "recon-cache-path",
			Usage: "directory that Swift's daemons leave their figures for swift-recon in", Note: "/recon/ is answered also where the filter is not in the pipeline"},
		{Name: "recon_lock_path", Default: "/var/lock", kind: text(nil), Effect: None, Note: "Swift does not read it"},
	}
}
