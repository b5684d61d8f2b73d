package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/stats"
)

// limits are what an operator may change while the daemon runs: bytes a second, and
// how much its replicator does side by side. They come from a file, which SIGHUP reads
// again together with CONFIG's concurrency, or from who asks for GET and PUT /limits.
type limits struct {
	file   string // --limits; "": none
	bytes  *limit.Set
	usual  func() (replicator.Bounds, error) // without a file: CONFIG's, and the flags'
	first  config.Limits                     // what the file said at the start
	passes *replicator.Replicator            // nil: --replicate is off
	log    *slog.Logger

	mu sync.Mutex // one change at a time
}

// newLimits reads the file, if there is one, for the first time.
func newLimits(o *options, path string, log *slog.Logger) (l *limits, err error) {
	l = &limits{bytes: limit.New(limit.Config{}), log: log}
	if path != "" {
		if path, err = filepath.Abs(path); err != nil { // a daemon goes to /
			return nil, err
		}
	}
	l.usual = func() (replicator.Bounds, error) {
		s, err := readSettings(path, o.keys)
		if err != nil {
			return replicator.Bounds{}, err
		}
		return o.replicate.bounds(&s.Settings), nil
	}
	if o.limits == "" {
		return l, nil
	}
	if l.file, err = filepath.Abs(o.limits); err != nil {
		return nil, err
	}
	if l.first, err = config.ReadLimits(l.file); err == nil {
		err = l.bytes.Change(l.first.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("--limits: %w", err)
	}
	return l, nil
}

// reload reads the file and CONFIG again. With a mistake in either nothing changes.
func (l *limits) reload() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	bounds, err := l.usual()
	if err != nil {
		return err
	}
	to := config.Limits{Bytes: l.bytes.Limits()}
	if l.file != "" {
		if to, err = config.ReadLimits(l.file); err != nil {
			return err
		}
	}
	return l.set(to.Bytes, withFile(bounds, to))
}

// withFile lets what a limits file says win.
func withFile(b replicator.Bounds, l config.Limits) replicator.Bounds {
	for to, said := range map[*int]*int{&b.Concurrency: l.Concurrency, &b.PerDevice: l.PerDevice, &b.PerPeer: l.PerPeer} {
		if said != nil {
			*to = *said
		}
	}
	return b
}

// set changes the bounds, which may be refused, and then the bytes, which have been
// checked, or else are refused with nothing changed either.
func (l *limits) set(bytes limit.Limits, bounds replicator.Bounds) error {
	if err := limit.New(limit.Config{}).Change(bytes); err != nil {
		return err
	}
	if l.passes != nil {
		if err := l.passes.Change(bounds); err != nil {
			return err
		}
	}
	return l.bytes.Change(bytes)
}

// start takes the replicator, which has been made by CONFIG and the flags, and lets
// SIGHUP read everything again until stop is called.
func (l *limits) start(passes *replicator.Replicator) (stop func(), err error) {
	if l.passes = passes; passes != nil {
		if err := passes.Change(withFile(passes.Bounds(), l.first)); err != nil {
			return nil, fmt.Errorf("--limits: %w", err)
		}
	}
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range signals {
			if err := l.reload(); err != nil {
				l.log.Error("limits not changed", "signal", "SIGHUP", "error", err)
				continue
			}
			l.tell("SIGHUP")
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}, nil
}

// tell logs what holds from now on.
func (l *limits) tell(by string) {
	now := l.now()
	text, err := json.Marshal(now.Bytes)
	if err != nil {
		text = []byte(err.Error())
	}
	attrs := []any{"by", by, "bytes", string(text)}
	if b := now.Replicator; b != nil {
		attrs = append(attrs, "concurrency", b.Concurrency, "per_device", b.PerDevice, "per_peer", b.PerPeer)
	}
	l.log.Warn("limits changed", attrs...)
}

// limitsAnswer is what GET /limits answers, and PUT takes: bytes as a whole, where a
// rate that is left out is no limit; of all else that is left out nothing changes.
type limitsAnswer struct {
	Bytes      *limit.Limits      `json:"bytes"`
	Replicator *replicator.Bounds `json:"replicator,omitempty"`
}

func (l *limits) now() limitsAnswer {
	bytes := l.bytes.Limits()
	a := limitsAnswer{Bytes: &bytes}
	if l.passes != nil {
		bounds := l.passes.Bounds()
		a.Replicator = &bounds
	}
	return a
}

// ServeHTTP tells the limits, or sets them:
//
//	curl --unix-socket /run/ringsync/admin.sock http://x/limits
//	curl --unix-socket /run/ringsync/admin.sock -X PUT http://x/limits --data '{"bytes": {"node": {"out": "100M"}}}'
func (l *limits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		if err := l.put(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		l.tell("PUT /limits")
	}
	answerJSON(w, l.now())
}

// put takes what an operator sends, as a whole or not.
func (l *limits) put(body io.Reader) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	to := l.now()
	in := json.NewDecoder(body)
	in.DisallowUnknownFields()
	asked := limitsAnswer{Replicator: l.now().Replicator}
	if err := in.Decode(&asked); err != nil {
		return err
	}
	if _, err := in.Token(); err != io.EOF {
		return errors.New("something follows the limits")
	}
	if asked.Bytes != nil {
		to.Bytes = asked.Bytes
	}
	if asked.Replicator == nil {
		return l.set(*to.Bytes, replicator.Bounds{})
	}
	if l.passes == nil {
		return errors.New("there is no replicator in this daemon: --replicate is off")
	}
	return l.set(*to.Bytes, *asked.Replicator)
}

// show counts the seconds that were waited for limits.
func (l *limits) show(seen *stats.Stats) error {
	return seen.Counters("ringsync_limit_wait_seconds_total", "Seconds that sessions have waited for a limit of bytes, by direction (out, in) and whose it was: node, device, peer.",
		[]string{"direction", "limit"}, func(add func(value float64, labels ...string)) {
			for _, d := range []limit.Direction{limit.Out, limit.In} {
				for _, k := range []limit.Kind{limit.Node, limit.Device, limit.Peer} {
					add(l.bytes.Waited(d, k).Seconds(), d.String(), k.String())
				}
			}
		})
}
