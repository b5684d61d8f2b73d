package engine

import (
	"context"
	"crypto/md5"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// offersAndWanted is an endless stream of offers and wanted lines.
func offersAndWanted(o proto.Offer) *endless {
	var payload []byte
	for range 40 {
		payload = proto.AppendOffer(payload, o)
		payload = proto.AppendWanted(payload, proto.Wanted{Hash: o.Hash, Data: true, Meta: true})
	}
	half := len(payload)/2 + 7
	return &endless{p: proto.AppendChunk(proto.AppendChunk(nil, payload[:half]), payload[half:])}
}

// The check of a session allocates nothing for an object, at neither end: not for
// an offer written or read, not for a wanted line.
func TestCheckAllocations(t *testing.T) {
	at := proto.Timestamp{Raw: 170000000100000, Offset: 10}
	o := proto.Offer{Hash: proto.Hash{1}, Data: at, Meta: proto.Timestamp{Raw: at.Raw + 5}, CType: at}
	pool := newPool(t, 8)
	out, err := NewOutbound(context.Background(), fakeConn{}, OutConfig{Pool: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := NewInbound(context.Background(), fakeConn{r: offersAndWanted(o)}, InConfig{Pool: pool, Chunked: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	allocs := testing.AllocsPerRun(10_000, func() {
		if err := out.Append(func(dst []byte) []byte { return proto.AppendOffer(dst, o) }, 256); err != nil {
			t.Fatal(err)
		}
		line, err := in.Line()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proto.ParseOffer(line); err != nil {
			t.Fatal(err)
		}
		if line, err = in.Line(); err != nil {
			t.Fatal(err)
		}
		if w, err := proto.ParseWanted(line); err != nil || w.Hash != o.Hash {
			t.Fatal(w, err)
		}
		if err := out.Append(func(dst []byte) []byte { return proto.AppendWanted(dst, proto.Wanted{Hash: o.Hash, Data: true}) }, 64); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations an object, want 0", allocs)
	}
}

// A body costs a fixed number of allocations to land, however large it is: a
// goroutine and channels of its own. Sending one costs none.
func TestBodyAllocations(t *testing.T) {
	const most = 16
	const small, large = 4 << 20, 32 << 20
	for name, hashed := range map[string]bool{"with a digest": true, "without": false} {
		a, b := landingAllocations(t, small, hashed), landingAllocations(t, large, hashed)
		t.Logf("%s: %v for 4 MiB, %v for 32 MiB", name, a, b)
		if b > a+1 || b > most {
			t.Errorf("%s: %v allocations to land 4 MiB, %v for 32 MiB; want as many, and at most %d", name, a, b, most)
		}
	}
	out, err := NewOutbound(context.Background(), fakeConn{}, OutConfig{Pool: newPool(t, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	digest, body := md5.New(), Source(zeros{})
	if allocs := testing.AllocsPerRun(5, func() {
		if _, err := out.Body(body, 0, large, digest); err != nil {
			t.Fatal(err)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations to send a body, want 0", allocs)
	}
}

// landingAllocations is what one body costs to land.
func landingAllocations(t *testing.T, size int64, hashed bool) float64 {
	pool := newPool(t, 8)
	payload := make([]byte, 1<<20)
	in, err := NewInbound(context.Background(), fakeConn{r: &endless{p: proto.AppendChunk(nil, payload)}}, InConfig{Pool: pool, Chunked: true})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	digest := md5.New()
	if !hashed {
		digest = nil
	}
	return testing.AllocsPerRun(5, func() {
		if _, err := in.Body(context.Background(), size, nowhere{}, digest); err != nil {
			t.Fatal(err)
		}
	})
}

// zeros is a body of any size, nowhere a place for one.
type (
	zeros   struct{}
	nowhere struct{}
)

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return len(p), nil }

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
