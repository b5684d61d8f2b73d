package buffer

import (
	"context"
	"errors"
	"os"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newPool(t testing.TB, cfg Config) *Pool {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestConfig(t *testing.T) {
	page := os.Getpagesize()
	for _, row := range []struct {
		name         string
		cfg          Config
		bytes, count int // 0: refused
	}{
		{"default", Config{}, 1<<20 + page, 64},
		{"one page", Config{Bytes: page, Count: 1}, page, 1},
		{"half a page", Config{Bytes: page / 2}, 0, 0},
		{"negative size", Config{Bytes: -page}, 0, 0},
		{"negative count", Config{Count: -1}, 0, 0},
		{"beyond the address space", Config{Bytes: 1 << 40, Count: 1 << 40}, 0, 0},
		{"beyond what can be reserved", Config{Bytes: 1 << 40, Count: 1 << 20}, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := New(row.cfg)
			if row.bytes == 0 {
				if err == nil {
					t.Fatal("no error")
				}
				return
			}
			if err != nil || p.Bytes() != row.bytes || p.Count() != row.count {
				t.Fatalf("got %d × %d, error %v", p.Count(), p.Bytes(), err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Buffers are page-aligned, whole, writable to the last byte, and apart.
func TestBuffersAreApart(t *testing.T) {
	page := os.Getpagesize()
	p := newPool(t, Config{Bytes: 2 * page, Count: 5})
	seen := map[int]bool{}
	for range 5 {
		b := p.TryGet()
		defer b.Release()
		bytes := b.Bytes()
		if len(bytes) != 2*page || cap(bytes) != 2*page {
			t.Fatalf("len %d, cap %d, want %d", len(bytes), cap(bytes), 2*page)
		}
		if addr := reflect.ValueOf(bytes).Pointer(); addr%uintptr(page) != 0 {
			t.Errorf("buffer %d is at %#x", b.Index(), addr)
		}
		for k := range bytes {
			if bytes[k] != 0 {
				t.Fatalf("buffer %d is written to by another", b.Index())
			}
			bytes[k] = byte(b.Index()) + 1
		}
		seen[b.Index()] = true
	}
	if len(seen) != 5 || p.InUse() != 5 || p.TryGet() != nil {
		t.Errorf("%d distinct buffers, %d in use; want 5, 5 and no more", len(seen), p.InUse())
	}
}

// Who could do without gets a buffer only while half of them are free.
func TestSpareHalf(t *testing.T) {
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 4})
	var out []*Buffer
	for p.InUse() < 4 {
		if b := p.TrySpare(); b != nil {
			out = append(out, b)
			continue
		}
		if p.InUse() < 2 {
			t.Fatalf("none to spare with %d of 4 out", p.InUse())
		}
		out = append(out, p.TryGet())
	}
	if p.TrySpare() != nil {
		t.Error("a fifth buffer of four")
	}
	for _, b := range out[1:] {
		b.Release()
	}
	b := p.TrySpare()
	if b == nil {
		t.Fatal("none to spare with 1 of 4 out")
	}
	b.Release()
	out[0].Release()
}

// The buffer used last is handed out next: it is the one still in cache.
func TestLastReleasedComesFirst(t *testing.T) {
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 3})
	a, b := p.TryGet(), p.TryGet()
	a.Release()
	b.Release()
	c := p.TryGet()
	defer c.Release()
	if c != b {
		t.Errorf("got buffer %d, want %d", c.Index(), b.Index())
	}
	if p.opened != 2 {
		t.Errorf("%d buffers opened for two that were ever in use", p.opened)
	}
}

// At the ceiling Get waits for a release, or for the end of its context, whose
// cause it tells.
func TestGetWaitsAtCeiling(t *testing.T) {
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 1})
	b := p.TryGet()

	stop := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stop)
	if _, err := p.Get(ctx); !errors.Is(err, stop) {
		t.Fatalf("got error %v, want %v", err, stop)
	}

	got := make(chan *Buffer)
	go func() {
		b, _ := p.Get(context.Background())
		got <- b
	}()
	select {
	case <-got:
		t.Fatal("got a buffer that was in use")
	case <-time.After(10 * time.Millisecond):
	}
	b.Release()
	(<-got).Release()
}

