package enginetest

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// diskFile is a body on a disk that lends its descriptor and may forbid to use it
// from an offset on.
type diskFile struct {
	*os.File
	failAt int64 // -1: never
	open   atomic.Int64
}

func newDiskFile(t testing.TB, content []byte) *diskFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "body")
	must(t, os.WriteFile(path, content, 0o600))
	f, err := os.Open(path)
	must(t, err)
	d := &diskFile{File: f, failAt: -1}
	t.Cleanup(func() {
		f.Close()
		if n := d.open.Load(); n != 0 {
			t.Errorf("%d reads were started and not ended", n)
		}
	})
	return d
}

// Descriptor implements engine.FileSource.
func (d *diskFile) Descriptor() int { return int(d.Fd()) }

// StartRead implements engine.FileSource.
func (d *diskFile) StartRead(n int, off int64) error {
	if d.failAt >= 0 && off+int64(n) > d.failAt {
		return errDisk
	}
	d.open.Add(1)
	return nil
}

// PastCache implements engine.FileSource.
func (d *diskFile) PastCache(on bool) error { return pastCache(d.File, on) }

// EndRead implements engine.FileSource.
func (d *diskFile) EndRead(_ int, _ int64, err error) error {
	d.open.Add(-1)
	return err
}

// ReadAt is refused where StartRead is.
func (d *diskFile) ReadAt(p []byte, off int64) (int, error) {
	if d.failAt >= 0 && off+int64(len(p)) > d.failAt {
		return 0, errDisk
	}
	return d.File.ReadAt(p, off)
}

// Whatever a body is read from, and whether a digest is asked, the same bytes are
// on the wire, those of the portable engine with a source in memory.
func testSameWire(t *testing.T, e Engine) {
	all := append([]int64{2 * mib, 100, 3*mib - 1000, 4 * mib, 70_000, 4*mib + 4095}, sizes...)
	if testing.Short() {
		all = append([]int64{100, 70_000, 4*mib + 4095}, borders()...)
	}
	for _, row := range []struct {
		raw   bool
		chunk int
		sizes []int64
	}{
		{false, 0, all},
		{true, 0, all},
		{false, 65536, []int64{200_000, 65536, 131_072, 4 * mib}},
		{false, 40_000, []int64{200_000, 39_999, 40_000, 5*mib - 1}},
	} {
		want := wire(t, portable, row.raw, row.chunk, row.sizes, func(p []byte) engine.Source { return source{p, -1} }, false)
		for _, how := range []struct{ summed, cold bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
			if testing.Short() && how.summed != how.cold {
				continue // the ways are the same, and their mixtures
			}
			t.Run(fmt.Sprintf("raw %v/chunks of %d/digest %v/cold %v", row.raw, row.chunk, how.summed, how.cold), func(t *testing.T) {
				from := func(p []byte) engine.Source {
					d := newDiskFile(t, p)
					if how.cold {
						must(t, forget(d.File))
					}
					return d
				}
				wantBytes(t, wire(t, e, row.raw, row.chunk, row.sizes, from, how.summed), want)
			})
		}
	}
}

func portable(*buffer.Pool) (*engine.Engine, error) { return nil, nil }

// before are the bytes of a file before the body: a block, so that it can be read
// past the page cache.
const before = 4096

