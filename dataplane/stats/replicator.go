package stats

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// Replicator counts what a node's replicator does, beside what the node serves, and
// tells statsd under the names of Swift's object-replicator. Its labels are
// bounded, too: a peer's is an address of the rings.
type Replicator struct {
	stats  *Stats
	statsd *statsd
	m      replicatorMetrics
	stuck  map[Stuck]int // as it was last set
}

type replicatorMetrics struct {
	jobs                   *prometheus.CounterVec
	jobSeconds             *prometheus.HistogramVec
	leftOut, leftAlone     *prometheus.CounterVec
	sessions, peerFailures *prometheus.CounterVec
	sent, bytes, proven    *prometheus.CounterVec
	removed                *prometheus.CounterVec
	suffixes               *prometheus.CounterVec
	passes, passSeconds    prometheus.Counter
	lastPass               *prometheus.GaugeVec
	stuck                  *prometheus.GaugeVec
}

// Replicator makes the counters of a replicator, once, and a sender of its own for
// its statsd, whose LogName is mostly another.
func (s *Stats) Replicator(cfg StatsdConfig) *Replicator {
	if s == nil {
		return nil
	}
	if cfg.LogName == "" {
		cfg.LogName = "object-replicator"
	}
	where, r := []string{"device", "policy"}, s.registry
	at := func(more ...string) []string { return append(where[:2:2], more...) }
	return &Replicator{stats: s, statsd: newStatsd(cfg, s.metrics.statsdSent, s.metrics.statsdDropped), m: replicatorMetrics{
		jobs:         counter(r, "ringsync_replicator_partitions_total", "Partitions gone over, by kind (update, revert) and by how that ended.", at("kind", "reason")...),
		jobSeconds:   histogram(r, "ringsync_replicator_partition_seconds", "How long a partition took.", sessionBuckets, at("kind")...),
		leftOut:      counter(r, "ringsync_replicator_devices_left_out_total", "Passes that left a device out, by why.", at("reason")...),
		leftAlone:    counter(r, "ringsync_replicator_partitions_left_alone_total", "Partitions met that the ring does not have.", where...),
		sessions:     counter(r, "ringsync_replicator_sessions_total", "Sessions with other nodes, by how they ended.", at("peer", "reason")...),
		peerFailures: counter(r, "ringsync_replicator_peer_failures_total", "Partitions that a peer could not be brought up to date with, by why.", at("peer", "reason")...),
		sent:         counter(r, "ringsync_replicator_objects_sent_total", "Objects of which something was sent.", at("peer")...),
		bytes:        counter(r, "ringsync_replicator_bytes_sent_total", "Bytes of bodies sent.", at("peer")...),
		proven:       counter(r, "ringsync_replicator_objects_proven_total", "Objects that a peer was found to hold, sent or not.", at("peer")...),
		removed:      counter(r, "ringsync_replicator_objects_removed_total", "Objects removed from handoffs.", where...),
		suffixes:     counter(r, "ringsync_replicator_suffixes_total", "Suffixes hashed, and synced.", "what"),
		passes:       counter(r, "ringsync_replicator_passes_total", "Passes over everything that have ended.").WithLabelValues(),
		passSeconds:  counter(r, "ringsync_replicator_pass_seconds_total", "How long they took together.").WithLabelValues(),
		lastPass:     gauge(r, "ringsync_replicator_last_pass_timestamp_seconds", "When the last of them ended."),
		stuck:        gauge(r, "ringsync_replicator_stuck_partitions", "Partitions that have failed in several passes in a row, by why.", "device", "reason"),
	}}
}

// Close ends statsd's sender.
func (r *Replicator) Close() {
	if r != nil {
		r.statsd.close()
	}
}

// Begins counts a partition on its way; kind is Swift's: update or delete.
func (r *Replicator) Begins(kind, device string) {
	if r != nil {
		r.statsd.increment("partition." + kind + ".count." + device)
	}
}

