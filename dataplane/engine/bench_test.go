package engine_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

const (
	mib       = 1 << 20
	bodyBytes = 64 * mib
	// peerEnv makes the test binary the other end of a benchmark. A peer in a
	// process of its own leaves the figures to the side that is measured.
	peerEnv = "RINGSYNC_ENGINE_BENCH_PEER"
)

func TestMain(m *testing.M) {
	restrict()
	if role, addr, ok := strings.Cut(os.Getenv(peerEnv), " "); ok {
		if err := playPeer(role, addr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// playPeer drops what it receives, or sends 1 MiB chunks, or 64 KiB chunks as
// Swift does, until the other side hangs up.
func playPeer(role, addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if role == "drop" {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, mib))
		return err
	}
	var size int
	if _, err := fmt.Sscan(role, &size); err != nil {
		return err
	}
	chunk := fmt.Appendf(nil, "%x\r\n%s\r\n", size, make([]byte, size))
	for err == nil {
		_, err = conn.Write(chunk)
	}
	return nil
}

// connect starts a peer process and returns the connection to it.
func connect(b *testing.B, role string) net.Conn {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), peerEnv+"="+role+" "+l.Addr().String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("peer: %v", err)
		}
	})
	return conn
}

func benchPool(b *testing.B) *buffer.Pool {
	b.Helper()
	pool, err := buffer.New(buffer.Config{Count: 8})
	if err != nil {
		b.Fatal(err)
	}
	return pool
}

func benchFile(b *testing.B, n int) *os.File {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "body"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err := f.Write(make([]byte, n)); err != nil {
		b.Fatal(err)
	}
	return f
}

// cost reports the processor time a GiB, and the write and read calls a MiB,
// of this process since it was called.
func cost(b *testing.B) (report func()) {
	cpu, reads, writes := usage()
	return func() {
		b.StopTimer()
		total := float64(b.N) * bodyBytes
		c, r, w := usage()
		b.ReportMetric((c-cpu)/total*(1<<30), "cpu-s/GiB")
		b.ReportMetric(float64(r-reads)/total*mib, "reads/MiB")
		b.ReportMetric(float64(w-writes)/total*mib, "writes/MiB")
	}
}

// usage reads processor seconds, and read and write calls where the system
// counts them.
func usage() (cpu float64, reads, writes int64) {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err == nil {
		cpu = float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
	}
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return cpu, 0, 0
	}
	for line := range strings.Lines(string(io)) {
		_, _ = fmt.Sscanf(line, "syscr: %d", &reads)
		_, _ = fmt.Sscanf(line, "syscw: %d", &writes)
	}
	return cpu, reads, writes
}

func benchEngine(b *testing.B, name engine.Name, pool *buffer.Pool) *engine.Engine {
	b.Helper()
	e, err := engine.New(engine.Config{Name: string(name), Pool: pool})
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return e
}

// nowhere is a sink that costs nothing.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// 64 MiB from a peer that sends as fast as it can, into a file or nowhere.
func BenchmarkReceive(b *testing.B) {
	for _, row := range []struct {
		name   string
		peer   string
		digest hash.Hash
		file   bool
	}{
		{"1 MiB chunks, nowhere", "1048576", nil, false},
		{"1 MiB chunks, file", "1048576", nil, true},
		{"1 MiB chunks, file, md5", "1048576", md5.New(), true},
		{"64 KiB chunks, nowhere", "65536", nil, false},
		{"64 KiB chunks, file, md5", "65536", md5.New(), true},
	} {
		b.Run(row.name, func(b *testing.B) {
			var sink engine.Sink = nowhere{}
			if row.file {
				sink = benchFile(b, bodyBytes)
			}
			pool, conn := benchPool(b), connect(b, row.peer)
			in, err := engine.NewInbound(context.Background(), conn, engine.InConfig{Pool: pool, Chunked: true})
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			b.SetBytes(bodyBytes)
			b.ReportAllocs()
			defer cost(b)()
			for b.Loop() {
				if _, err := in.Body(context.Background(), bodyBytes, sink, row.digest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
