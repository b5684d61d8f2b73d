package load_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
)

const (
	crowdSize = 1000
	// memoryBound is what a daemon of default settings needs at the most while that
	// crowd is there: a fifth of it hold a head of 64 KiB, in twice of that as it grew,
	// and 128, for whom a device has room, two text buffers of 64 KiB: 41 MiB. The
	// collector lets a heap grow to twice of what is used. 64 MiB are the buffers for
	// bodies, 32 MiB the program and all that has not to do with the crowd.
	memoryBound = (2*41 + 64 + 32) << 20
	// goroutineBound: one for a connection, eight for one of the 128 sessions that a
	// device has room for (check, commits, bodies, the context's), some for the rest.
	goroutineBound = crowdSize + 128*8 + 100
	// descriptorBound: one for a connection, five for a session (device, locks,
	// object), some for logs, rings and the mounts.
	descriptorBound = crowdSize + 128*5 + 100
)

// Within a limit of memory that the kernel keeps, a daemon has a thousand
// connections that are idle, slow, half-open, half-closed, or sessions in which
// nothing is said any more, and serves good sessions on another device meanwhile. Its
// memory, descriptors and goroutines stay within their bounds, and all of the latter
// are given back when the crowd has gone.
func TestWithinLimits(t *testing.T) {
	needDescriptors(t, 2*crowdSize)
	h := faultstest.Build(t)
	if err := os.Mkdir(filepath.Join(h.To, "d2"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.Cgroup = faultstest.Limit(t, memoryBound)
	d := h.Start("--metrics-listen=127.0.0.1:0")
	m := &meter{t: t, pid: d.Cmd.Process.Pid, metrics: metricsOf(t, d)}
	atRest := m.descriptors()

	var crowd sync.WaitGroup
	stop, came := make(chan struct{}), make(chan struct{}, crowdSize)
	for i := range crowdSize {
		crowd.Go(func() { pester(d.Address, i, stop, came) })
	}
	for range crowdSize {
		<-came
	}
	here := faultstest.Partition(t, h.From)
	var slowest time.Duration
	for i := range faultstest.Count(t, 10, 200) {
		faultstest.Grow(t, here, faultstest.Rand(uint64(i)), "o", float64(i*10))
		began := time.Now()
		r := faultstest.PushTo(t, here, d.Address, "d2")
		slowest = max(slowest, time.Since(began))
		if r.Err != nil || r.Proven != r.Offered {
			t.Fatalf("session %d: %d of %d proven: %v\n%.2000s", i, r.Proven, r.Offered, r.Err, d.Log())
		}
		m.look()
	}
	close(stop)
	crowd.Wait()
	for until := time.Now().Add(2 * time.Minute); m.descriptors() > atRest+8; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d descriptors before the crowd, %d after it", atRest, m.descriptors())
		}
	}
	resident := m.resident()
	t.Logf("%d connections: %d descriptors, %d goroutines, %d MiB resident at the most, %d MiB counted by the cgroup; the slowest good session took %v",
		crowdSize, m.mostDescriptors, m.mostGoroutines, resident>>20, h.Cgroup.Peak()>>20, slowest.Round(time.Millisecond))
	if resident > memoryBound || m.mostDescriptors > descriptorBound || m.mostGoroutines > goroutineBound {
		t.Errorf("the bounds are %d MiB, %d descriptors, %d goroutines", memoryBound>>20, descriptorBound, goroutineBound)
	}
}

// pester keeps a connection of one kind, and makes it anew when it was sent away.
func pester(address string, i int, stop <-chan struct{}, came chan<- struct{}) {
	for first := true; ; first = false {
		conn, err := net.Dial("tcp", address)
		if first {
			came <- struct{}{}
		}
		if err == nil {
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				io.Copy(io.Discard, conn)
			}()
			switch i % 5 {
			case 1: // a head that does not end
				fmt.Fprint(conn, "SSYNC /d1/0 HTTP/1.1\r\nX: ", strings.Repeat("x", 60_000))
			case 2: // one that ends in some hours
				fmt.Fprint(conn, "SSYNC /d1/0 HTTP/1.1\r\nX: ")
			case 3: // a session that goes to sleep
				fmt.Fprintf(conn, "SSYNC /d1/%d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n18\r\n:MISSING_CHECK: START\r\n\r\n", i)
			case 4: // half of a head, and nothing more to come
				fmt.Fprint(conn, "SSYNC /d1/0 HTTP/1.1\r\n")
				conn.(*net.TCPConn).CloseWrite()
			}
			dribble(conn, i%5 == 2, gone, stop)
			conn.Close()
			<-gone
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
		}
	}
}

// meter tells what a daemon has.
type meter struct {
	t                               *testing.T
	pid                             int
	metrics                         string
	mostDescriptors, mostGoroutines int
}

var metricsOn = regexp.MustCompile(`metrics on (127\.0\.0\.1:[0-9]+)`)

func metricsOf(t *testing.T, d *faultstest.Daemon) string {
	t.Helper()
	found := metricsOn.FindStringSubmatch(d.Log())
	if found == nil {
		t.Fatalf("no metrics: %s", d.Log())
	}
	return "http://" + found[1] + "/metrics"
}

func (m *meter) look() {
	m.mostDescriptors = max(m.mostDescriptors, m.descriptors())
	m.mostGoroutines = max(m.mostGoroutines, m.goroutines())
}

func (m *meter) descriptors() int {
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.pid))
	if err != nil {
		m.t.Fatal(err)
	}
	return len(names)
}

var goroutinesAre = regexp.MustCompile(`(?m)^ringsync_goroutines ([0-9]+)$`)

func (m *meter) goroutines() int {
	m.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(m.metrics)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	found := goroutinesAre.FindSubmatch(text)
	if err != nil || found == nil {
		m.t.Fatalf("%v: %s", err, text)
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// resident is the most bytes that it ever had in memory at once.
func (m *meter) resident() int64 {
	m.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid))
	if err != nil {
		m.t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); !found || err != nil {
		m.t.Fatalf("%s", text)
	}
	return kib << 10
}
