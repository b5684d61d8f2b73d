package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/ringsync/ringsync/cmd/internal/admin"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/spf13/pflag"
)

// adminOptions are the flags of the place where an operator of this machine asks
// the daemon what it does.
type adminOptions struct {
	set  *pflag.FlagSet
	text string
}

func (o *adminOptions) add(f *pflag.FlagSet) {
	o.set = f
	f.StringVar(&o.text, "admin", "", "socket where 'ringsync status' asks, or ADDRESS:PORT of the loopback; none: nowhere (default: "+admin.SocketName+" in --state-dir)")
}

// address tells where; asked is whether somebody named it. Without a state directory
// there is no place by default.
func (o *adminOptions) address(stateDir string) (at admin.Address, asked bool, err error) {
	if o.set != nil && o.set.Changed("admin") {
		at, err = admin.ParseAddress(o.text)
		return at, true, err
	}
	if stateDir == "" {
		return at, false, nil
	}
	at, err = admin.ParseAddress(filepath.Join(stateDir, admin.SocketName))
	return at, false, err
}

// asked is what the daemon is asked about.
type asked struct {
	started time.Time
	node    *dataplane.Node
	passes  *replicator.Replicator // nil: --replicate is off
	limits  *limits
	level   *slog.LevelVar
	log     *slog.Logger
}

// maxAdminBody bounds what an operator sends: a page of settings.
const maxAdminBody = 64 << 10

// handler answers all that may be asked. What may be sent is bounded for each.
func (a *asked) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", a.status)
	mux.Handle("GET /limits", a.limits)
	mux.Handle("PUT /limits", a.limits)
	mux.Handle("/log-level", levelHandler(a.level, a.log))
	return http.MaxBytesHandler(fromHereOnly(mux), maxAdminBody)
}

// fromHereOnly keeps out what a proxy on this machine passes on.
func fromHereOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromHere(r) {
			http.Error(w, "this is for this machine only", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (a *asked) status(w http.ResponseWriter, _ *http.Request) {
	s := admin.Status{Version: version(), PID: os.Getpid(), Started: a.started, At: time.Now(), Receiving: a.node.Receiving()}
	if a.passes != nil {
		now := a.passes.Status()
		s.Replicator = &now
	}
	answerJSON(w, s)
}

// answerJSON writes an answer whole, or none.
func answerJSON(w http.ResponseWriter, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(text, '\n'))
}

// againEvery is how often a socket is tried again that another daemon has: the one
// before us, perhaps, whose sessions may still finish.
const againEvery = time.Second

// serve answers at the address until stop is called. While another daemon has it the
// node goes on without. A place that nobody named, and that is not to be had, is no
// reason not to start.
func (o *adminOptions) serve(ctx context.Context, stateDir string, a *asked) (stop func(), err error) {
	at, named, err := o.address(stateDir)
	if err == nil && at.Network == "" {
		return func() {}, nil
	}
	var l net.Listener
	if err == nil {
		l, err = admin.Listen(ctx, at)
	}
	switch {
	case errors.Is(err, admin.ErrInUse):
		a.log.Warn("nobody can ask this daemon for its status yet", "admin", at.String(), "error", err)
		return o.serveLater(ctx, at, a), nil
	case err != nil && named:
		return nil, fmt.Errorf("--admin %s: %w", o.text, err)
	case err != nil:
		a.log.Warn("nobody can ask this daemon for its status", "admin", at.String(), "error", err)
		return func() {}, nil
	}
	a.log.Info("admin on " + l.Addr().String())
	return serveHTTP(l, a.handler(), "admin", a.log), nil
}

// serveLater waits until another daemon gives its socket away.
func (o *adminOptions) serveLater(ctx context.Context, at admin.Address, a *asked) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(againEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			l, err := admin.Listen(ctx, at)
			if err != nil {
				continue
			}
			a.log.Info("admin on " + l.Addr().String())
			stop := serveHTTP(l, a.handler(), "admin", a.log)
			<-ctx.Done()
			stop()
			return
		}
	}()
	return func() { cancel(); <-done }
}
