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

	"golang.org/x/sys/unix"

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

// lending is a file that lends its descriptor.
type lending struct{ *os.File }

func (f lending) StartRead(int, int64) (int, error)       { return int(f.Fd()), nil }
func (f lending) EndRead(_ int, _ int64, err error) error { return err }

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

// A warm file of 64 MiB to a peer that drops it.
func BenchmarkSend(b *testing.B) {
	for _, row := range []struct {
		engine engine.Name
		name   string
		chunk  int
		digest hash.Hash
	}{
		{engine.Portable, "1 MiB chunks", mib, nil},
		{engine.Sendfile, "1 MiB chunks", mib, nil},
		{engine.Portable, "64 KiB chunks", 64 << 10, nil},
		{engine.Sendfile, "64 KiB chunks", 64 << 10, nil},
		{engine.Portable, "1 MiB chunks, md5", mib, md5.New()},
	} {
		b.Run(string(row.engine)+"/"+row.name, func(b *testing.B) {
			file := lending{benchFile(b, bodyBytes)}
			pool, conn := benchPool(b), connect(b, "drop")
			e := benchEngine(b, row.engine, pool)
			out, err := engine.NewOutbound(context.Background(), conn, engine.OutConfig{Pool: pool, ChunkBytes: row.chunk, Engine: e})
			if err != nil {
				b.Fatal(err)
			}
			defer out.Close()
			b.SetBytes(bodyBytes)
			b.ReportAllocs()
			defer cost(b)()
			for b.Loop() {
				if _, err := out.Body(file, 0, bodyBytes, row.digest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// past is a file past the page cache, as the store writes it.
type past struct {
	by, direct *os.File
	sized      bool
}

func (p *past) Direct() bool { return true }
func (p *past) StartWrite(b []byte, _ int64) (fd, n int, err error) {
	if !p.sized {
		p.sized = true
		err = p.by.Truncate(bodyBytes)
	}
	return int(p.direct.Fd()), len(b) &^ 4095, err
}
func (p *past) EndWrite(_ []byte, _ int64, err error) error { return err }
func (p *past) WriteAt(b []byte, off int64) (int, error)    { return p.direct.WriteAt(b, off) }

// benchPast is such a file, new for each body as a store's is.
func benchPast(b *testing.B, path string) *past {
	b.Helper()
	by, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := unix.Fallocate(int(by.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, bodyBytes); err != nil {
		b.Fatal(err)
	}
	direct, err := os.OpenFile(path, os.O_WRONLY|unix.O_DIRECT, 0)
	if err != nil {
		b.Skip(err)
	}
	return &past{by: by, direct: direct}
}

func (p *past) close() { p.by.Close(); p.direct.Close(); os.Remove(p.by.Name()) }

// 64 MiB from a peer that sends as fast as it can, into new files past the page
// cache.
func BenchmarkLand(b *testing.B) {
	for _, peer := range []string{"1048576", "65536"} {
		for _, name := range []engine.Name{engine.Portable, engine.Uring} {
			for _, digest := range []hash.Hash{nil, md5.New()} {
				b.Run(fmt.Sprintf("%s/chunks of %s/md5 %v", name, peer, digest != nil), func(b *testing.B) {
					pool, conn := benchPool(b), connect(b, peer)
					e := benchEngine(b, name, pool)
					in, err := engine.NewInbound(context.Background(), conn, engine.InConfig{Pool: pool, Chunked: true, Engine: e})
					if err != nil {
						b.Fatal(err)
					}
					defer in.Close()
					path := filepath.Join(b.TempDir(), "body")
					b.SetBytes(bodyBytes)
					b.ReportAllocs()
					defer cost(b)()
					for b.Loop() {
						p := benchPast(b, path)
						if _, err := in.Body(context.Background(), bodyBytes, p, digest); err != nil {
							b.Fatal(err)
						}
						p.close()
					}
				})
			}
		}
	}
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