// Did counts a partition that has been gone over; kind is update or revert.
func (r *Replicator) Did(kind, device string, policy int, reason string, took time.Duration) {
	if r == nil {
		return
	}
	d, p := r.stats.device(device), r.stats.policy(policy)
	r.m.jobs.WithLabelValues(d, p, kind, reason).Inc()
	r.m.jobSeconds.WithLabelValues(d, p, kind).Observe(took.Seconds())
	if kind == "revert" {
		kind = "delete"
	}
	r.statsd.timing("partition."+kind+".timing", took)
}

// LeftOut counts a device that a pass left out.
func (r *Replicator) LeftOut(device string, policy int, reason string) {
	if r != nil {
		r.m.leftOut.WithLabelValues(r.stats.device(device), r.stats.policy(policy), reason).Inc()
	}
}

// LeftAlone counts a partition that is in no ring.
func (r *Replicator) LeftAlone(device string, policy int) {
	if r != nil {
		r.m.leftAlone.WithLabelValues(r.stats.device(device), r.stats.policy(policy)).Inc()
	}
}

// LockFailure counts a handoff whose lock somebody else had.
func (r *Replicator) LockFailure() {
	if r != nil {
		r.statsd.increment("partition.lock-failure.count")
	}
}

// Failed counts a peer that could not be brought up to date with a partition.
func (r *Replicator) Failed(device string, policy int, peer, reason string) {
	if r != nil {
		r.m.peerFailures.WithLabelValues(r.stats.device(device), r.stats.policy(policy), peer, reason).Inc()
	}
}

// Session counts a session of ours with another node.
func (r *Replicator) Session(device string, policy int, peer, reason string, result *ssync.Result) {
	if r == nil {
		return
	}
	d, p := r.stats.device(device), r.stats.policy(policy)
	r.m.sessions.WithLabelValues(d, p, peer, reason).Inc()
	r.m.sent.WithLabelValues(d, p, peer).Add(float64(result.Sent))
	r.m.bytes.WithLabelValues(d, p, peer).Add(float64(result.Bytes))
	r.m.proven.WithLabelValues(d, p, peer).Add(float64(result.Proven))
}

// Suffixes counts suffixes that were hashed, and such as were pushed.
func (r *Replicator) Suffixes(hashed, synced int) {
	if r == nil {
		return
	}
	r.m.suffixes.WithLabelValues("hashed").Add(float64(hashed))
	r.m.suffixes.WithLabelValues("synced").Add(float64(synced))
	if hashed > 0 {
		r.statsd.count("suffix.hashes", hashed)
	}
	if synced > 0 {
		r.statsd.count("suffix.syncs", synced)
	}
}

// Removed counts objects removed from a handoff.
func (r *Replicator) Removed(device string, policy, n int) {
	if r != nil {
		r.m.removed.WithLabelValues(r.stats.device(device), r.stats.policy(policy)).Add(float64(n))
	}
}

// Passed counts a pass that has ended.
func (r *Replicator) Passed(took time.Duration) {
	if r == nil {
		return
	}
	r.m.passes.Inc()
	r.m.passSeconds.Add(took.Seconds())
	r.m.lastPass.WithLabelValues().Set(float64(time.Now().UnixNano()) / 1e9)
}

// Stuck is where partitions do not advance, and why.
type Stuck struct{ Device, Reason string }

// Stuck sets how many partitions do not advance; what is not named has none. It
// belongs to one goroutine.
func (r *Replicator) Stuck(now map[Stuck]int) {
	if r == nil {
		return
	}
	for s := range r.stuck {
		if now[s] == 0 {
			r.m.stuck.DeleteLabelValues(r.stats.device(s.Device), s.Reason)
		}
	}
	for s, n := range now {
		r.m.stuck.WithLabelValues(r.stats.device(s.Device), s.Reason).Set(float64(n))
	}
	r.stuck = now
}

// count and timing tell statsd of some at once, and of how long something took.
func (d *statsd) count(name string, n int) {
	if d != nil {
		d.send(name, strconv.Itoa(n), "c", d.cfg.DefaultSampleRate)
	}
}

func (d *statsd) timing(name string, took time.Duration) {
	if d != nil {
		d.send(name, milliseconds(took), "ms", d.cfg.DefaultSampleRate)
	}
}
