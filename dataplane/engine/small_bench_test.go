package engine

import (
	"context"
	"crypto/md5"
	"testing"
)

// Lines and 4 KiB bodies without a network: what taking the stream apart costs.
func BenchmarkSmallIn(b *testing.B) {
	ctx, digest := context.Background(), md5.New()
	var body Sink = make(memory, 4096)
	for _, row := range []struct {
		name string
		md5  bool
	}{{"plain", false}, {"md5", true}} {
		b.Run(row.name, func(b *testing.B) {
			in, err := NewInbound(ctx, fakeConn{r: smallObjects(4096)}, InConfig{Pool: newPool(b, 1), Chunked: true})
			if err != nil {
				b.Fatal(err)
			}
			defer in.Close()
			b.SetBytes(4096)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.Line(); err != nil {
					b.Fatal(err)
				}
				if row.md5 {
					_, err = in.Body(ctx, 4096, body, digest)
				} else {
					_, err = in.Body(ctx, 4096, body, nil)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Heads and 4 KiB bodies without a network: what packing them costs.
func BenchmarkSmallOut(b *testing.B) {
	out, err := NewOutbound(context.Background(), fakeConn{}, OutConfig{Pool: newPool(b, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	var body Source = make(memory, 4096)
	head := func(dst []byte) []byte { return append(dst, "PUT /a/c/o\r\nContent-Length: 4096\r\n\r\n"...) }
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		if err := out.Append(head, 1024); err != nil {
			b.Fatal(err)
		}
		if _, err := out.Body(body, 0, 4096, nil); err != nil {
			b.Fatal(err)
		}
	}
}
