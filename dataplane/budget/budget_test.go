package budget

import (
	"bytes"
	"context"
	"net"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/proto"
)

func line(t *testing.T, b Budget, what string) Line {
	t.Helper()
	for _, l := range b.Lines {
		if l.What == what {
			return l
		}
	}
	t.Fatalf("no line %q in %v", what, b)
	return Line{}
}

// The sum follows the configuration: what is doubled there is doubled here, and
// sessions are as many as the devices, their limit, and the clients let in.
func TestSum(t *testing.T) {
	base := Of(Config{Devices: 3})
	if got := line(t, base, "wanted lists of sessions").Count; got != 3 {
		t.Errorf("%d sessions on 3 devices", got)
	}
	for _, row := range []struct {
		cfg  Config
		what string
		want int64
	}{
		{Config{Buffers: 128}, "buffers for bodies", 128 * (1<<20 + int64(os.Getpagesize()))},
		{Config{Lanes: 8}, "lanes", 8 * engine.LaneBytes()},
		{Config{Lanes: 8, NoRings: true}, "lanes", 0},
		{Config{Clients: 7}, "text of sessions", 7 * engine.TextBytes},
		{Config{Devices: 10, PerDevice: 2, Sessions: 5}, "wanted lists of sessions", 5 * ssync.WantedBytes},
		{Config{Devices: 10, PerDevice: -1, Clients: 6}, "groups of sessions", 6 * 256 * ssync.SubrequestBytes},
		{Config{Devices: 1, Group: 10}, "groups of sessions", 10 * ssync.SubrequestBytes},
	} {
		if got := line(t, Of(row.cfg), row.what).Bytes(); got != row.want {
			t.Errorf("%+v: %s come to %d, want %d", row.cfg, row.what, got, row.want)
		}
	}
	var sum int64
	for _, l := range base.Lines {
		sum += l.Bytes()
	}
	if base.Most != sum || !strings.HasPrefix(base.String(), "at most "+strconv.FormatInt(mib(sum), 10)+" MiB: buffers for bodies 65 MiB, lanes ") {
		t.Errorf("%d, want %d: %s", base.Most, sum, base)
	}
}

// What is allocated is what the lines say: a pool that is used up, by the pages that
// the process has more; text buffers, by the heap; the rest by the sizes of types.
func TestAllocated(t *testing.T) {
	const buffers, streams = 48, 400
	b := Of(Config{Buffers: buffers, Clients: streams})
	pool, err := buffer.New(buffer.Config{Count: buffers})
	if err != nil {
		t.Fatal(err)
	}
	before := resident(t)
	var out []*buffer.Buffer
	for range buffers {
		one := pool.TryGet()
		for at := 0; at < len(one.Bytes()); at += os.Getpagesize() {
			one.Bytes()[at] = 1
		}
		out = append(out, one)
	}
	if pool.TryGet() != nil {
		t.Error("the pool has more than it was told")
	}
	near(t, "buffers for bodies", resident(t)-before, line(t, b, "buffers for bodies").Bytes())

	conn, far := net.Pipe()
	defer conn.Close()
	defer far.Close()
	heap := inUse()
	var in []*engine.Inbound
	for range streams {
		one, err := engine.NewInbound(context.Background(), conn, engine.InConfig{Pool: pool, Chunked: true})
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, one)
	}
	near(t, "text of sessions", inUse()-heap, line(t, b, "text of sessions").Bytes())
	for _, one := range out {
		one.Release()
	}
	runtime.KeepAlive(in)

	if got := int64(reflect.TypeFor[proto.Wanted]().Size()); got*(ssync.WantedBytes/2/18) > 64<<20 {
		t.Errorf("what is wanted of an object takes %d bytes, and the ceiling is reckoned with 18", got)
	}
}

// A chunk with a sum is taken as a whole: a session's text buffer grows to it, and no
// further.
func TestSummed(t *testing.T) {
	const streams = 24
	pool, err := buffer.New(buffer.Config{Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	chunk := engine.AppendChunk(nil, bytes.Repeat([]byte("a line\r\n"), 1<<17), true)
	heap := inUse()
	var in []*engine.Inbound
	for range streams {
		conn, far := net.Pipe()
		defer conn.Close()
		defer far.Close()
		go far.Write(chunk)
		one, err := engine.NewInbound(context.Background(), conn, engine.InConfig{Pool: pool, Chunked: true, Sums: true})
		if err != nil {
			t.Fatal(err)
		}
		if line, err := one.Line(); err != nil || string(line) != "a line" {
			t.Fatalf("%q, %v", line, err)
		}
		in = append(in, one)
	}
	b := Of(Config{Devices: streams, Clients: streams})
	near(t, "chunks with sums", inUse()-heap, line(t, b, "chunks with sums").Bytes())
	runtime.KeepAlive(in)
	runtime.KeepAlive(chunk)
}

// near: within a sixth, and a MiB that the test itself takes.
func near(t *testing.T, what string, got, want int64) {
	t.Helper()
	t.Logf("%s: %d, the sum says %d", what, got, want)
	if slack := want/6 + 1<<20; got < want-slack || got > want+slack {
		t.Errorf("%s take %d, the sum says %d", what, got, want)
	}
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// resident is what the process has in memory.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
