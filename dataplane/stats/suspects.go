package stats

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/ringsync/ringsync/dataplane/store"
)

// lookPatience is how long a scrape waits for all devices together. A disk that
// answers does so at once: opening a device costs no access while its root directory
// is in memory.
const lookPatience = 2 * time.Second

// Watch adds what a scrape finds out from the store: whether each device may be
// used, and whether it answers.
func (s *Stats) Watch(st *store.Store) error {
	if s == nil {
		return nil
	}
	return s.registry.Register(newDevices(st))
}

func newDevices(st *store.Store) *devices {
	of := []string{"device"}
	return &devices{
		names: st.DeviceNames,
		open: func(name string) error {
			device, err := st.Device(name)
			if err == nil {
				device.Close()
			}
			return err
		},
		patience: func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), lookPatience)
		},
		looks:   map[string]*look{},
		suspect: prometheus.NewDesc("ringsync_device_suspect", "1 while the device is refused after a failed fsync; while it hangs, as it was before.", of, nil),
		usable:  prometheus.NewDesc("ringsync_device_usable", "1 while the device can be opened: mounted, not suspect, and it answers.", of, nil),
		hangs:   prometheus.NewDesc("ringsync_device_hangs", "1 while the device does not answer in time.", of, nil),
	}
}

// devices is a collector. A disk that hangs keeps whoever looks at it, and nothing can
// end that: so each device is looked at by a goroutine of its own, one at a time, which
// is left behind until the disk answers, and a scrape waits for none of them for longer
// than its patience.
type devices struct {
	names                  func() ([]string, error)
	open                   func(name string) error
	patience               func() (context.Context, context.CancelFunc)
	suspect, usable, hangs *prometheus.Desc

	mu    sync.Mutex
	looks map[string]*look // the last one of each device
}

// look is one try to open a device.
type look struct {
	done   chan struct{} // closed when err is set
	err    error
	before error // of the look before; nil too if there was none
}

// Describe implements prometheus.Collector.
func (d *devices) Describe(descs chan<- *prometheus.Desc) {
	descs <- d.suspect
	descs <- d.usable
	descs <- d.hangs
}

// Collect implements prometheus.Collector. What is no device name, as a file
// called lost+found, is left out.
func (d *devices) Collect(metrics chan<- prometheus.Metric) {
	names, err := d.names()
	if err != nil {
		metrics <- prometheus.NewInvalidMetric(d.usable, err)
		return
	}
	late, cancel := d.patience()
	defer cancel()
	looks := d.begin(names)
	for i, l := range looks {
		err, answered := l.wait(late)
		d.tell(metrics, names[i], err, answered)
	}
}

func (d *devices) tell(metrics chan<- prometheus.Metric, name string, err error, answered bool) {
	for desc, is := range map[*prometheus.Desc]bool{d.suspect: errors.Is(err, store.ErrSuspect), d.usable: answered && err == nil, d.hangs: !answered} {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, truth(is), name)
	}
}

// begin looks at each device, unless somebody is still at it.
func (d *devices) begin(names []string) (looks []*look) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, l := range d.looks {
		if l.over() && !slices.Contains(names, name) {
			delete(d.looks, name)
		}
	}
	for _, name := range names {
		l := d.looks[name]
		if l == nil || l.over() {
			next := &look{done: make(chan struct{})}
			if l != nil {
				next.before = l.err
			}
			d.looks[name], l = next, next
			go func() {
				next.err = d.open(name)
				close(next.done)
			}()
		}
		looks = append(looks, l)
	}
	return looks
}

func (l *look) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// wait returns what a look has found, or false, and what the one before had.
func (l *look) wait(late context.Context) (err error, answered bool) {
	select {
	case <-l.done:
	case <-late.Done():
		if !l.over() {
			return l.before, false
		}
	}
	return l.err, true
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
