package dataplane

import (
	"errors"
	"io/fs"
	"net/http"
	"runtime"
	"strings"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
)

// show gives Stats what is read when somebody looks.
func (n *Node) show() error {
	s := n.cfg.Stats
	return errors.Join(
		s.Watch(n.cfg.Store),
		s.Gauge("ringsync_buffers", "Buffers for bodies, at most.", func() float64 { return float64(n.pool.Count()) }),
		s.Gauge("ringsync_buffers_in_use", "Buffers for bodies that are out, those for text among them.", func() float64 { return float64(n.pool.InUse()) }),
		s.Counters("ringsync_bodies_total", "Bodies of more than 64 KiB, by the way that they took and why.", []string{"way", "reason"}, n.countWays),
		s.Counters("ringsync_zero_copy_total", "Connections on which sends without a copy were tried, by what the kernel reported.", []string{"verdict"}, n.countZeroCopy),
		s.Gauge("ringsync_clients", "Connections that are served.", func() float64 { return float64(len(n.clients)) }),
		s.Gauge("ringsync_goroutines", "Goroutines of this process.", func() float64 { return float64(runtime.NumGoroutine()) }),
	)
}

// countWays gives each way and reason that the engine had a body for.
func (n *Node) countWays(add func(value float64, labels ...string)) {
	s := n.engine.Stats()
	s.Ways.Each(func(way engine.Way, reason engine.Reason, bodies int64) {
		add(float64(bodies), way.String(), reason.String())
	})
}

func (n *Node) countZeroCopy(add func(value float64, labels ...string)) {
	s := n.engine.Stats()
	for verdict, connections := range map[engine.ZeroCopy]int64{
		engine.ZeroCopyKept: s.ZeroCopyKept, engine.ZeroCopyCopied: s.ZeroCopyCopied, engine.ZeroCopyRefused: s.ZeroCopyRefused,
	} {
		add(float64(connections), verdict.String())
	}
}

// placed tells Stats what a request is about, and how it ends if it is refused:
// until then it counts as good. Only a device that is not to be had is this
// server's fault; Swift does not time what it refuses by its head.
func (n *Node) placed(r *request, t target, refused *refusal) {
	if t.device != "" { // else it was refused before the policy was known
		r.seen.At(t.device, t.policy.Index)
	}
	switch {
	case refused == nil:
		r.seen.Ends(ssync.ReasonOK, http.StatusOK)
	case refused.reason != "":
		r.seen.Ends(refused.reason, refused.status)
	default:
		r.seen.Ends(ssync.ReasonRefused, 0)
		n.cfg.Log.Debug("request refused", "peer", r.conn.RemoteAddr().String(), "method", r.Method, "status", refused.status, "reason", string(ssync.ReasonRefused), "error", refused.text)
	}
}

// recon answers what swift-recon asks, by whatever method. A cache file that no
// daemon has written yet is nothing to tell of. Some of it asks every disk, and one
// may hang: so those who ask have as many places as one device's.
func (n *Node) recon(r *request) {
	if refused := n.approach(r, "/recon/"); refused != nil {
		r.seen.Ends(refused.reason, refused.status)
		refused.reply(r)
		return
	}
	a := n.cfg.Recon.Answer(r.Target)
	if a.Err != nil && !errors.Is(a.Err, fs.ErrNotExist) {
		check, _, _ := strings.Cut(strings.TrimPrefix(r.Target, "/recon/"), "/")
		n.cfg.Log.Warn("recon: something could not be read", "check", check, "peer", r.conn.RemoteAddr().String(), "error", a.Err)
	}
	body := a.Body
	if r.Method == http.MethodHead {
		body = nil
	}
	r.reply(a.Status, a.ContentType, body)
}
