package interop_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/recon"
	"github.com/ringsync/ringsync/dataplane/stats"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// seenNode is a node of ours with everything that can be seen.
func seenNode(r *rig, devices, cache string, statsd stats.StatsdConfig) string {
	answers, err := recon.New(recon.Config{Devices: devices, SwiftDir: r.swiftDir, CachePath: cache, Policies: r.cluster.Policies, Version: "ringsync 1"})
	must(r.t, err)
	counted, err := stats.New(stats.Config{Devices: devices, Cluster: r.cluster, Statsd: statsd})
	must(r.t, err)
	r.t.Cleanup(counted.Close)
	return nodeWith(r, devices, func(c *dataplane.Config) { c.Recon, c.Stats = answers, counted })
}

// swift-recon finds in our node what it finds in Swift's.
func TestSwiftRecon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	devices, cache := reconNode(t, r)
	address := seenNode(r, devices, cache, stats.StatsdConfig{})
	report, err := r.swift.ReconReport(context.Background(), r.swiftDir, address,
		"--async", "--replication", "--reconstruction", "--auditor", "--updater", "--expirer", "--unmounted", "--diskusage", "--loadstats", "--quarantined",
		"--md5", "--sockstat", "--driveaudit", "--time", "--jitter=60", "--swift-versions")
	must(t, err)
	for _, line := range []string{
		"[async_pending] low: 7, high: 7",
		"[replication_attempted] low: 3, high: 3",
		"[5m_load_avg] low: ",
		"Not mounted: a b on " + address,
		"[quarantined_objects] low: 3, high: 3",
		"1/1 hosts matched, 0 error[s] while checking hosts.",
		"[tcp_in_use] low: ",
		"1/1 hosts matched, 0 error[s] while checking hosts",
		"Versions matched (ringsync 1), 0 error[s] while checking hosts.",
		"Disk usage: space used: ",
	} {
		if !strings.Contains(report, line) {
			t.Errorf("%q is missing", line)
		}
	}
	if strings.Contains(report, "HTTP Error") || t.Failed() {
		t.Errorf("swift-recon says:\n%s", report)
	}
}

// statsd is told the same names and rates by our node as by Swift's object
// server, for a session, digests, options and a device that is not there. Swift
// also tells how fast a device wrote, which we do not; and a lone object is put
// through the same verbs.
func TestStatsdNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	from := disk(t)
	s := r.store(from)
	d, err := s.Device(device)
	must(t, err)
	p := d.Partition(r.cluster.Policies[0], 3)
	must(t, storetest.Put(p, "/a/c/o", storetest.Time(1), []byte("abc")))
	d.Close()

	names := func(start func(port int) string) []string {
		statsd, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		must(t, err)
		defer statsd.Close()
		address := start(statsd.LocalAddr().(*net.UDPAddr).Port)
		if got := ourPush(r, from, address); got.err != nil || got.wanted != 1 {
			t.Fatalf("%+v", got)
		}
		lines := linesOf(t, statsd, "SSYNC.timing")
		call(t, "OPTIONS", address, "/")
		call(t, "REPLICATE", address, "/d1/3")
		call(t, "REPLICATE", address, "/d1") // 400, and nobody is told
		call(t, "SSYNC", address, "/d1")
		call(t, "BREW", address, "/")
		call(t, "REPLICATE", address, "/gone/3")
		lines = append(lines, linesOf(t, statsd, "REPLICATE.errors")...)
		slices.Sort(lines)
		return slices.Compact(lines)
	}
	mark := regexp.MustCompile(`^swift_node\.object-server\.`)
	ours := names(func(port int) string {
		return seenNode(r, disk(t), t.TempDir(), stats.StatsdConfig{Host: "127.0.0.1", Port: port, MetricPrefix: "swift_node", SampleRateFactor: 10})
	})
	theirs := names(func(port int) string {
		return peertest.Server(t, r.swift, peer.ServerConfig{SwiftDir: r.swiftDir, Devices: disk(t), Set: map[string]string{
			"log_statsd_host": "127.0.0.1", "log_statsd_port": strconv.Itoa(port), "log_statsd_metric_prefix": "swift_node", "log_statsd_sample_rate_factor": "10",
		}}).Addr()
	})
	theirs = slices.DeleteFunc(theirs, func(line string) bool { return strings.Contains(line, "PUT.d1.timing") })
	if diff := cmp.Diff(theirs, ours); diff != "" || len(ours) < 5 || !mark.MatchString(ours[0]) {
		t.Errorf("Swift's, and ours:\n%s\n%q", diff, ours)
	}
}

// linesOf reads what statsd is told until a line of the last request has come,
// and returns names and types.
func linesOf(t *testing.T, statsd *net.UDPConn, last string) (lines []string) {
	t.Helper()
	value := regexp.MustCompile(`:[0-9.e+-]+\|`)
	buf := make([]byte, 1<<10)
	statsd.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		n, err := statsd.Read(buf)
		if err != nil {
			t.Fatalf("%v, after %q", err, lines)
		}
		lines = append(lines, value.ReplaceAllString(string(buf[:n]), ":N|"))
		if strings.Contains(lines[len(lines)-1], last) {
			return lines
		}
	}
}

// call makes a request and waits until the server has hung up: by then it has told
// statsd.
func call(t *testing.T, method, address, path string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", method, path)
	must(t, err)
	_, err = io.Copy(io.Discard, conn)
	must(t, err)
}
