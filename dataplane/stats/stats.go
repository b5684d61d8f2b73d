package stats

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
)

// Config says what may be a label, and who is told.
type Config struct {
	Devices string          // the devices directory; required
	Cluster *hashes.Cluster // required
	Version string          // of this build
	Statsd  StatsdConfig    // without a host there is none
}

// Stats counts. Its methods may be called from any goroutine.
type Stats struct {
	cfg      Config
	registry *prometheus.Registry
	metrics  metrics
	statsd   *statsd
	devices  sync.Map // names that have been seen in the devices directory
}

// New makes the counters, and starts statsd's sender if there is one to be.
func New(cfg Config) (*Stats, error) {
	if cfg.Devices == "" || cfg.Cluster == nil {
		return nil, errors.New("stats: a devices directory and a cluster (swift.conf) are needed")
	}
	s := &Stats{cfg: cfg, registry: prometheus.NewRegistry()}
	s.metrics = newMetrics(s.registry)
	s.metrics.build.WithLabelValues(cfg.Version, runtime.Version()).Set(1)
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.statsd = newStatsd(cfg.Statsd, s.metrics.statsdSent, s.metrics.statsdDropped)
	return s, nil
}

// Close ends statsd's sender; what it has not sent yet goes out, if it can at
// once.
func (s *Stats) Close() {
	if s != nil {
		s.statsd.close()
	}
}

// scrapeTimeout bounds an answer to Prometheus. Devices, which may hang, have a bound
// of their own: see devices.
const scrapeTimeout = 10 * time.Second

// Handler answers a scrape, with what could be found out.
func (s *Stats) Handler() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: scrapeTimeout})
}

// Gauge adds a figure that is read when somebody scrapes.
func (s *Stats) Gauge(name, help string, read func() float64) error {
	if s == nil {
		return nil
	}
	return s.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Settled counts a subrequest. Swift's receiver hands them to its object server,
// which times them as it times requests; so do we.
func (s *Stats) Settled(sub ssync.Subrequest) {
	if s == nil {
		return
	}
	device, policy := s.device(sub.Device), s.policy(sub.Policy)
	if sub.Reason == ssync.ReasonOK {
		s.metrics.objects.WithLabelValues(device, policy, sub.Method).Inc()
		s.metrics.bytes.WithLabelValues(device, policy).Add(float64(sub.Bytes))
		if sub.Way != "" {
			s.metrics.verified.WithLabelValues(device, policy, string(sub.Way)).Inc()
		}
	} else {
		s.metrics.failures.WithLabelValues(device, policy, sub.Method, string(sub.Reason)).Inc()
	}
	s.statsd.served(sub.Method, sub.Status, sub.Elapsed)
}

// Noticed counts what the store tells of.
func (s *Stats) Noticed(n store.Notice) {
	if s == nil {
		return
	}
	policy := ""
	if n.Partition != nil {
		policy = s.policy(n.Partition.Policy().Index)
	}
	s.metrics.notices.WithLabelValues(s.device(n.Device), policy, string(n.Kind)).Inc()
	if n.Kind == store.NoticeQuarantined {
		s.statsd.increment("quarantines")
	}
}

// device is a device's label: its name where that lies in the devices directory.
// What was there once stays a label, since its series do.
func (s *Stats) device(name string) string {
	if _, known := s.devices.Load(name); known {
		return name
	}
	if store.ValidDeviceName(name) != nil {
		return ""
	}
	if _, err := os.Lstat(filepath.Join(s.cfg.Devices, name)); err != nil {
		return ""
	}
	s.devices.Store(name, true)
	return name
}

// policy is a policy's label: its index, where swift.conf has it.
func (s *Stats) policy(index int) string {
	if _, known := s.cfg.Cluster.Policy(index); !known {
		return ""
	}
	return strconv.Itoa(index)
}

// verb is a method's label.
func verb(method string) string {
	known := []string{"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "REPLICATE", "REPLICATION", "SSYNC"}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}
