package enginetest

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// directFile is a file past the page cache that lends its descriptor. Its n-th
// write, of whatever kind, may be forbidden, fail or be odd.
type directFile struct {
	t    testing.TB
	path string
	past *os.File // the page cache
	by   *os.File // way of it

	mu      sync.Mutex
	writes  int
	begun   []int64 // offsets
	ended   []int64
	failAt  int           // n-th write, from 1; 0: never
	how     func() error  // nil: it is forbidden
	odd     bool          // instead of failing, it is at no whole block
	tailing chan struct{} // if not nil, WriteAt waits for it
}

func newDirectFile(t testing.TB) *directFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "landed")
	by, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	past, err := openPast(path)
	must(t, err)
	d := &directFile{t: t, path: path, past: past, by: by}
	t.Cleanup(func() {
		past.Close()
		by.Close()
		if fmt.Sprint(d.begun) != fmt.Sprint(d.ended) {
			t.Errorf("writes began at %v and ended at %v", d.begun, d.ended)
		}
	})
	return d
}

func (d *directFile) bytes() []byte {
	p, err := os.ReadFile(d.path)
	must(d.t, err)
	return p
}

// turn counts a write; true if it is the one.
func (d *directFile) turn() bool {
	d.writes++
	return d.writes == d.failAt
}

// Direct implements engine.DirectSink.
func (d *directFile) Direct() bool { return true }

// StartWrite implements engine.DirectSink.
func (d *directFile) StartWrite(p []byte, off int64) (fd, n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fd, n = int(d.past.Fd()), len(p)&^4095
	if n == 0 {
		return fd, 0, nil
	}
	if d.turn() {
		switch {
		case d.odd:
			n = 1000
		case d.how == nil:
			return -1, 0, errDisk
		default:
			fd = -1
		}
	}
	d.begun = append(d.begun, off)
	return fd, n, nil
}

// EndWrite implements engine.DirectSink.
func (d *directFile) EndWrite(_ []byte, off int64, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, off)
	if err != nil && d.how != nil {
		return d.how()
	}
	return err
}

// WriteAt implements engine.Sink.
func (d *directFile) WriteAt(p []byte, off int64) (int, error) {
	if d.tailing != nil {
		<-d.tailing
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.turn() && !d.odd {
		return 0, errDisk
	}
	return d.by.WriteAt(p, off)
}

// What lands past the page cache is the body, however it is framed, however many
// buffers there are, with a digest and without, whether or not it ends with a block.
func testDirect(t *testing.T, e Engine) {
	bodies := []int64{mib, 65537, 2*mib + 1, 4*mib + 4096, 5 * mib, mib + 4095, 5*mib + 3}
	if testing.Short() {
		bodies = []int64{5*mib + 3, 65537, mib, mib + 4095}
	}
	for _, f := range framers {
		if f.name == "one byte" {
			continue // five bytes of wire for each
		}
		if testing.Short() && f.name != "64 KiB" && f.name != "odd" {
			continue
		}
		wire := f.frame(dialogue(bodies...))
		for _, count := range []int{1, 8} {
			t.Run(fmt.Sprintf("%s/%d buffers", f.name, count), func(t *testing.T) {
				r := newRigWith(t, e, tcpPair, buffer.Config{Count: count})
				r.feed(wire)
				in := r.inbound(engine.InConfig{Chunked: true})
				for k, n := range bodies {
					landDirect(t, in, n, k%2 == 0)
				}
				if line, err := in.Line(); err != io.EOF {
					t.Fatalf("at the end: got line %.64q, error %v, want io.EOF", line, err)
				}
				if s := r.engine.Stats(); r.engine.Name() == engine.Uring && s.Landed+s.NoLane != int64(len(bodies))-1 { // one is small
					t.Errorf("of %d bodies few landed by a ring: %+v", len(bodies), s)
				}
			})
		}
	}
	t.Run("odd writes", func(t *testing.T) {
		wire := framers[0].frame(dialogue(5*mib + 3))
		for failAt := 1; failAt <= 6; failAt++ {
			if testing.Short() && 1 < failAt && failAt < 6 {
				continue
			}
			r := newRig(t, e, tcpPair)
			r.feed(wire)
			d := newDirectFile(t)
			d.failAt, d.odd = failAt, true
			must(t, land(t, r.inbound(engine.InConfig{Chunked: true}), 5*mib+3, d, nil).Wait())
			wantBytes(t, d.bytes(), body(5*mib+3))
		}
	})
}

func landDirect(t *testing.T, in *engine.Inbound, n int64, summed bool) {
	t.Helper()
	d, digest := newDirectFile(t), md5.New()
	var l *engine.Landing
	if summed {
		l = land(t, in, n, d, digest)
	} else {
		l = land(t, in, n, d, nil)
	}
	must(t, l.Wait())
	wantBytes(t, d.bytes(), body(n))
	if got := hex.EncodeToString(digest.Sum(nil)); summed && got != md5hex(body(n)) {
		t.Fatalf("body of %d: got md5 %s", n, got)
	}
}

// A write that is forbidden or fails costs its own body only.
func testDirectFails(t *testing.T, e Engine) {
	wire := framers[3].frame(append(dialogue(landed), "next\r\n"...))
	for failAt := 1; failAt <= 3; failAt++ {
		for _, how := range []func() error{nil, func() error { return errDisk }} {
			t.Run(fmt.Sprintf("write %d/forbidden %v", failAt, how == nil), func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				r.feed(wire)
				in := r.inbound(engine.InConfig{Chunked: true})
				d := newDirectFile(t)
				d.failAt, d.how = failAt, how
				_, err := in.Line()
				must(t, err)
				got, err := in.Body(context.Background(), landed, d, md5.New())
				if _, ok := err.(*engine.SinkError); !ok || !errors.Is(err, errDisk) {
					t.Fatalf("got error %v, want a SinkError of the disk's", err)
				}
				must(t, in.Discard(landed-got))
				line, err := in.Line()
				if err != nil || string(line) != "next" {
					t.Fatalf("after the body: got line %.64q, error %v, want \"next\"", line, err)
				}
			})
		}
	}
}

