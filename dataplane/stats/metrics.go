package stats

import "github.com/prometheus/client_golang/prometheus"

// metrics are the series of a node, but for those that are read when somebody
// asks (see Gauge, and suspects).
type metrics struct {
	build                     *prometheus.GaugeVec
	sessions                  *prometheus.CounterVec
	inProgress                *prometheus.GaugeVec
	sessionSeconds            *prometheus.HistogramVec
	offers, wanted            *prometheus.CounterVec
	objects, bytes, failures  *prometheus.CounterVec
	verified                  *prometheus.CounterVec
	requests                  *prometheus.CounterVec
	requestSeconds            *prometheus.HistogramVec
	notices                   *prometheus.CounterVec
	statsdSent, statsdDropped prometheus.Counter
}

// sessionBuckets reach from a check that finds nothing to a partition of large
// objects; requestBuckets from digests that are at hand to those of a cold
// partition, which the other side waits 60 s for.
var (
	sessionBuckets = []float64{.01, .03, .1, .3, 1, 3, 10, 30, 100, 300, 1000, 3600}
	requestBuckets = []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10, 30, 60}
)

func newMetrics(r *prometheus.Registry) metrics {
	where := []string{"device", "policy", "verb"}
	ended := append(where[:3:3], "reason")
	return metrics{
		build:          gauge(r, "ringsync_build_info", "1, with what was built.", "version", "go"),
		sessions:       counter(r, "ringsync_sessions_total", "Sessions that other nodes' senders had with this node, by how they ended.", ended...),
		inProgress:     gauge(r, "ringsync_sessions_in_progress", "Sessions that are open, those that wait for a lock among them.", where...),
		sessionSeconds: histogram(r, "ringsync_session_seconds", "How long sessions took, waits for locks included.", sessionBuckets, where...),
		offers:         counter(r, "ringsync_offers_total", "Objects offered in sessions that have ended.", where...),
		wanted:         counter(r, "ringsync_wanted_total", "Objects that were offered and wanted.", where...),
		objects:        counter(r, "ringsync_objects_total", "Subrequests that succeeded: PUT, POST, DELETE.", where...),
		bytes:          counter(r, "ringsync_bytes_total", "Bytes of bodies stored.", "device", "policy"),
		verified:       counter(r, "ringsync_bodies_verified_total", "Bodies stored, by what they were held against: md5, stored, none, small.", "device", "policy", "way"),
		failures:       counter(r, "ringsync_failures_total", "Subrequests that failed.", ended...),
		requests:       counter(r, "ringsync_requests_total", "Requests other than sessions, by how they ended.", ended...),
		requestSeconds: histogram(r, "ringsync_request_seconds", "How long such requests took.", requestBuckets, where...),
		notices:        counter(r, "ringsync_notices_total", "Things that happened to objects and devices: quarantined, not_quarantined, suspect, unhashed.", "device", "policy", "reason"),
		statsdSent:     counter(r, "ringsync_statsd_sent_total", "Lines sent to statsd.").WithLabelValues(),
		statsdDropped:  counter(r, "ringsync_statsd_dropped_total", "Lines for statsd that were dropped: too many at once, or an error.").WithLabelValues(),
	}
}

func counter(r *prometheus.Registry, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.MustRegister(c)
	return c
}

func gauge(r *prometheus.Registry, name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.MustRegister(g)
	return g
}

func histogram(r *prometheus.Registry, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(h)
	return h
}
