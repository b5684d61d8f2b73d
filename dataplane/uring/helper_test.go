//go:build linux

package uring

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"golang.org/x/sys/unix"
)

// patience bounds every wait of these tests; nothing should come near it.
const patience = 20 * time.Second

// newRing makes a ring on the test's thread and closes it after the test.
func newRing(t testing.TB, cfg Config) *Ring {
	t.Helper()
	runtime.LockOSThread()
	r, err := New(cfg)
	if err != nil {
		runtime.UnlockOSThread()
		skip(t, err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return r
}

// skip says why there is no ring; where one was promised that is a failure.
func skip(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("REQUIRE_URING") != "" || !Unavailable(err) {
		t.Fatalf("%s: %v", Explain(err), err)
	}
	t.Skip(Explain(err))
}

// newPool checks at the end that every buffer came back.
func newPool(t testing.TB, count int) *buffer.Pool {
	t.Helper()
	pool, err := buffer.New(buffer.Config{Bytes: 128 << 10, Count: count})
	must(t, err)
	t.Cleanup(func() { must(t, pool.Close()) })
	return pool
}

// span is n bytes of a buffer of its own.
func span(t testing.TB, pool *buffer.Pool, n int) Span {
	t.Helper()
	b := pool.TryGet()
	if b == nil {
		t.Fatal("no buffer")
	}
	t.Cleanup(b.Release)
	return Span{Buffer: b, To: n}
}

func text(t testing.TB, pool *buffer.Pool, s string) Span {
	t.Helper()
	p := span(t, pool, len(s))
	copy(p.Bytes(), s)
	return p
}

// next waits for one completion.
func (r *Ring) next(t testing.TB) Completion {
	t.Helper()
	must(t, r.Wait(time.Now().Add(patience)))
	c, ok := r.Next()
	if !ok {
		t.Fatal("woken without a completion")
	}
	return c
}

// wantNext is next with a certain outcome.
func (r *Ring) wantNext(t testing.TB, tag uint64, n int, err error) {
	t.Helper()
	if c := r.next(t); c.Tag != tag || c.N != n || c.Err != err {
		t.Fatalf("completion is of %d, %d bytes, error %v; want of %d, %d, %v", c.Tag, c.N, c.Err, tag, n, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pipe(t testing.TB) (r, w int) {
	t.Helper()
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// sockets are two ends of a connection that do not block, as Go's.
func sockets(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func file(t testing.TB, content string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte(content), 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}
