package proto_test

import (
	"fmt"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

func BenchmarkFrameInPlace(b *testing.B) {
	const payload = 1 << 20
	buf := make([]byte, proto.ChunkHeadroom+payload+proto.ChunkTail)
	b.ReportAllocs()
	for b.Loop() {
		proto.FrameInPlace(buf, proto.ChunkHeadroom, proto.ChunkHeadroom+payload)
	}
}

// BenchmarkDechunk reads a stream of equal chunks in pieces of 64 KiB.
func BenchmarkDechunk(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			var stream []byte
			for len(stream) < 1<<20 {
				stream = proto.AppendChunk(stream, make([]byte, size))
			}
			var d proto.Dechunker
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := stream; len(rest) > 0; {
					_, n, err := d.Next(rest[:min(len(rest), 64<<10)])
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}

func BenchmarkAppendOffer(b *testing.B) {
	o := offer(b, "1700000001", "1700000005", "1700000005")
	buf := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		buf = proto.AppendOffer(buf[:0], o)
	}
}

func BenchmarkParseOffer(b *testing.B) {
	line := proto.AppendOffer(nil, offer(b, "1700000001", "1700000005", "1700000005"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := proto.ParseOffer(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendWanted(b *testing.B) {
	w := proto.Wanted{Hash: offer(b, "1700000001", "1700000001", "1700000001").Hash, Data: true, Meta: true}
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = proto.AppendWanted(buf[:0], w)
	}
}

func BenchmarkParseWanted(b *testing.B) {
	line := proto.AppendWanted(nil, proto.Wanted{Hash: offer(b, "1700000001", "1700000001", "1700000001").Hash, Data: true, Meta: true})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := proto.ParseWanted(line); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendChunk frames by copying, as is done with lines and small bodies.
func BenchmarkAppendChunk(b *testing.B) {
	for _, size := range []int{64, 4 << 10} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			payload := make([]byte, size)
			buf := make([]byte, 0, size+proto.ChunkHeadroom+proto.ChunkTail)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				buf = proto.AppendChunk(buf[:0], payload)
			}
		})
	}
}

func BenchmarkParseTimestamp(b *testing.B) {
	for _, text := range []string{"1700000005.12345", "1700000005.12345_000000000000000a", "1.7e9"} {
		b.Run(text, func(b *testing.B) {
			line := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := proto.ParseTimestamp(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTimestampAppendInternal(b *testing.B) {
	at := ts(b, "1700000005.12345")
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		buf = at.AppendInternal(buf[:0])
	}
}

func BenchmarkAppendSubrequest(b *testing.B) {
	headers := []proto.Header{
		{Name: "Content-Length", Value: "4096"},
		{Name: "Content-Type", Value: "application/octet-stream"},
		{Name: "ETag", Value: "5d41402abc4b2a76b9719d911017c592"},
		{Name: "X-Timestamp", Value: "1700000001.00000"},
	}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = proto.AppendSubrequest(buf[:0], "PUT", "/AUTH_a/container/object 1", headers)
	}
}

func BenchmarkParseRequestHead(b *testing.B) {
	head := []byte(ssyncHead)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := proto.ParseRequestHead(head); err != nil {
			b.Fatal(err)
		}
	}
}