// wire is what bodies of some sizes look like on a connection.
func wire(t *testing.T, e Engine, raw bool, chunk int, sizes []int64, from func([]byte) engine.Source, summed bool) []byte {
	t.Helper()
	r := newRig(t, e, tcpPair)
	out := r.outbound(r.near, engine.OutConfig{Raw: raw, ChunkBytes: chunk})
	got := bytes.NewBuffer(make([]byte, 0, len(dialogue(sizes...))+mib)) // what grows is copied again and again
	heard := make(chan error, 1)
	go func() {
		_, err := io.Copy(got, r.far)
		heard <- err
	}()
	for _, n := range sizes {
		must(t, out.Text(fmt.Appendf(nil, "%d\r\n", n)))
		p := body(n)
		src := from(padded(make([]byte, before), p))
		var digest hash.Hash
		if summed {
			digest = md5.New()
		}
		sent, err := out.Body(src, before, n, digest)
		if err != nil || sent != n {
			t.Fatalf("body of %d: sent %d, error %v", n, sent, err)
		}
		if summed && fmt.Sprintf("%x", digest.Sum(nil)) != md5hex(p) {
			t.Fatalf("body of %d: wrong md5", n)
		}
	}
	must(t, out.End())
	if s := r.engine.Stats(); r.engine.Name() == engine.Uring && (summed && s.RingSent+s.NoLane == 0 || s.Sendfile+s.RingSent == 0) {
		t.Errorf("no body went by a ring, or by sendfile: %+v", s)
	}
	r.near.Close()
	must(t, <-heard)
	if out.Sent() != int64(got.Len()) {
		t.Errorf("sent %d bytes, %d arrived", out.Sent(), got.Len())
	}
	return got.Bytes()
}

// A file that is short, or whose reads are forbidden, spoils the stream, and is
// not taken for the connection; nor is the connection for the file.
func testFileFails(t *testing.T, e Engine) {
	for _, summed := range []bool{false, true} {
		var digest hash.Hash
		if summed {
			digest = md5.New()
		}
		for _, row := range []struct {
			name   string
			len    int64
			failAt int64
			want   error
		}{
			{"short", 2*mib + 9, -1, io.ErrUnexpectedEOF},
			{"short at a border", 2 * mib, -1, io.ErrUnexpectedEOF},
			{"empty", 0, -1, io.ErrUnexpectedEOF},
			{"forbidden at once", 5 * mib, 0, errDisk},
			{"forbidden later", 5 * mib, 3 * mib, errDisk},
		} {
			t.Run(fmt.Sprintf("digest %v/%s", summed, row.name), func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				r.peer(func(far net.Conn) error { _, err := io.Copy(io.Discard, far); return err })
				src := newDiskFile(t, body(row.len))
				src.failAt = row.failAt
				out := r.outbound(r.near, engine.OutConfig{})
				sent, err := out.Body(src, 0, 5*mib, digest)
				if _, ok := err.(*engine.SourceError); !ok || sent > row.len {
					t.Fatalf("sent %d with error %v, want at most %d and a SourceError", sent, err, row.len)
				}
				wantErr(t, "body", err, row.want)
				wantErr(t, "flush after it", out.Flush(), row.want)
			})
		}
		for _, row := range []struct {
			name   string
			cfg    engine.OutConfig
			meddle func(*rig, *engine.Outbound)
			want   error // nil: whatever the system calls it
		}{
			{"peer gone", engine.OutConfig{}, func(r *rig, _ *engine.Outbound) { r.far.Close() }, nil},
			{"timeout", engine.OutConfig{WriteTimeout: 50 * time.Millisecond}, func(*rig, *engine.Outbound) {}, os.ErrDeadlineExceeded},
			{"interrupt", engine.OutConfig{}, func(_ *rig, o *engine.Outbound) { o.Interrupt() }, engine.ErrInterrupted},
			{"interrupt under a timeout", engine.OutConfig{WriteTimeout: patience}, func(_ *rig, o *engine.Outbound) { o.Interrupt() }, engine.ErrInterrupted},
		} {
			t.Run(fmt.Sprintf("digest %v/%s", summed, row.name), func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				src := newDiskFile(t, nil)
				must(t, os.Truncate(src.Name(), 64*mib)) // more than any socket buffers
				out := r.outbound(r.near, row.cfg)
				err := during(func() { row.meddle(r, out) }, func() error {
					_, err := out.Body(src, 0, 64*mib, digest)
					return err
				})
				wantKind(t, err, "send")
				var disk *engine.SourceError
				if errors.As(err, &disk) {
					t.Fatalf("the disk is blamed: %v", err)
				}
				if row.want != nil {
					wantErr(t, "body", err, row.want)
				}
				if again := out.Text([]byte("x")); again != err {
					t.Errorf("text after it: got %v, want %v", again, err)
				}
			})
		}
	}
}
