//go:build linux

package uring

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	benchBody  = 64 << 20
	benchChunk = 1 << 20
)

// drain is a socket whose other end a process of its own reads and drops.
func drain(b *testing.B) int {
	b.Helper()
	near, far := tcp(b)
	fd, err := unix.Dup(far)
	must(b, err)
	end := os.NewFile(uintptr(fd), "far")
	cmd := exec.Command("sh", "-c", "exec cat > /dev/null")
	cmd.Stdin = end
	must(b, cmd.Start())
	end.Close()
	b.Cleanup(func() {
		_ = unix.Shutdown(near, unix.SHUT_WR)
		_ = cmd.Wait()
	})
	return near
}

// cpu reports the processor time a GiB of this process.
func cpu(b *testing.B) func() {
	used := func() float64 {
		var ru unix.Rusage
		must(b, unix.Getrusage(unix.RUSAGE_SELF, &ru))
		return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
	}
	before := used()
	return func() { b.ReportMetric((used()-before)/(float64(b.N)*benchBody)*(1<<30), "cpu-s/GiB") }
}

// A warm file of 64 MiB to a socket: sendfile(2), or splices through a pipe, two
// linked for each MiB and four MiB an enter. What decides between them.
func BenchmarkWarm(b *testing.B) {
	f := file(b, string(make([]byte, benchBody)))
	b.Run("sendfile", func(b *testing.B) {
		near := drain(b)
		b.SetBytes(benchBody)
		defer cpu(b)()
		for b.Loop() {
			for off := int64(0); off < benchBody; {
				_, err := unix.Sendfile(near, int(f.Fd()), &off, benchChunk)
				must(b, err)
			}
		}
	})
	b.Run("splice", func(b *testing.B) {
		near := drain(b)
		in, out := pipe(b)
		_, err := unix.FcntlInt(uintptr(out), unix.F_SETPIPE_SZ, benchChunk)
		must(b, err)
		r := newRing(b, Config{})
		b.SetBytes(benchBody)
		defer cpu(b)()
		for b.Loop() {
			for off := int64(0); off < benchBody; off += 4 * benchChunk {
				spliceFour(b, r, int(f.Fd()), off, in, out, near)
			}
		}
	})
}

func spliceFour(b *testing.B, r *Ring, from int, off int64, in, out, to int) {
	for k := range int64(4) {
		must(b, r.Splice(from, off+k*benchChunk, out, NoOffset, benchChunk, 0, 1))
		r.Link()
		must(b, r.Splice(in, NoOffset, to, NoOffset, benchChunk, unix.SPLICE_F_MORE, 2))
		if k < 3 {
			r.Link()
		}
	}
	for r.InFlight() > 0 {
		must(b, r.Wait(time.Now().Add(patience)))
		for {
			c, ok := r.Next()
			if !ok {
				break
			}
			if c.Err != nil || c.N != benchChunk {
				b.Fatalf("splice %d: %d bytes, error %v", c.Tag, c.N, c.Err)
			}
		}
	}
}
