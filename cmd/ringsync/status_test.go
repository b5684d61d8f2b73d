package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/cmd/internal/admin"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/replicator"
)

// daemonSaying answers /status on a socket, by what say gives each time.
func daemonSaying(t *testing.T, say func() []byte) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "status") // a short path: the kernel takes no long one
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, admin.SocketName)
	l, err := admin.Listen(t.Context(), admin.Address{Network: "unix", Text: socket})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { w.Write(say()) })
	server := &http.Server{Handler: mux}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-served; os.RemoveAll(dir) })
	return socket
}

// busy is a status with something of everything.
func busy() *admin.Status {
	now := time.Unix(1_700_000_000, 0).UTC()
	policy, partition, seconds := 1, uint32(77), 90.0
	work := replicator.Work{Partitions: 10, Done: 4, Failed: 1, Left: 6, Sessions: 1, Objects: 12, Bytes: 3_000_000, LeftSecs: &seconds, Rate: replicator.Rate{Objects: 2, Bytes: 500_000, Over: 10}}
	return &admin.Status{
		Version: "v1", PID: 42, Started: now.Add(-time.Hour), At: now,
		Receiving: dataplane.Receiving{Clients: 3, MaxClients: 1024, Devices: map[string]int{"d1": 2}, DeviceMost: 128},
		Replicator: &replicator.Status{
			At: now, Pass: replicator.PassStatus{Phase: replicator.PassWorking, Number: 7, Since: now.Add(-time.Minute), Places: 4, Working: 2, Work: work},
			Waits: []replicator.Wait{{Reason: replicator.WaitRing, Policy: &policy, Text: "next_part_power"}},
			Devices: []replicator.DeviceStatus{{Device: "d1", InHand: 1, Work: work, Waits: []replicator.Wait{
				{Reason: replicator.WaitPeerLimit, Partitions: 1}, {Reason: replicator.WaitPeerLimit, Partitions: 1}}}},
			Peers:      []replicator.PeerStatus{{Peer: "10.0.0.2:6200/d2", Work: work, Waits: []replicator.Wait{{Reason: "unreachable", Until: now.Add(20 * time.Second), Text: "refused\x1b[2J"}}}},
			Jobs:       []replicator.JobStatus{{Device: "d1", Partition: 5, Kind: "update", Phase: replicator.PhaseSending, Peer: "10.0.0.2:6200/d2", Since: now, Began: now}},
			Stuck:      []replicator.Stuck{{Device: "d1", Policy: &policy, Partition: &partition, Kind: "revert", Trouble: replicator.Trouble{Reason: "unreachable", Text: "refused", Peer: "10.0.0.2:6200/d2"}, Since: now.Add(-time.Hour), Passes: 9, Hint: "look", Command: "curl 'http://10.0.0.2:6200/healthcheck'"}},
			StuckInAll: 5, StuckUnseen: 2,
		},
	}
}

func encoded(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A terminal is told everything, and nothing that could do it harm; --json passes on
// what the daemon says.
func TestStatus(t *testing.T) {
	answer := encoded(t, busy())
	socket := daemonSaying(t, func() []byte { return answer })
	out, err := execute(t, "status", "--admin", socket)
	for _, want := range []string{
		"pid 42, up 1h0m0s", "3 of 1024 connections, 2 at d1 of 128 at each", "7, working since 1m0s", "4 of 10 partitions, 1 failed, 6 left, time left 1m30s",
		"policy 1: ring: next_part_power", "peer_limit (2)", "2.0 objects/s, 0.5 MB/s", `unreachable, another 20s: refused\x1b[2J`, "sending",
		"device d1 policy 1 partition 77 (revert) to 10.0.0.2:6200/d2, in 9 passes, since 1h0m0s: unreachable", "look: curl 'http://10.0.0.2:6200/healthcheck'", "and 4 more do not advance", "2 more failed",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: no %q in\n%s", err, want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	out, err = execute(t, "status", "--admin", socket, "--json")
	if err != nil || strings.TrimSpace(out) != string(answer) {
		t.Errorf("%v: %s", err, out)
	}
}

// Without --replicate it says so. Where nobody answers, or something that is no
// status comes, that is an error.
func TestStatusErrors(t *testing.T) {
	s := busy()
	s.Replicator = nil
	answer := encoded(t, s)
	socket := daemonSaying(t, func() []byte { return answer })
	if out, err := execute(t, "status", "--admin", socket); err != nil || !strings.Contains(out, "runs without --replicate") || !strings.Contains(out, "2 at d1") {
		t.Errorf("%v: %s", err, out)
	}
	for _, bad := range []string{"", "null", "{}", "[]", `{"pid":1}`, `{"pid":"1"}`, string(answer) + "{}", string(answer[:len(answer)-1])} {
		answer = []byte(bad)
		for _, flag := range []string{"--json", "--json=false"} {
			if out, err := execute(t, "status", "--admin", socket, flag); err == nil || out != "" {
				t.Errorf("%.40q: %v, %q", bad, err, out)
			}
		}
	}
	for where, want := range map[string]string{filepath.Join(t.TempDir(), "none.sock"): "no ringsyncd answers at", "none": "nowhere", "10.0.0.1:1": "loopback"} {
		if _, err := execute(t, "status", "--admin", where); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// --watch looks again and again until it is stopped; where there is no terminal it
// draws nothing over.
func TestStatusWatch(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	s, looks := busy(), 0
	socket := daemonSaying(t, func() []byte {
		if looks++; looks == 3 {
			stop()
		}
		s.PID = 100 + looks
		return encoded(t, s)
	})
	var out bytes.Buffer
	o := statusOptions{admin: socket, watch: true, every: time.Millisecond}
	err := o.run(ctx, &out)
	if err != nil || !strings.Contains(out.String(), "pid 101,") || !strings.Contains(out.String(), "pid 102,") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v: %s", err, out.String())
	}
}
