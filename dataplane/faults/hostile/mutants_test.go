package hostile_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// recording is what both sides of a session said.
type recording struct{ sender, receiver []byte }

// record lets a sender of ours push everything that sessions are made of to a node
// of ours, and writes down what both say.
func record(t *testing.T) recording {
	t.Helper()
	p := faultstest.Partition(t, storetest.Devices(t))
	faultstest.Grow(t, p, faultstest.Rand(7), "r", 1)
	node := faultstest.Start(t, faultstest.Store(t, storetest.Devices(t), nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var r recording
	var both sync.WaitGroup
	both.Go(func() {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", node.Address)
		if err != nil {
			return
		}
		defer in.Close()
		defer out.Close()
		var sent, heard bytes.Buffer
		both.Go(func() {
			io.Copy(io.MultiWriter(&sent, out), in)
			out.(*net.TCPConn).CloseWrite()
			r.sender = sent.Bytes()
		})
		io.Copy(io.MultiWriter(&heard, in), out)
		r.receiver = heard.Bytes()
		in.Close()
	})
	if result := faultstest.Push(t, p, l.Addr().String()); result.Err != nil {
		t.Fatal(result.Err)
	}
	both.Wait()
	node.Stop()
	return r
}

// words are put where they hurt.
var words = []string{
	":MISSING_CHECK: START\r\n", ":MISSING_CHECK: END\r\n", ":UPDATES: START\r\n", ":UPDATES: END\r\n", ":ERROR: 0 'x'\n", "0\r\n\r\n", "\r\n", "\x00",
	"PUT /a/c/r-0\r\n", "DELETE /a/c/r-0\r\nX-Timestamp: 1700000099.00000\r\n\r\n", "POST /../../x\r\n", "%2e%2e%2f", "../../", "%00",
	"Content-Length: 9223372036854775807\r\n", "Content-Length: -1\r\n", "X-Timestamp: 9999999999.99999\r\n", "X-Delete-At: 1\r\n", "Content-Type-Timestamp: 1\r\n",
	"ffffffffffffffff\r\n", "7fffffff\r\n", "m:-1,t:ffffff", "durable:False",
}

// mutate changes a few things in a copy of b, from an offset on.
func mutate(r *rand.Rand, b []byte, from int) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(4) {
		if len(b) <= from {
			return b
		}
		at := from + r.IntN(len(b)-from)
		if r.IntN(3) > 0 { // mostly where the lines are, not in the bodies
			at = from + r.IntN(min(len(b)-from, 4000))
		}
		n := min(1+r.IntN(1<<r.IntN(8)), len(b)-at)
		switch r.IntN(7) {
		case 0:
			b[at] ^= 1 << r.IntN(8)
		case 1:
			b = append(b[:at], b[at+n:]...)
		case 2:
			b = append(b[:at], append(bytes.Clone(b[at:at+n]), b[at:]...)...)
		case 3:
			b = append(b[:at], append([]byte(words[r.IntN(len(words))]), b[at:]...)...)
		case 4:
			other := from + r.IntN(len(b)-from)
			copy(b[at:at+n], b[other:])
		case 5:
			b[at] = "0123456789abcdef-_:%/ \r\n"[r.IntN(24)]
		case 6:
			if r.IntN(10) == 0 {
				b = b[:at]
			}
		}
	}
	return b
}

// Mutants of a recorded sender talk to a node, four at a time, half of them with a
// changed head too, while a good sender fills another device. The node neither
// crashes nor hangs, needs no memory to speak of, writes to no place but
// partitions, and publishes no body whose MD5 is not its ETag.
func TestMutantSenders(t *testing.T) {
	good := record(t)
	head := bytes.Index(good.sender, []byte("\r\n\r\n")) + 4
	count := faultstest.Count(t, 1500, 80_000)
	devices := storetest.Devices(t)
	const workers = 4
	for w := range workers {
		if err := os.Mkdir(filepath.Join(devices, fmt.Sprintf("w%d", w)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	node := faultstest.Start(t, faultstest.Store(t, devices, nil), faultstest.Impatient(10*time.Second))
	before := heap()
	var next atomic.Uint64
	var crowd sync.WaitGroup
	for w := range workers {
		from := head
		if w%2 == 1 {
			from = 0
		}
		recorded := bytes.Replace(good.sender, []byte("/d1/0"), fmt.Appendf(nil, "/w%d/0", w), 1)
		crowd.Go(func() {
			for n := next.Add(1); n <= uint64(count); n = next.Add(1) {
				ask(t, node.Address, mutate(faultstest.Rand(n), recorded, from))
			}
		})
	}
	good2 := pushUntil(t, &crowd, node.Address)
	if grown := heap() - before; grown > 256<<20 {
		t.Errorf("%d MiB of heap for %d mutants", grown>>20, count)
	} else {
		t.Logf("%d mutants, %d good sessions meanwhile, %d MiB of heap", count, good2, grown>>20)
	}
	node.Stop()
	inPartitions(t, devices)
	for w := range workers {
		device := filepath.Join(devices, fmt.Sprintf("w%d", w))
		for _, d := range faultstest.Differences(t, device, device) {
			t.Errorf("unsound: %s", d)
		}
	}
	faultstest.Sound(t, devices, nil)
}

// heap is the most that the heap ever took from the system.
func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapSys)
}

// pushUntil makes good sessions until the crowd has gone, each with objects of its
// own, and returns how many.
func pushUntil(t *testing.T, crowd *sync.WaitGroup, address string) (sessions int) {
	t.Helper()
	gone := make(chan struct{})
	go func() {
		crowd.Wait()
		close(gone)
	}()
	p := faultstest.Partition(t, storetest.Devices(t))
	r := faultstest.Rand(3)
	for ; ; sessions++ {
		select {
		case <-gone:
			return sessions
		default:
		}
		faultstest.Grow(t, p, r, fmt.Sprintf("good-%d", sessions%3), float64(sessions*10))
		if result := faultstest.Push(t, p, address); result.Err != nil || result.Proven != result.Offered {
			t.Errorf("good session %d proved %d of %d: %v", sessions, result.Proven, result.Offered, result.Err)
			<-gone
			return sessions
		}
	}
}

var inDevice = regexp.MustCompile(`^(d1|w[0-3])(/(\.lock|tmp(-2)?|objects(-2)?|objects(-2)?/(0|[1-9][0-9]*)(/.*)?|quarantined(/.*)?))?$`)

// inPartitions fails the test if anything lies elsewhere than in partitions, and
// for those whose head was good in any but their own.
func inPartitions(t *testing.T, devices string) {
	t.Helper()
	err := filepath.WalkDir(devices, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == devices {
			return err
		}
		name := strings.TrimPrefix(path, devices+"/")
		if !inDevice.MatchString(name) {
			t.Errorf("%s is there", name)
		}
		device, rest, _ := strings.Cut(name, "/")
		if (device == "w0" || device == "w2") && strings.HasPrefix(rest, "objects") && rest != "objects" && !strings.HasPrefix(rest+"/", "objects/0/") {
			t.Errorf("%s is there, outside of the session's partition", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Mutants of a recorded receiver answer a sender. Each session ends, and nothing
// happens to what the sender has: nobody can talk it into a quarantine.
func TestMutantReceivers(t *testing.T) {
	good := record(t)
	devices := storetest.Devices(t)
	p := faultstest.Partition(t, devices)
	names := faultstest.Grow(t, p, faultstest.Rand(7), "r", 1)
	states := map[string]string{}
	for _, name := range names {
		states[name] = storetest.MustState(t, p, name)
	}
	liar := startLiar(t)
	before, ends := heap(), map[string]int{}
	count := faultstest.Count(t, 500, 20_000)
	for n := range count {
		liar.say(mutate(faultstest.Rand(uint64(n)), good.receiver, 0))
		r := faultstest.Push(t, p, liar.address, faultstest.Waits(10*time.Second))
		if r.Err == nil {
			ends["well"]++
		} else {
			ends["in an error"]++
		}
	}
	if grown := heap() - before; grown > 256<<20 {
		t.Errorf("%d MiB of heap", grown>>20)
	}
	for _, name := range names {
		if now := storetest.MustState(t, p, name); now != states[name] {
			t.Errorf("%s became %s", states[name], now)
		}
	}
	faultstest.Sound(t, devices, nil)
	t.Logf("%d sessions ended %v", count, ends)
}
