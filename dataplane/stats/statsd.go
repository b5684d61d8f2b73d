package stats

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// StatsdConfig is where statsd listens and what it is told. Zero values mean the
// defaults; the keys of object-server.conf are named. Source: swift/common,
// statsd_client.py.
type StatsdConfig struct {
	Host              string  // log_statsd_host; empty: nobody is told
	Port              int     // log_statsd_port; 8125
	DefaultSampleRate float64 // log_statsd_default_sample_rate; 0 means 1, negative never
	SampleRateFactor  float64 // log_statsd_sample_rate_factor; 0 means 1, negative never
	MetricPrefix      string  // log_statsd_metric_prefix
	LogName           string  // log_name; object-server
}

const (
	defaultStatsdPort = 8125
	defaultLogName    = "object-server"

	// statsdWaiting lines may wait for the sender; more are dropped. A line
	// takes a microsecond to send.
	statsdWaiting = 1024
	// statsdLookup is how long an address found by name is good for, and how
	// long nothing is sent after it was not found.
	statsdLookup = time.Minute
	// statsdWrite is how long a datagram may wait for room in the socket.
	statsdWrite = time.Second
)

// statsd sends lines. A nil statsd sends none.
type statsd struct {
	cfg           StatsdConfig
	prefix        string
	lines         chan string
	sent, dropped prometheus.Counter
	random        func() float64

	ctx  context.Context // ends with close
	stop context.CancelFunc
	done chan struct{}
}

func newStatsd(cfg StatsdConfig, sent, dropped prometheus.Counter) *statsd {
	if cfg.Host == "" {
		return nil
	}
	if cfg.Port == 0 {
		cfg.Port = defaultStatsdPort
	}
	cfg.DefaultSampleRate, cfg.SampleRateFactor = rate(cfg.DefaultSampleRate), rate(cfg.SampleRateFactor)
	if cfg.LogName == "" {
		cfg.LogName = defaultLogName
	}
	d := &statsd{cfg: cfg, lines: make(chan string, statsdWaiting), sent: sent, dropped: dropped, random: rand.Float64, done: make(chan struct{})}
	if cfg.MetricPrefix != "" {
		d.prefix = cfg.MetricPrefix + "."
	}
	d.prefix += cfg.LogName + "."
	d.ctx, d.stop = context.WithCancel(context.Background())
	go d.run()
	return d
}

func rate(r float64) float64 {
	if r == 0 {
		return 1
	}
	return max(0, r)
}

// served tells how long a request of one of Swift's verbs took; what was this
// server's fault goes under another name. Source: utils, timing_stats; its
// sample rates are server.py's.
func (d *statsd) served(method string, status int, took time.Duration) {
	if d == nil {
		return
	}
	own := d.cfg.DefaultSampleRate
	switch method {
	case "REPLICATE", "SSYNC":
		own = 0.1
	case "HEAD":
		own = 0.8
	case "PUT", "POST", "GET", "DELETE", "OPTIONS":
	default:
		return // no verb of Swift's, which has no name for it
	}
	name := method + ".timing"
	if status >= 500 {
		name = method + ".errors.timing"
	}
	d.send(name, milliseconds(took), "ms", own)
}

// milliseconds prints as Python does what Swift rounds to a tenth of a
// microsecond.
func milliseconds(took time.Duration) string {
	text := strconv.FormatFloat(math.Round(took.Seconds()*1e7)/1e4, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func (d *statsd) increment(name string) {
	if d != nil {
		d.send(name, "1", "c", d.cfg.DefaultSampleRate)
	}
}

// send queues "name:value|type", with "|@rate" where not every one is sent.
func (d *statsd) send(name, value, kind string, own float64) {
	sampled := own * d.cfg.SampleRateFactor
	if sampled < 1 && d.random() >= sampled {
		return
	}
	line := d.prefix + name + ":" + value + "|" + kind
	if sampled < 1 {
		line += "|@" + strconv.FormatFloat(sampled, 'g', -1, 64)
	}
	select {
	case d.lines <- line:
	default:
		d.dropped.Inc()
	}
}

func (d *statsd) close() {
	if d == nil {
		return
	}
	d.stop()
	<-d.done
}

// run sends until close, then what is left.
func (d *statsd) run() {
	defer close(d.done)
	t := target{port: uint16(d.cfg.Port)}
	defer t.close()
	for {
		select {
		case line := <-d.lines:
			d.write(&t, line)
		case <-d.ctx.Done():
			for {
				select {
				case line := <-d.lines:
					d.write(&t, line)
				default:
					return
				}
			}
		}
	}
}

func (d *statsd) write(t *target, line string) {
	t.lookUp(d.ctx, d.cfg.Host)
	if t.write(line) != nil {
		d.dropped.Inc()
		return
	}
	d.sent.Inc()
}

// target is a socket and where it sends to.
type target struct {
	conn    *net.UDPConn
	port    uint16
	to      netip.AddrPort // none while the name is unknown
	asked   time.Time      // when the name was looked up last
	written []byte
}

// lookUp finds the address of a host's name, again from time to time, as Swift
// leaves it to name resolution to change its mind; an IPv4 address first. While
// it fails the last one found stays good.
func (t *target) lookUp(ctx context.Context, host string) {
	if !t.asked.IsZero() && time.Since(t.asked) < statsdLookup {
		return
	}
	t.asked = time.Now()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addresses) == 0 {
		return
	}
	best := addresses[0]
	if i := slices.IndexFunc(addresses, func(a netip.Addr) bool { return a.Unmap().Is4() }); i >= 0 {
		best = addresses[i]
	}
	t.to = netip.AddrPortFrom(best.Unmap(), t.port)
}

// write sends one datagram. The socket is not connected: an answer that nobody
// listens there would cost the next line.
func (t *target) write(line string) (err error) {
	if !t.to.IsValid() {
		return net.UnknownNetworkError("statsd")
	}
	if t.conn == nil {
		if t.conn, err = net.ListenUDP("udp", nil); err != nil {
			return err
		}
	}
	t.written = append(t.written[:0], line...)
	t.conn.SetWriteDeadline(time.Now().Add(statsdWrite)) // close waits for us
	_, err = t.conn.WriteToUDPAddrPort(t.written, t.to)
	return err
}

func (t *target) close() {
	if t.conn != nil {
		t.conn.Close()
	}
}
