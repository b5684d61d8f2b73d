package config

import (
	"log/slog"
	"time"
)

// Settings are the typed values of the keys. A field's key is named; its default
// stands in the table. 0 is 0, as in Swift: it never means a default.
type Settings struct {
	BindIP      string        // bind_ip: an address or a name
	BindPort    int           // bind_port
	BindTimeout time.Duration // bind_timeout: how long a port in use is tried again
	Backlog     int           // backlog: connections that wait to be accepted
	KeepIdle    time.Duration // keep_idle: silence before TCP asks whether the peer is there
	MaxClients  int           // max_clients: connections served at once

	User           string // user: who to become, if root started us
	NicePriority   *int   // nice_priority; nil: left alone
	IoniceClass    string // ionice_class: IOPRIO_CLASS_RT, _BE or _IDLE; "": left alone
	IonicePriority int    // ionice_priority: 0 (first) to 7

	SwiftDir         string        // swift_dir: where swift.conf and the rings are
	Devices          string        // devices: what the devices are mounted in
	MountCheck       bool          // mount_check
	DisableFallocate bool          // disable_fallocate
	FallocateReserve Reserve       // fallocate_reserve
	ReclaimAge       time.Duration // reclaim_age

	ClientTimeout time.Duration // client_timeout: for each line and each piece of a body
	ConnTimeout   time.Duration // conn_timeout of the server
	NodeTimeout   time.Duration // node_timeout of the server

	ReplicationServer bool          // replication_server
	Concurrency       int           // replication_concurrency: sessions at once; 0: no limit
	PerDevice         int           // replication_concurrency_per_device; 0: no limit
	LockTimeout       time.Duration // replication_lock_timeout
	FailureThreshold  int           // replication_failure_threshold
	FailureRatio      float64       // replication_failure_ratio
	AllowedHeaders    []string      // allowed_headers, in lower case

	HealthcheckDisablePath string // disable_path of [filter:healthcheck]
	ReconCachePath         string // recon_cache_path of [filter:recon]

	Log        Log
	Statsd     Statsd
	Replicator Replicator

	// Keys that decide whether ringsyncd can stand in a server's place.
	ringIP            string // ring_ip
	servers           int    // servers_per_port
	certificate       string // cert_file
	proxyProtocol     bool   // require_proxy_protocol
	oneDevice         bool   // replication_one_per_device
	runPause          time.Duration
	replicatorServers int // servers_per_port, as the replicator reads it
}

// Reserve is free space that objects may not use: bytes, or a percentage of the
// device.
type Reserve struct {
	Bytes   int64
	Percent float64
}

// Log is where and how Swift would log.
type Log struct {
	Name     string     // log_name; also the tail of statsd's prefix
	Level    slog.Level // log_level
	Facility string     // log_facility: LOG_LOCAL0
	Address  string     // log_address: a socket's path
	UDPHost  string     // log_udp_host; "": the socket
	UDPPort  int        // log_udp_port
	MaxLine  int        // log_max_line_length, in characters; 0: no limit
	Requests bool       // log_requests
}

// Statsd is where metrics would go.
type Statsd struct {
	Host             string  // log_statsd_host; "": nowhere
	Port             int     // log_statsd_port
	Prefix           string  // log_statsd_metric_prefix
	SampleRate       float64 // log_statsd_default_sample_rate
	SampleRateFactor float64 // log_statsd_sample_rate_factor
	EmitLegacy       bool    // statsd_emit_legacy
}

// Replicator is [object-replicator], or where there is no such section its
// defaults.
type Replicator struct {
	Configured bool // there is such a section

	Daemonize         bool
	Interval          time.Duration // interval, or run_pause: between two passes
	Concurrency       int           // jobs at once
	Workers           int           // replicator_workers
	StatsInterval     time.Duration
	RingCheckInterval time.Duration
	SyncMethod        string // rsync or ssync
	HandoffsFirst     bool
	HandoffDelete     int // copies that must be there before a handoff goes; 0: all
	HTTPTimeout       time.Duration
	ConnTimeout       time.Duration
	NodeTimeout       time.Duration
	ReconCachePath    string
	BindIP            string // bind_ip and bind_port: who we are in the ring, or --listen
	BindPort          int    // 0: with whatever port
	RingIP            string // ring_ip: in place of bind_ip, if there is one
	LogName           string
}