// No buffer has two owners, however many ask for one.
func TestOneOwner(t *testing.T) {
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 3})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for range 500 {
				b, err := p.Get(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				bytes := b.Bytes()
				bytes[0] = byte(worker)
				runtime.Gosched()
				if bytes[0] != byte(worker) {
					t.Error("somebody else has this buffer")
				}
				b.Release()
			}
		})
	}
	wg.Wait()
	if n := p.InUse(); n != 0 {
		t.Errorf("%d buffers in use", n)
	}
}

// Close refuses while something is out, and ends the pool otherwise.
func TestClose(t *testing.T) {
	p, err := New(Config{Bytes: os.Getpagesize()})
	if err != nil {
		t.Fatal(err)
	}
	b, text := p.TryGet(), p.Text(100)
	if n := p.InUse(); n != 2 {
		t.Errorf("%d in use, want 2", n)
	}
	for _, release := range []func(){b.Release, text.Release} {
		if err := p.Close(); !errors.Is(err, ErrInUse) {
			t.Fatalf("close: %v, want %v", err, ErrInUse)
		}
		release()
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Get(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("get: %v, want %v", err, ErrClosed)
	}
	if p.TryGet() != nil {
		t.Error("got a buffer of a closed pool")
	}
}

// To release twice is to take a buffer from its next owner.
func TestDoubleReleasePanics(t *testing.T) {
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 2})
	b := p.TryGet()
	b.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	b.Release()
}

// With the tag `invariants` a use after release reads nonsense.
func TestScramble(t *testing.T) {
	if !invariants {
		t.Skip("needs the build tag invariants")
	}
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 1})
	b := p.TryGet()
	stale := b.Bytes()
	copy(stale, "secret")
	b.Release()
	if stale[0] != scrambled || stale[len(stale)-1] != scrambled {
		t.Errorf("released buffer reads %.8q", stale)
	}
}

// With the tag, on Linux, what the kernel reads may not be lent to be filled, as a
// buffer that is reused before its notification would be.
func TestLentTwice(t *testing.T) {
	if !invariants || runtime.GOOS != "linux" {
		t.Skip("needs the build tag invariants, on Linux")
	}
	b := newPool(t, Config{Bytes: os.Getpagesize(), Count: 1}).TryGet()
	b.Lend(false)
	b.Lend(false)
	b.TakeBack(false)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("lent to be filled while it is read")
			}
		}()
		b.Lend(true)
	}()
	b.TakeBack(false)
	b.Lend(true)
	b.TakeBack(true)
	b.Release()
}

// A pool in use allocates nothing.
func TestAllocations(t *testing.T) {
	p := newPool(t, Config{Bytes: os.Getpagesize(), Count: 1})
	ctx := context.Background()
	get := func() {
		b, err := p.Get(ctx)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	if n := testing.AllocsPerRun(1000, get); n != 0 {
		t.Errorf("Get: %v allocations, want 0", n)
	}
}

// A text buffer has the size that was asked for, whatever was pooled before.
func TestText(t *testing.T) {
	p := newPool(t, Config{})
	for _, n := range []int{100, 70_000, 10, 0} {
		text := p.Text(n)
		if len(text.Bytes()) != n {
			t.Errorf("got %d bytes, want %d", len(text.Bytes()), n)
		}
		text.Release()
	}
}

func BenchmarkGet(b *testing.B) {
	p := newPool(b, Config{Bytes: os.Getpagesize()})
	ctx := context.Background()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			buf, err := p.Get(ctx)
			if err != nil {
				b.Fatal(err)
			}
			buf.Release()
		}
	})
}
