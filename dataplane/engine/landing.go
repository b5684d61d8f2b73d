package engine

import (
	"hash"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

const (
	// One buffer is received into and written from while the digest works on
	// another; two more absorb the unevenness of both.
	landingDepth = 4
	// Writes of 1 MiB at multiples of it, whatever the size of a buffer.
	landingBytes = 1 << 20
)

// landing is one large body on its way. The owner of the stream receives into
// a buffer and writes it; the digest, the slowest of the three, runs beside in
// a goroutine of its own and passes the buffers on when it is done with them:
//
//	owner:   receive ─▶ hand over ─▶ write ─▶ receive …
//	                        │                    ▲
//	digest:                 └──────▶ Write ──────┘ free
//
// The owner takes a free buffer only after his write, so a buffer that comes
// back is done with on both sides. No channel ever blocks its sender: each has
// room for every buffer there is.
type landing struct {
	pool   *buffer.Pool
	leases [landingDepth]*buffer.Buffer
	count  int
	free   chan []byte
	full   chan landed   // to the digest; nil without one
	done   chan struct{} // closed when the digest has seen everything
}

// landed is a buffer and how much of it is filled.
type landed struct {
	buf []byte
	n   int
}

// landLarge lands n bytes by way of pooled buffers.
func (i *Inbound) landLarge(n int64, sink Sink, digest hash.Hash) (got int64, err error) {
	first := i.pool.TryGet()
	if first == nil {
		return i.landText(n, sink, digest)
	}
	l := startLanding(i.pool, first, digest)
	defer l.finish()

	for got < n {
		buf := l.next()
		part := buf[:min(int64(len(buf)), n-got)]
		off := got
		k, err := i.readFull(part, off+int64(len(part)) == n)
		got += int64(k)
		if err != nil {
			return got, err
		}
		l.handOver(landed{buf, k})
		if err := writeAt(sink, part, off); err != nil {
			return got, err
		}
	}
	return got, nil
}

func startLanding(pool *buffer.Pool, first *buffer.Buffer, digest hash.Hash) *landing {
	l := &landing{pool: pool, free: make(chan []byte, landingDepth)}
	l.lease(first)
	if digest != nil {
		l.full = make(chan landed, landingDepth)
		l.done = make(chan struct{})
		go l.run(digest)
	}
	return l
}

// run feeds the digest until full is closed.
func (l *landing) run(digest hash.Hash) {
	defer close(l.done)
	for piece := range l.full {
		digest.Write(piece.buf[:piece.n])
		l.free <- piece.buf
	}
}

// handOver gives a filled buffer to the digest. The owner may still read it,
// until he calls next.
func (l *landing) handOver(piece landed) {
	if l.full == nil {
		l.free <- piece.buf
		return
	}
	l.full <- piece
}

// lease adds a buffer to the free ones.
func (l *landing) lease(b *buffer.Buffer) {
	l.leases[l.count] = b
	l.count++
	l.free <- b.Bytes()[:min(landingBytes, len(b.Bytes()))]
}

// next returns a buffer that nobody works on. While there are more to be had
// it takes another one rather than wait.
func (l *landing) next() []byte {
	select {
	case buf := <-l.free:
		return buf
	default:
	}
	if l.count < landingDepth {
		if b := l.pool.TryGet(); b != nil {
			l.lease(b)
		}
	}
	return <-l.free
}

// finish waits for the digest and gives the buffers back.
func (l *landing) finish() {
	if l.full != nil {
		close(l.full)
		<-l.done
	}
	for k := range l.count {
		l.leases[k].Release()
		l.leases[k] = nil
	}
}
