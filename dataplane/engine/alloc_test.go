package engine

import (
	"context"
	"crypto/md5"
	"fmt"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/proto"
)

// memory is a body, or room for one.
type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

// In its steady state a stream allocates nothing: not for lines, not for heads,
// not for small bodies, deadlines included.
func TestAllocations(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool := newPool(t, 8)

	out, err := NewOutbound(ctx, fakeConn{}, OutConfig{Pool: pool, WriteTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := NewInbound(ctx, fakeConn{r: smallObjects(4096)}, InConfig{Pool: pool, Chunked: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	in.SetTimeout(time.Minute)

	body, digest := make(memory, 4096), md5.New()
	head := func(dst []byte) []byte { return append(dst, "PUT /a/c/o\r\n\r\n"...) }
	var src Source = body
	var sink Sink = body
	for _, row := range []struct {
		name string
		run  func() error
	}{
		{"Text", func() error { return out.Text(body) }},
		{"Append", func() error { return out.Append(head, 64) }},
		{"Body out", func() error { _, err := out.Body(src, 0, 4096, digest); return err }},
		{"Flush", out.Flush},
		{"Line and Body in", func() error {
			if _, err := in.Line(); err != nil {
				return err
			}
			_, err := in.Body(ctx, 4096, sink, digest)
			return err
		}},
	} {
		allocs := testing.AllocsPerRun(1000, func() {
			if err := row.run(); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations, want 0", row.name, allocs)
		}
	}
}

// smallObjects is an endless stream of lines and bodies of n bytes, in chunks
// that have nothing to do with either.
func smallObjects(n int) *endless {
	var payload []byte
	for k := range 40 {
		payload = append(payload, fmt.Sprintf("object %d\r\n", k)...)
		payload = append(payload, make([]byte, n)...)
	}
	third := len(payload) / 3
	wire := proto.AppendChunk(nil, payload[:third])
	wire = proto.AppendChunk(wire, payload[third:2*third])
	return &endless{p: proto.AppendChunk(wire, payload[2*third:])}
}

// The buffers of a closed stream are the pool's again, and none is taken by a
// stream that could not be made.
func TestConfigErrors(t *testing.T) {
	pool := newPool(t, 1)
	ctx := context.Background()
	for _, row := range []struct {
		name string
		cfg  OutConfig
	}{
		{"no pool", OutConfig{}},
		{"chunk larger than a buffer", OutConfig{Pool: pool, ChunkBytes: 2 << 20}},
		{"negative chunk", OutConfig{Pool: pool, ChunkBytes: -1}},
	} {
		if _, err := NewOutbound(ctx, fakeConn{}, row.cfg); err == nil {
			t.Errorf("%s: no error", row.name)
		}
	}
	if _, err := NewInbound(ctx, fakeConn{}, InConfig{}); err == nil {
		t.Error("inbound without a pool: no error")
	}
}

// At the pool's ceiling a new Outbound waits, as long as its context lasts.
func TestOutboundWaitsForBuffer(t *testing.T) {
	pool := newPool(t, 1)
	first, err := NewOutbound(context.Background(), fakeConn{}, OutConfig{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := NewOutbound(ctx, fakeConn{}, OutConfig{Pool: pool}); err == nil {
		t.Error("second stream got a buffer that was not there")
	}
	first.Close()
	second, err := NewOutbound(ctx, fakeConn{}, OutConfig{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

// A pool of small buffers makes small chunks.
func TestSmallPool(t *testing.T) {
	pool, err := buffer.New(buffer.Config{Bytes: 65536, Count: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	out, err := NewOutbound(context.Background(), fakeConn{}, OutConfig{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Text(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if want := 100_000 - (65536 - headroom - tailroom); out.Pending() != want {
		t.Errorf("pending %d, want %d", out.Pending(), want)
	}
}
