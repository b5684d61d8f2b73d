package peer

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// SendConfig says what Swift's Sender sends, and to whom.
type SendConfig struct {
	SwiftDir     string // holds swift.conf
	Devices      string // the directory of the sender's devices
	Device       string // which of them
	RemoteDevice string // the receiver's; default: Device
	To           string // HOST:PORT
	Policy       int

	Partitions []string // in number order, one session each; nil: all there are
	Processes  int      // that share the partitions, as replicator_workers would; default 1
	Suffixes   []string // nil: all there are

	Timeout      time.Duration // node_timeout and http_timeout; default 60 s
	ConnTimeout  time.Duration // conn_timeout; default 5 s
	ConnectPause time.Duration // silence between the receiver's 200 and the first offer
	ReclaimAge   time.Duration // default NeverReclaim

	// CheckObjs limits the offers to these hashes and sends no updates, as
	// remote_check_objs does. Nil: no limit.
	CheckObjs []string

	// For erasure coding. FragIndex is the local fragment's, BackendIndex the
	// one that the receiver should hold. Nil: none named.
	FragIndex, BackendIndex *int
	IncludeNonDurable       bool
	MaxObjects              int // offers a session; 0: no limit

	Trace bool // fill SendReport.Trace

	// Ready is called when all is imported and prepared, with the sender's pid;
	// nothing is sent before it returns. May be nil.
	Ready func(pid int) error
}

// SendReport is what happened, over all sessions.
type SendReport struct {
	Success     bool                     `json:"success"` // of every session
	Partitions  map[string]SessionReport `json:"partitions"`
	Offered     int64                    `json:"offered"`
	Wanted      int64                    `json:"wanted"`
	Subrequests int64                    `json:"subrequests"`
	PerMethod   map[string]int64         `json:"per_method"` // subrequests by PUT, POST, DELETE
	BodyBytes   int64                    `json:"body_bytes"`
	Errors      []string                 `json:"errors"` // what Swift logged as a warning or worse
	Trace       []TraceEvent             `json:"trace"`
	Usage
}

// Usage is what a helper's work took: it and the processes it started, imports
// left out.
type Usage struct {
	Wall      float64 `json:"wall"`       // seconds
	UserCPU   float64 `json:"user_cpu"`   // seconds
	SystemCPU float64 `json:"system_cpu"` // seconds
	Switches  int64   `json:"switches"`   // context switches
	PeakBytes int64   `json:"peak_bytes"` // resident; of all processes of a sender, of a daemon's first
}

// SessionReport is the result of one Sender: Swift's success, and the number of
// objects that Swift now believes the receiver has.
type SessionReport struct {
	Success bool `json:"success"`
	InSync  int  `json:"in_sync"`
}

// TraceEvent is one offer, one wanted line or one subrequest.
type TraceEvent struct {
	Partition string            `json:"partition"`
	Kind      string            `json:"kind"` // "offer", "wanted", or the subrequest's method
	Hash      string            `json:"hash"` // of an offer or a wanted line
	Line      string            `json:"line"` // the offer as sent; the parts wanted ("data meta"); the path
	Headers   map[string]string `json:"headers"`
}

// Send runs Swift's ssync_sender.Sender, a session a partition, one after the
// other in each process. A session that fails is no error of Send: see the
// report.
//
// Swift 2.22 to 2.31 send non-ASCII header values encoded twice (fixed in
// 2.32): with such a sender two trees differ there for reasons of its own.
func (s *Swift) Send(ctx context.Context, cfg SendConfig) (*SendReport, error) {
	if _, _, err := splitAddr(cfg.To); err != nil {
		return nil, fmt.Errorf("receiver's address: %w", err)
	}
	report := new(SendReport)
	if err := s.callGated(ctx, cfg.SwiftDir, "send.py", cfg.request(), cfg.Ready, report); err != nil {
		return nil, err
	}
	for i, e := range report.Trace {
		report.Trace[i].Headers = each(e.Headers, unLatin1)
	}
	return report, nil
}

func (c SendConfig) request() map[string]any {
	return map[string]any{
		"swift_dir": c.SwiftDir, "devices": c.Devices, "device": c.Device,
		"remote_device": cmp.Or(c.RemoteDevice, c.Device),
		"to":            c.To,
		"policy":        c.Policy,
		"partitions":    c.Partitions, "suffixes": c.Suffixes,
		"timeout":       cmp.Or(c.Timeout, time.Minute).Seconds(),
		"conn_timeout":  cmp.Or(c.ConnTimeout, 5*time.Second).Seconds(),
		"connect_pause": c.ConnectPause.Seconds(),
		"reclaim_age":   int64(cmp.Or(c.ReclaimAge, NeverReclaim*time.Second).Seconds()),
		"check_objs":    c.CheckObjs,
		"frag_index":    c.FragIndex, "backend_index": c.BackendIndex,
		"include_non_durable": c.IncludeNonDurable,
		"max_objects":         c.MaxObjects,
		"trace":               c.Trace,
		"processes":           max(1, c.Processes),
	}
}
