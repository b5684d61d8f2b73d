package buffer

// Lend tells that the kernel works on the buffer from here on: to fill it
// (fills), so that nobody may look at it, or to read it, so that nobody may
// change it. TakeBack ends it, with the same word. Several may be under way.
//
// With the build tag `invariants`, on Linux, both are enforced: the buffer's
// pages are inaccessible or read-only meanwhile, to Go and not to the kernel,
// which reaches them through a mapping of its own (Kernel). A Release of a
// buffer that is lent panics, and so does lending it to be filled while the kernel
// still reads it. In other builds nothing happens.
func (b *Buffer) Lend(fills bool) { b.lent.count(b, fills, +1) }

// TakeBack ends a Lend.
func (b *Buffer) TakeBack(fills bool) { b.lent.count(b, fills, -1) }

// Kernel is the buffer's memory as the kernel is to be given it: Bytes, or
// another mapping of the same pages. What is put in by way of one is there in
// the other.
func (b *Buffer) Kernel() []byte { return b.kernel }
