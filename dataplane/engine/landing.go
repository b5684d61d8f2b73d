package engine

import (
	"hash"
	"slices"
	"sync/atomic"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

const (
	// One buffer is received into while the digest works on another and a third
	// is being written; one more absorbs the unevenness of the three.
	landingDepth = 4
	// While the pool has plenty, a body may run ahead of its digest by as much
	// as half a large object: the next body arrives, and its digest begins on
	// another core, before this one's has ended. With 4 buffers one core's MD5
	// is the limit of a stream; with 32 two are (64 MiB objects: 1.0 → 0.7 s).
	// A disk that is behind gains nothing by it, and memory that the processor's
	// cache has forgotten is dear to fill: the receiver takes 1.6 times the
	// processor time with 32 buffers (64 MiB objects, no digest).
	landingAhead = 32
	// Writes of 1 MiB at multiples of it, whatever the size of a buffer.
	landingBytes = 1 << 20
	// A stream's bodies that may be landing at once: each has a digest of its
	// own, so that the digests of middling bodies run side by side. More would
	// take the buffers from other streams.
	landingsAtOnce = 4
)

// Landing is a large body on its way. The owner of the stream receives into a
// buffer and hands it over to two goroutines, one that writes and one that
// feeds the digest, the slowest of the three. (Several digests have a goroutine
// each.) Whoever is done last with a buffer sets it free:
//
//	owner:   receive ─▶ hand over ─▶ receive …
//	                      │   │         ▲
//	writer:               │   └▶ WriteAt ┤
//	digest:               └────▶ Write  ─┴ free
//
// When the owner has received all of it, he may turn to what follows in the
// stream; the two end by themselves. Where a ring writes, there is no writer: it
// receives too, on a thread of its own, and the owner waits until it has. No channel ever blocks its sender: each
// has room for every buffer there is.
type Landing struct {
	pool    *buffer.Pool
	sink    Sink
	pieces  []piece
	leases  int // of pieces, how many have a buffer
	free    chan *piece
	write   chan *piece
	digests []chan *piece // one for each
	users   int32         // of each piece: the writer, and each digest
	busy    atomic.Int32  // of them, those who have not ended
	done    chan struct{}
	failed  atomic.Pointer[SinkError] // the first write that failed; none is made after it
	ring    ringWriter                // instead of the writer; nil without one
}

// ringWriter is the writer of a body that lands by a ring: on the goroutine that
// receives, beside the receiving.
type ringWriter interface {
	receiving(*piece)
	start(*piece)
	awaitFree() // returns when a piece may be free, or only the digest holds them
}

// piece is a buffer, what of the body it holds, and how many have still to do
// with it.
type piece struct {
	lease *buffer.Buffer
	index int
	bytes []byte
	off   int64
	users atomic.Int32
}

// Wait returns when all of the body is written and digested, with a *SinkError
// if it could not be. A nil Landing is a body that has landed already. It may be
// called by any goroutine, and again.
func (l *Landing) Wait() error {
	if l == nil {
		return nil
	}
	<-l.done
	if err := l.failed.Load(); err != nil {
		return err
	}
	return nil
}

// landLarge receives n bytes into pooled buffers; nil with the body landed where
// there was none to be had.
func (i *Inbound) landLarge(n int64, sink Sink, digests []hash.Hash) (l *Landing, got int64, err error) {
	first := i.pool.TryGet()
	if first == nil {
		i.engine.count(&i.ways, WayLandText, ReasonNoBuffer)
		got, err = i.landText(n, sink, digests)
		return nil, got, err
	}
	i.awaitLandings(landingsAtOnce - 1)
	l = startLanding(i.pool, first, n, sink, digests)
	got, byRing, err := i.landByRing(l, n)
	if !byRing {
		go l.runWriter()
		got, err = i.receiveInto(l, n)
	}
	l.end()
	if got == n && err == nil {
		err = i.vouch()
	}
	if got < n || err != nil {
		if failed := l.Wait(); err == nil {
			err = failed
		}
		return nil, got, err
	}
	i.landings = append(i.landings, l)
	return l, got, nil
}

// awaitLandings waits until at most n bodies are landing.
func (i *Inbound) awaitLandings(n int) {
	for len(i.landings) > n {
		<-i.landings[0].done
		i.landings = append(i.landings[:0], i.landings[1:]...)
	}
}

// receiveInto fills buffers and hands them over. It stops when a write has
// failed: what comes then lands nowhere.
func (i *Inbound) receiveInto(l *Landing, n int64) (got int64, err error) {
	for got < n && l.failed.Load() == nil {
		p := l.next()
		p.off = got
		if l.ring != nil {
			l.ring.receiving(p)
		}
		p.bytes = p.bytes[:min(int64(cap(p.bytes)), n-got)]
		k, err := i.readFull(p.bytes, p.off+int64(len(p.bytes)) == n)
		got += int64(k)
		if err != nil {
			return got, err
		}
		l.handOver(p)
	}
	return got, nil
}

// startLanding starts all but the writer.
func startLanding(pool *buffer.Pool, first *buffer.Buffer, n int64, sink Sink, digests []hash.Hash) *Landing {
	depth := int(max(1, min(landingAhead, (n+landingBytes-1)/landingBytes)))
	l := &Landing{
		pool: pool, sink: sink,
		pieces: make([]piece, depth),
		free:   make(chan *piece, depth),
		write:  make(chan *piece, depth),
		done:   make(chan struct{}),
	}
	l.lease(first)
	l.users = 1 + int32(len(digests))
	l.busy.Store(l.users)
	for _, d := range digests {
		pieces := make(chan *piece, depth)
		l.digests = append(l.digests, pieces)
		go l.runDigest(d, pieces)
	}
	return l
}

func (l *Landing) runWriter() {
	defer l.leave()
	for p := range l.write {
		if l.failed.Load() == nil {
			l.failed.Store(writeAt(l.sink, p.bytes, p.off))
		}
		l.putBack(p)
	}
}

func (l *Landing) runDigest(digest hash.Hash, pieces <-chan *piece) {
	defer l.leave()
	for p := range pieces {
		digest.Write(p.bytes)
		l.putBack(p)
	}
}

// lease adds a buffer to the free ones.
func (l *Landing) lease(b *buffer.Buffer) {
	p := &l.pieces[l.leases]
	p.index = l.leases
	l.leases++
	size := min(landingBytes, len(b.Bytes()))
	p.lease, p.bytes = b, b.Bytes()[:size:size]
	l.free <- p
}

// next returns a buffer that nobody works on: another one rather than wait, where
// that is worth while.
func (l *Landing) next() *piece {
	select {
	case p := <-l.free:
		return p
	default:
	}
	if b := l.another(); b != nil {
		l.lease(b)
	} else if l.ring != nil {
		l.ring.awaitFree()
	}
	return <-l.free
}

// another takes one more buffer from the pool; beyond the first few only for a
// digest, and what the pool can spare.
func (l *Landing) another() *buffer.Buffer {
	switch {
	case l.leases == len(l.pieces):
		return nil
	case l.leases < landingDepth:
		return l.pool.TryGet()
	case l.digestBehind():
		return l.pool.TrySpare()
	}
	return nil
}

// digestBehind tells whether it is a digest that pieces wait for.
func (l *Landing) digestBehind() bool {
	return slices.ContainsFunc(l.digests, func(pieces chan *piece) bool { return len(pieces) >= landingDepth/2 })
}

// handOver gives a filled piece to those who have to do with it.
func (l *Landing) handOver(p *piece) {
	p.users.Store(l.users)
	for _, pieces := range l.digests {
		pieces <- p
	}
	if l.ring != nil {
		l.ring.start(p)
	} else {
		l.write <- p
	}
}

func (l *Landing) putBack(p *piece) {
	if p.users.Add(-1) == 0 {
		l.free <- p
	}
}

// end says that nothing more is handed over.
func (l *Landing) end() {
	close(l.write)
	for _, pieces := range l.digests {
		close(pieces)
	}
}

// leave is called by each of the goroutines as its last; the last of them gives
// the buffers back.
func (l *Landing) leave() {
	if l.busy.Add(-1) > 0 {
		return
	}
	for k := range l.leases {
		l.pieces[k].lease.Release()
		l.pieces[k] = piece{}
	}
	close(l.done)
}
