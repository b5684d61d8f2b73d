package engine_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// lending is a file that lends its descriptor.
type lending struct{ *os.File }

func (f lending) Descriptor() int            { return int(f.Fd()) }
func (f lending) StartRead(int, int64) error { return nil }
func (f lending) PastCache(on bool) error {
	flags := 0
	if on {
		flags = unix.O_DIRECT
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, flags)
	return err
}
func (f lending) EndRead(_ int, _ int64, err error) error { return err }

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
		{engine.Uring, "1 MiB chunks, md5", mib, md5.New()},
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

// A cold file of 64 MiB to a peer that drops it.
func BenchmarkSendCold(b *testing.B) {
	for _, row := range []struct {
		engine engine.Name
		digest hash.Hash
	}{
		{engine.Portable, nil},
		{engine.Sendfile, nil},
		{engine.Uring, nil},
		{engine.Portable, md5.New()},
		{engine.Uring, md5.New()},
	} {
		b.Run(fmt.Sprintf("%s/md5 %v", row.engine, row.digest != nil), func(b *testing.B) {
			file := lending{benchFile(b, bodyBytes)}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
			pool, conn := benchPool(b), connect(b, "drop")
			e := benchEngine(b, row.engine, pool)
			out, err := engine.NewOutbound(context.Background(), conn, engine.OutConfig{Pool: pool, Engine: e})
			if err != nil {
				b.Fatal(err)
			}
			defer out.Close()
			b.SetBytes(bodyBytes)
			defer cost(b)()
			for b.Loop() {
				if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
					b.Fatal(err)
				}
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
