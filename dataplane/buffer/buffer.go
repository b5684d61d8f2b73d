package buffer

// Buffer is a piece of mapped memory with one owner. Lending it to the kernel
// or to a goroutine does not change the owner; only the owner may release it,
// once, when nobody works on it any more.
type Buffer struct {
	pool   *Pool
	index  int    // place in the slab
	bytes  []byte // of the slab
	kernel []byte // the same memory, as the kernel is given it
	out    bool   // handed out; guarded by pool.mu
	lent   lent
}

// Bytes is the whole buffer, page-aligned. It must not be used after Release.
func (b *Buffer) Bytes() []byte { return b.bytes }

// Index is the buffer's place in the slab: the same for the life of the pool,
// in [0, Count), and so the number under which it can be registered.
func (b *Buffer) Index() int { return b.index }

// Of tells whether the buffer is one of p's.
func (b *Buffer) Of(p *Pool) bool { return b.pool == p }

// Release gives the buffer back to its pool. Releasing it twice panics: the
// second release would take the buffer from whoever owns it by then. With the
// build tag `invariants` the contents are scrambled, so that a use after the
// release shows.
func (b *Buffer) Release() { b.pool.put(b) }
