package stats

import (
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
)

// Request is a request in hand. It belongs to one goroutine, which calls End
// when all is said.
type Request struct {
	stats   *Stats
	method  string
	began   time.Time
	labels  [3]string // device, policy, verb
	session bool
	report  ssync.Report
	reason  ssync.Reason
	status  int
}

// Begin counts a request from its head on.
func (s *Stats) Begin(method string) *Request {
	if s == nil {
		return nil
	}
	return &Request{stats: s, method: method, began: time.Now(), labels: [3]string{"", "", verb(method)}, reason: ssync.ReasonOK}
}

// At tells which device and policy the request is about, as its head has them:
// they need not exist.
func (r *Request) At(device string, policy int) {
	if r != nil {
		r.labels[0], r.labels[1] = r.stats.device(device), r.stats.policy(policy)
	}
}

// Session tells that the request was let in as a session.
func (r *Request) Session() {
	if r != nil {
		r.session = true
		r.stats.metrics.inProgress.WithLabelValues(r.labels[:]...).Inc()
	}
}

// Reported tells what came of the session.
func (r *Request) Reported(report ssync.Report) {
	if r != nil {
		r.report = report
	}
}

// Ends tells how the request ends: ReasonOK unless somebody says otherwise. The
// status is the one that was sent; 0, for which statsd is told nothing, where
// Swift would not time the request either.
func (r *Request) Ends(reason ssync.Reason, status int) {
	if r != nil {
		r.reason, r.status = reason, status
	}
}

// End counts it.
func (r *Request) End() {
	if r == nil {
		return
	}
	elapsed := time.Since(r.began)
	m := &r.stats.metrics
	ended := append(r.labels[:], string(r.reason))
	if r.session {
		m.inProgress.WithLabelValues(r.labels[:]...).Dec()
		m.sessions.WithLabelValues(ended...).Inc()
		m.sessionSeconds.WithLabelValues(r.labels[:]...).Observe(elapsed.Seconds())
		m.offers.WithLabelValues(r.labels[:]...).Add(float64(r.report.Offered))
		m.wanted.WithLabelValues(r.labels[:]...).Add(float64(r.report.Wanted))
	} else {
		m.requests.WithLabelValues(ended...).Inc()
		m.requestSeconds.WithLabelValues(r.labels[:]...).Observe(elapsed.Seconds())
	}
	if r.status > 0 {
		r.stats.statsd.served(r.method, r.status, elapsed)
	}
}
