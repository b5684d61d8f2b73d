package engine

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

// zcRig is a stream whose bodies go by rings, to a peer who reads as he likes.
type zcRig struct {
	t         *testing.T
	engine    *Engine
	pool      *buffer.Pool
	out       *Outbound
	near, far net.Conn
	content   []byte
	closed    bool
	path      string
}

// zcContent is what all bodies are; nobody writes to it.
var zcContent = sync.OnceValue(func() []byte {
	p := make([]byte, 10<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(p)
	return p
})

// newZCRig has a body of 10 MiB to be sent, too.
func newZCRig(t *testing.T, cfg Config) *zcRig {
	t.Helper()
	r := newRingRig(t, cfg)
	r.content, r.path = zcContent(), filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(r.path, r.content, 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func newRingRig(t *testing.T, cfg Config) *zcRig {
	t.Helper()
	if works, why, err := probeUring(); err != nil || !works || !uring.Probe().Operations["send_zc"] || uring.Probe().Registered != nil {
		if os.Getenv("REQUIRE_URING") != "" {
			t.Fatal(why, err)
		}
		t.Skip("no rings with SEND_ZC and registered buffers here: ", why)
	}
	r := &zcRig{t: t, pool: newPool(t, 16)}
	cfg.Name, cfg.Pool = "uring", r.pool
	var err error
	if r.engine, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if r.near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if r.far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if r.out, err = NewOutbound(context.Background(), r.near, OutConfig{Pool: r.pool, Engine: r.engine, WriteTimeout: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// close may be called again.
func (r *zcRig) close() {
	if r.closed {
		return
	}
	r.closed = true
	r.out.Close()
	r.near.Close()
	r.far.Close()
	if err := errors.Join(r.engine.Close(), r.pool.Close()); err != nil {
		r.t.Error(err)
	}
}

// zcFile is a file that counts nothing.
type zcFile struct{ *os.File }

func (f zcFile) Descriptor() int                         { return int(f.Fd()) }
func (f zcFile) StartRead(int, int64) error              { return nil }
func (f zcFile) EndRead(_ int, _ int64, err error) error { return err }
func (f zcFile) PastCache(bool) error                    { return nil }

// body sends one.
func (r *zcRig) body(digest hash.Hash) (sent int64, err error) {
	f, err := os.Open(r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	return r.out.Body(zcFile{f}, 0, int64(len(r.content)), digest)
}

// heading goes before a body, so that the borders of chunks fall within blocks.
const heading = "PUT /a\r\n"

// arrive sends some bodies, and fails unless they arrive. A slow peer lets what was
// sent lie in the socket, where the kernel still needs the buffers.
func (r *zcRig) arrive(bodies int, slow bool) {
	r.t.Helper()
	sent := make(chan error, 1)
	go func() {
		var err error
		for k := 0; k < bodies && err == nil; k++ {
			digest := md5.New()
			if err = r.out.Text([]byte(heading)); err != nil {
				break
			}
			if _, err = r.body(digest); err == nil && !bytes.Equal(digest.Sum(nil), md5sum(r.content)) {
				err = errors.New("the digest is wrong")
			}
		}
		sent <- errors.Join(err, r.out.End())
	}()
	got, from := make([]byte, len(r.content)), httputil.NewChunkedReader(bufio.NewReader(r.far))
	for k := range bodies {
		if _, err := io.ReadFull(from, got[:len(heading)]); err != nil || string(got[:len(heading)]) != heading {
			r.t.Fatalf("before body %d: %q, %v", k, got[:len(heading)], err)
		}
		for at := 0; at < len(got); at += 1 << 20 {
			if slow {
				time.Sleep(2 * time.Millisecond)
			}
			if _, err := io.ReadFull(from, got[at:at+1<<20]); err != nil {
				r.t.Fatal(err)
			}
		}
		if !bytes.Equal(got, r.content) {
			r.t.Fatalf("body %d arrived damaged", k)
		}
	}
	if err := <-sent; err != nil {
		r.t.Fatal(err)
	}
}

func md5sum(p []byte) []byte { sum := md5.Sum(p); return sum[:] }

// A loopback copies, and says so: the first send finds it out, and there is no other.
func TestZeroCopyCopied(t *testing.T) {
	r := newZCRig(t, Config{})
	r.arrive(3, false)
	s := r.engine.Stats()
	if s.ZeroCopies != 1 || s.ZeroCopyCopied != 1 || s.ZeroCopyKept != 0 || r.out.ZeroCopy() != ZeroCopyCopied {
		t.Errorf("%+v, %s: want one send, and no other", s, r.out.ZeroCopy())
	}
	if got := s.Ways[WayRing][ReasonDigest]; got != 3 {
		t.Errorf("ways are %s", s.Ways)
	}
}

// Where the report says that the kernel did not copy, the connection stays with it,
// and what a slow peer has not taken yet is not overwritten: no buffer is read into
// before its notification.
func TestZeroCopyKept(t *testing.T) {
	for _, ahead := range []int{1, 4} {
		r := newZCRig(t, Config{ReadAhead: ahead, seams: seams{report: func(bool) bool { return false }}})
		r.arrive(4, true)
		s := r.engine.Stats()
		if s.ZeroCopies < 15 || s.ZeroCopyKept != 1 || s.ZeroCopyCopied != 0 || r.out.ZeroCopy() != ZeroCopyKept {
			t.Errorf("read ahead %d: %+v, %s", ahead, s, r.out.ZeroCopy())
		}
		if s.Ways[WayZeroCopy][ReasonDigest] < 3 { // the first may have had to wait for its report
			t.Errorf("read ahead %d: ways are %s", ahead, s.Ways)
		}
	}
}

// A later report may take it back.
func TestZeroCopyTakenBack(t *testing.T) {
	reports := 0
	r := newZCRig(t, Config{Lanes: 1, seams: seams{report: func(bool) bool { reports++; return reports == 5 }}})
	r.arrive(2, false)
	if s := r.engine.Stats(); s.ZeroCopyKept != 1 || s.ZeroCopyCopied != 1 || r.out.ZeroCopy() != ZeroCopyCopied {
		t.Errorf("%+v, %s", s, r.out.ZeroCopy())
	}
}

// A kernel without SEND_ZC, one that does not register buffers, an operator who does
// not want it, and sends that are too short: none is tried, and the rules say why.
func TestZeroCopyNever(t *testing.T) {
	lacks := func(op bool, registered error) func() *uring.Report {
		return func() *uring.Report {
			return &uring.Report{Operations: map[string]bool{"send_zc": op}, Registered: registered}
		}
	}
	for _, row := range []struct {
		name string
		cfg  Config
		why  string
	}{
		{"old kernel", Config{seams: seams{probe: lacks(false, nil)}}, "no SEND_ZC"},
		{"no registered buffers", Config{seams: seams{probe: lacks(true, unix.ENOMEM)}}, "can't be registered"},
		{"switched off", Config{ZeroCopyFrom: -1}, "switched off"},
		{"too short", Config{ZeroCopyFrom: 2 << 20}, "tried on each"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newZCRig(t, row.cfg)
			r.arrive(1, false)
			if s := r.engine.Stats(); s.ZeroCopies != 0 || s.RingSent != 1 || !strings.Contains(r.engine.Rules().ZeroCopyWhy, row.why) {
				t.Errorf("%+v: %+v", s, r.engine.Rules())
			}
		})
	}
}

// A socket that takes no such send is sent to with a copy, once that is known.
func TestZeroCopyRefused(t *testing.T) {
	r := newZCRig(t, Config{})
	near, far := unixPair(t)
	out, err := NewOutbound(context.Background(), near, OutConfig{Pool: r.pool, Engine: r.engine})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	r.out.Close()
	r.out, r.far = out, far
	r.arrive(2, false)
	if s := r.engine.Stats(); s.ZeroCopies != 1 || s.ZeroCopyRefused != 1 || out.ZeroCopy() != ZeroCopyRefused {
		t.Errorf("%+v, %s", s, out.ZeroCopy())
	}
}

func unixPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// A peer who takes nothing more ends the body by the timeout or by an interrupt, and
// when the connection is closed the kernel gives back what it still had: lanes and
// buffers are there for others.
func TestZeroCopyStalled(t *testing.T) {
	for name, meddle := range map[string]func(*zcRig){
		"timeout":   func(r *zcRig) { r.out.gate.timeout = 50 * time.Millisecond },
		"interrupt": func(r *zcRig) { time.AfterFunc(50*time.Millisecond, r.out.Interrupt) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newZCRig(t, Config{seams: seams{report: func(bool) bool { return false }}})
			r.out.zero.state.Store(uint32(ZeroCopyKept)) // a report would need a peer who reads
			meddle(r)
			_, err := r.body(md5.New())
			var op *OpError
			if !errors.As(err, &op) || !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, ErrInterrupted) {
				t.Fatalf("got error %v", err)
			}
			if s := r.engine.Stats(); s.ZeroCopies == 0 {
				t.Errorf("%+v", s)
			}
			r.near.Close() // the peer's end stays open, and reads nothing
			if err := r.engine.Close(); err != nil {
				t.Fatal(err)
			}
			r.out.Close()
			if n := r.pool.InUse(); n != 0 {
				t.Errorf("%d buffers are in use", n)
			}
		})
	}
}
