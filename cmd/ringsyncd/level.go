package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// maxLevel bounds the body of PUT /log-level.
const maxLevel = 64

// levelHandler tells the log level, and sets it for who asks from this machine:
//
//	curl -X PUT --data debug http://127.0.0.1:9200/log-level
func levelHandler(level *slog.LevelVar, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
		case r.Method != http.MethodPut:
			w.Header().Set("Allow", "GET, PUT")
			http.Error(w, "GET tells the level, PUT sets it", http.StatusMethodNotAllowed)
			return
		case !fromHere(r):
			http.Error(w, "the level is set from this machine only", http.StatusForbidden)
			return
		default:
			if err := setLevel(level, http.MaxBytesReader(w, r.Body, maxLevel)); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			log.Warn("log level changed", "level", level.Level().String(), "peer", r.RemoteAddr)
		}
		fmt.Fprintln(w, strings.ToLower(level.Level().String()))
	})
}

// fromHere tells a request that came by a unix socket or over the loopback, and not
// through a proxy that stands there.
func fromHere(r *http.Request) bool {
	if r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && at.Network() == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}

func setLevel(level *slog.LevelVar, body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.TrimSpace(string(text)))); err != nil {
		return fmt.Errorf("%.64q: debug, info, warn or error", text)
	}
	level.Set(l)
	return nil
}

// watchLevel lets SIGUSR2 turn debugging on, and off again. SIGUSR1 is not taken:
// Swift's servers restart on it, and scripts know that. SIGHUP is limits'.
func watchLevel(level *slog.LevelVar, log *slog.Logger) (stop func()) {
	usual := level.Level()
	if usual <= slog.LevelDebug {
		usual = slog.LevelInfo
	}
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		defer close(done)
		for range signals {
			if level.Level() > slog.LevelDebug {
				level.Set(slog.LevelDebug)
			} else {
				level.Set(usual)
			}
			log.Warn("log level changed", "level", level.Level().String(), "signal", "SIGUSR2")
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