// The stream goes on while the end of a body is still to be written, and Close
// waits for it.
func testDirectLandsLater(t *testing.T, e Engine) {
	r := newRigWith(t, e, tcpPair, buffer.Config{Count: 8})
	r.feed(framers[0].frame(dialogue(landed, 3, landed)))
	in := r.inbound(engine.InConfig{Chunked: true})
	d, small, next := newDirectFile(t), newSink(3), newDirectFile(t)
	d.tailing = make(chan struct{})
	first := land(t, in, landed, d, md5.New())
	must(t, land(t, in, 3, small, nil).Wait())
	must(t, land(t, in, landed, next, md5.New()).Wait())
	close(d.tailing)
	in.Close()
	must(t, first.Wait())
	wantBytes(t, d.bytes(), body(landed))
	wantBytes(t, next.bytes(), body(landed))
}

// A peer that is slow or gone, the end of a context and an interrupt end a body
// that lands past the page cache as any other.
func testDirectEnds(t *testing.T, e Engine) {
	const n = 5 * mib
	for _, row := range []struct {
		name   string
		peer   func(net.Conn) error
		meddle func(*engine.Inbound, context.CancelCauseFunc)
		want   error
	}{
		{"stalls", func(far net.Conn) error { return stall(far, 2*mib+5) }, nil, os.ErrDeadlineExceeded},
		{"leaves", func(far net.Conn) error {
			_, err := far.Write(framers[1].frame(body(n))[:3*mib])
			return errors.Join(err, far.Close())
		}, nil, io.ErrUnexpectedEOF},
		{"ends", func(far net.Conn) error { _, err := far.Write(framers[0].frame(body(n - 1))); return err }, nil, io.ErrUnexpectedEOF},
		{"speaks nonsense", func(far net.Conn) error {
			_, err := far.Write(append(framers[1].frame(body(n))[:2*mib], "zz"...))
			return errors.Join(err, far.Close())
		}, nil, nil},
		{"context", func(far net.Conn) error { return stall(far, 2*mib) },
			func(_ *engine.Inbound, cancel context.CancelCauseFunc) { cancel(errStop) }, errStop},
		{"interrupt", func(far net.Conn) error { return stall(far, 2*mib) },
			func(in *engine.Inbound, _ context.CancelCauseFunc) { in.Interrupt() }, engine.ErrInterrupted},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, e, tcpPair)
			r.peer(row.peer)
			in := r.inbound(engine.InConfig{Chunked: true})
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			if row.want == os.ErrDeadlineExceeded {
				in.SetTimeout(100 * time.Millisecond)
			}
			d := newDirectFile(t)
			err := during(func() {
				if row.meddle != nil {
					row.meddle(in, cancel)
				}
			}, func() error {
				_, err := in.Body(ctx, n, d, md5.New())
				return err
			})
			if err == nil || row.want != nil && !errors.Is(err, row.want) {
				t.Fatalf("got error %v, want %v", err, row.want)
			}
			var disk *engine.SinkError
			if errors.As(err, &disk) {
				t.Fatalf("the disk is blamed: %v", err)
			}
		})
	}
}

// A peer that is slow, but never as slow as the timeout, is no error, however long
// the whole takes.
func testDirectSlow(t *testing.T, e Engine) {
	r := newRig(t, e, tcpPair)
	const n = mib + 3
	r.peer(func(far net.Conn) error {
		wire := framers[1].frame(body(n))
		for len(wire) > 0 {
			k := min(len(wire), 100_000)
			if _, err := far.Write(wire[:k]); err != nil {
				return err
			}
			wire = wire[k:]
			time.Sleep(20 * time.Millisecond)
		}
		return nil
	})
	in := r.inbound(engine.InConfig{Chunked: true})
	in.SetTimeout(100 * time.Millisecond)
	d := newDirectFile(t)
	_, err := in.Body(context.Background(), n, d, nil)
	must(t, err)
	wantBytes(t, d.bytes(), body(n))
}
