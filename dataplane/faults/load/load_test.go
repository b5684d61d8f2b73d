package load_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A thousand connections say nothing, half a head, or one byte at a time, and more
// come all the while, four times as many as the node serves at once. Good sessions
// pass meanwhile, and no descriptor or goroutine is left of the others.
func TestIdleConnections(t *testing.T) {
	const clients, idle = 250, 1000
	needDescriptors(t, 3*idle)
	from, to := storetest.Devices(t), storetest.Devices(t)
	here := faultstest.Partition(t, from)
	before := len(storetest.Descriptors(t))
	node := faultstest.Start(t, faultstest.Store(t, to, nil), func(c *dataplane.Config) { c.MaxClients, c.HeadTimeout = clients, time.Minute })

	var crowd sync.WaitGroup
	stop := make(chan struct{})
	full := make(chan struct{}, idle)
	for i := range idle {
		crowd.Go(func() { loiter(node.Address, i, stop, full) })
	}
	for range idle {
		<-full
	}
	for i := range 20 {
		faultstest.Grow(t, here, faultstest.Rand(uint64(i)), "o", float64(i*10))
		if r := faultstest.Push(t, here, node.Address); r.Err != nil || r.Proven != r.Offered {
			t.Errorf("session %d: %d of %d proven: %v", i, r.Proven, r.Offered, r.Err)
		}
	}
	if n := runtime.NumGoroutine(); n > 3*idle+clients+100 {
		t.Errorf("%d goroutines", n)
	}
	close(stop)
	crowd.Wait()
	node.Stop()
	if after := len(storetest.Descriptors(t)); after > before+2 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	faultstest.Same(t, from, to)
}

// loiter connects, again a second after it was sent away, until stop: a thousand a
// second, so that who is turned away has been silent for some 250 ms. Who can connect
// faster than a sender's head takes to arrive is for --allow-peers.
func loiter(address string, i int, stop <-chan struct{}, connected chan<- struct{}) {
	for first := true; ; first = false {
		conn, err := net.Dial("tcp", address)
		if first {
			connected <- struct{}{}
		}
		if err == nil {
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				conn.Read(make([]byte, 1))
			}()
			if i%3 > 0 {
				fmt.Fprint(conn, "SSYNC /d1/0 HTTP/1.1\r\nX: ")
			}
			dribble(conn, i%3 == 2, gone, stop)
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

// dribble keeps a connection, with or without a byte now and then.
func dribble(conn net.Conn, bytes bool, gone, stop <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-stop:
			return
		case <-tick.C:
			if bytes {
				conn.Write([]byte("x"))
			}
		}
	}
}

func needDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < n {
		t.Skipf("needs %d descriptors, and %d are allowed (ulimit -n)", n, limit.Cur)
	}
}

// All places are served and all others wait for one: the next is told so, in time.
func TestMaxClients(t *testing.T) {
	devices := storetest.Devices(t)
	node := faultstest.Start(t, faultstest.Store(t, devices, nil), func(c *dataplane.Config) { c.MaxClients, c.HeadTimeout = 2, 300*time.Millisecond })
	var talks []*faultstest.Talk
	for _, partition := range []string{"/d1/0", "/d1/1"} { // both are being served: the second waits for the device
		conn, err := net.Dial("tcp", node.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "SSYNC %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", partition)
		if _, err := conn.Read(make([]byte, 12)); err != nil {
			t.Fatal(err)
		}
	}
	talks = append(talks, faultstest.Call(t, node.Address, "d1"), faultstest.Call(t, node.Address, "d1"))
	for _, talk := range talks {
		if said := talk.Hear("max_clients"); !strings.Contains(said, " 503 ") {
			t.Errorf("%q", said)
		}
	}
}

