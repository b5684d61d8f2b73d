package stats

import "github.com/prometheus/client_golang/prometheus"

// Counters adds a series for each set of labels that read gives when somebody
// scrapes. What read may give is bounded by who counts: nothing that a peer made up.
func (s *Stats) Counters(name, help string, labels []string, read func(add func(value float64, labels ...string))) error {
	if s == nil {
		return nil
	}
	return s.registry.Register(&counters{desc: prometheus.NewDesc(name, help, labels, nil), read: read})
}

// counters is a collector.
type counters struct {
	desc *prometheus.Desc
	read func(add func(value float64, labels ...string))
}

// Describe implements prometheus.Collector.
func (c *counters) Describe(descs chan<- *prometheus.Desc) { descs <- c.desc }

// Collect implements prometheus.Collector.
func (c *counters) Collect(metrics chan<- prometheus.Metric) {
	c.read(func(value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, value, labels...)
	})
}
