package peer_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

// A server answers for itself, takes options, and leaves no process and no open
// port behind, whether it ends by Stop or by its context.
func TestObjectServer(t *testing.T) {
	swift := peertest.Require(t)
	for _, row := range []struct {
		name    string
		workers int
		end     func(*testing.T, *peer.Server, context.CancelFunc)
	}{
		{"one process, stopped", 0, stop},
		{"two workers, stopped", 2, stop},
		{"two workers, context ends", 2, func(t *testing.T, s *peer.Server, cancel context.CancelFunc) {
			cancel()
			stop(t, s, cancel)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			server, err := swift.StartObjectServer(ctx, peer.ServerConfig{
				SwiftDir: peertest.SwiftDir(t), Devices: peertest.Devices(t),
				Workers: row.workers, Log: t.Output(),
				Set: map[string]string{"replication_server": "false"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if allow := options(t, server.Addr()); !strings.Contains(allow, "PUT") || strings.Contains(allow, "SSYNC") {
				t.Errorf("a server without replication allows %q", allow)
			}
			row.end(t, server, cancel)
			if left := group(t, server.PID()); len(left) > 0 {
				t.Errorf("still running: %q", left)
			}
			if c, err := net.Dial("tcp", server.Addr()); err == nil {
				c.Close()
				t.Errorf("%s still accepts connections", server.Addr())
			}
		})
	}
}

func stop(t *testing.T, server *peer.Server, _ context.CancelFunc) {
	t.Helper()
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
}

func options(t *testing.T, addr string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Server"), "object-server/") {
		t.Errorf("OPTIONS: %s from %q", response.Status, response.Header.Get("Server"))
	}
	return response.Header.Get("Allow")
}

// group lists the command names in a process group, zombies left out: those are
// for init to collect.
func group(t *testing.T, leader int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state parent group …, and the name may hold anything.
		head, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 2 && fields[0] != "Z" && fields[2] == strconv.Itoa(leader) {
			names = append(names, head)
		}
	}
	return names
}

// Two servers on one port would share the requests between them.
func TestObjectServerRefusesAPortInUse(t *testing.T) {
	swift := peertest.Require(t)
	cfg := peer.ServerConfig{SwiftDir: peertest.SwiftDir(t), Devices: peertest.Devices(t)}
	cfg.Addr = peertest.Server(t, swift, cfg).Addr()
	second, err := swift.StartObjectServer(t.Context(), cfg)
	if err == nil {
		t.Fatalf("a second server listens on %s: %v", cfg.Addr, second.Stop())
	}
	if !strings.Contains(err.Error(), "Address already in use") {
		t.Errorf("the reason is missing: %v", err)
	}
}

// A server that dies by itself is an error of Stop, not a silence, and its
// orphaned workers go as well.
func TestStopTellsOfADeadServer(t *testing.T) {
	swift := peertest.Require(t)
	server, err := swift.StartObjectServer(t.Context(), peer.ServerConfig{
		SwiftDir: peertest.SwiftDir(t), Devices: peertest.Devices(t), Workers: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Stop of a server that was killed: %v", err)
	}
	if left := group(t, server.PID()); len(left) > 0 {
		t.Errorf("the workers survived: %q", left)
	}
}

// A configuration that Swift refuses comes back as an error with its reason.
func TestObjectServerThatCannotStart(t *testing.T) {
	swift := peertest.Require(t)
	empty := t.TempDir()
	_, err := swift.StartObjectServer(t.Context(), peer.ServerConfig{SwiftDir: empty, Devices: empty})
	if err == nil || !strings.Contains(err.Error(), empty) {
		t.Errorf("without a swift.conf: %v", err)
	}
}