// A partition of many objects is pushed within the memory that the sums in the code
// say: 40 bytes an offer at the sender, up to 100,000 of them in a session, and 18
// a wanted hash at the receiver, beside what both need anyway.
func TestManyObjects(t *testing.T) {
	count := faultstest.Count(t, 10_000, 1_000_000)
	from, to := storetest.Devices(t), storetest.Devices(t)
	needInodes(t, from, count)
	needInodes(t, to, count)
	here := faultstest.Partition(t, from)
	bury(t, here, count)
	node := faultstest.Start(t, faultstest.Store(t, to, nil))
	before, done := heapInUse(), make(chan struct{})
	most := make(chan uint64)
	go watch(done, most)
	for pass, wanted := range []int{count, 0} {
		r := faultstest.Push(t, here, node.Address)
		if r.Err != nil || r.Proven != count || r.Sent != wanted {
			t.Errorf("pass %d: %d of %d proven, %d sent: %v", pass, r.Proven, count, r.Sent, r.Err)
		}
	}
	close(done)
	const perSession, anyway = 100_000 * (40 + 18 + 40), 64 << 20 // and 40 for the offers of a suffix while they are listed
	if peak := <-most; peak > before+2*perSession+anyway {        // twice: what the collector has not come to yet
		t.Errorf("%d MiB of heap, %d before", peak>>20, before>>20)
	} else {
		t.Logf("%d objects, %d MiB of heap at the most, %d before", count, peak>>20, before>>20)
	}
	node.Stop()
}

// needInodes gives d1 a file system of its own where the one below has too few inodes
// for so many objects, a file and a directory each, on both sides: a tmpfs has one
// for two pages of the machine's memory.
func needInodes(t *testing.T, devices string, count int) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(devices, &st); err != nil {
		t.Fatal(err)
	}
	if st.Files == 0 || st.Ffree > 5*uint64(count) {
		return
	}
	d1 := filepath.Join(devices, "d1")
	if err := unix.Mount("ringsync-test", d1, "tmpfs", 0, "nr_inodes=0,size=80%"); err != nil {
		t.Skipf("%d inodes are left in %s, too few for %d objects, and a tmpfs without a limit can't be mounted: %v", st.Ffree, devices, count, err)
	}
	t.Cleanup(func() { unix.Unmount(d1, unix.MNT_DETACH) })
}

// bury makes tombstones, in groups.
func bury(t *testing.T, p *store.Partition, count int) {
	t.Helper()
	for first := 0; first < count; first += 256 {
		var group []*store.Writer
		for i := first; i < min(first+256, count); i++ {
			name := fmt.Sprintf("/a/c/%07d", i)
			w, err := p.Delete(storetest.Hash(name), name, storetest.Time(1))
			if err != nil {
				t.Fatal(err)
			}
			group = append(group, w)
		}
		for _, err := range p.Commit(context.Background(), group) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// watch samples the heap until done.
func watch(done <-chan struct{}, most chan<- uint64) {
	var peak uint64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			most <- peak
			return
		case <-tick.C:
			peak = max(peak, heapInUse())
		}
	}
}

// An object of exactly max_file_size is stored, one of a byte more refused, and the
// session goes on behind it.
func TestMaxFileSize(t *testing.T) {
	const limit = 100_000
	from, to := storetest.Devices(t), storetest.Devices(t)
	cluster, err := hashes.ParseSwiftConf(fmt.Appendf([]byte(storetest.SwiftConf), "[swift-constraints]\nmax_file_size = %d\n", limit))
	if err != nil {
		t.Fatal(err)
	}
	here, there := faultstest.Partition(t, from), faultstest.Partition(t, to)
	for name, size := range map[string]int{"/a/c/exact": limit, "/a/c/more": limit + 1, "/a/c/small": 3} {
		if err := storetest.Put(here, name, storetest.Time(1), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	s := storetest.New(t, func(c *store.Config) { c.Devices, c.Cluster = to, cluster })
	node := faultstest.Start(t, s)
	if r := faultstest.Push(t, here, node.Address); r.Err == nil || r.Proven != 2 || r.Failed != 1 {
		t.Errorf("%d proven, %d failed, %v", r.Proven, r.Failed, r.Err)
	}
	node.Stop()
	for name, want := range map[string]string{"/a/c/exact": "data", "/a/c/more": "nothing", "/a/c/small": "data"} {
		if state := storetest.MustState(t, there, name); !strings.HasPrefix(state, want) {
			t.Errorf("%s: %s", name, state)
		}
	}
}
