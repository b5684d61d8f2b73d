package stats

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/ringsync/ringsync/dataplane/store"
)

// Watch adds what a scrape finds out from the store: whether each device may be
// used. Opening a device costs no disk access while its root directory is in
// memory.
func (s *Stats) Watch(st *store.Store) error {
	if s == nil {
		return nil
	}
	return s.registry.Register(&devices{
		store:   st,
		suspect: prometheus.NewDesc("ringsync_device_suspect", "1 while the device is refused after a failed fsync.", []string{"device"}, nil),
		usable:  prometheus.NewDesc("ringsync_device_usable", "1 while the device can be opened: mounted and not suspect.", []string{"device"}, nil),
	})
}

// devices is a collector.
type devices struct {
	store           *store.Store
	suspect, usable *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (d *devices) Describe(descs chan<- *prometheus.Desc) {
	descs <- d.suspect
	descs <- d.usable
}

// Collect implements prometheus.Collector. What is no device name, as a file
// called lost+found, is left out.
func (d *devices) Collect(metrics chan<- prometheus.Metric) {
	names, err := d.store.DeviceNames()
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(d.usable, err)
		return
	}
	for _, name := range names {
		device, err := d.store.Device(name)
		if err == nil {
			device.Close()
		}
		metrics <- prometheus.MustNewConstMetric(d.suspect, prometheus.GaugeValue, truth(errors.Is(err, store.ErrSuspect)), name)
		metrics <- prometheus.MustNewConstMetric(d.usable, prometheus.GaugeValue, truth(err == nil), name)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
