// Package buffer holds the memory that bodies travel through.
//
// A Pool is one reservation of address space, cut into equal, page-aligned
// buffers. Nothing of it is memory until a buffer is first handed out:
//
//	     reserved (no access)                          Count × Bytes
//	┌────────┬────────┬────────┬ ─ ─ ─ ─┬ ─ ─ ─ ─┬ ─ ─ ─ ─┐
//	│ in use │  free  │ in use │
//	└────────┴────────┴────────┴ ─ ─ ─ ─┴ ─ ─ ─ ─┴ ─ ─ ─ ─┘
//	0                 opened ──▶ grows by one buffer when none is free
//
// The memory is mapped, never the Go heap: the collector neither scans nor
// moves it, the kernel may be given it for as long as an operation is in
// flight, and being one piece it can be registered as a whole.
//
// While the kernel works on a buffer it is lent to it. In a build with the tag
// `invariants`, on Linux, such a buffer is out of bounds for Go: see Lend.
//
// The ceiling is the point of a pool. Get waits there, TryGet does not. A
// caller that holds a buffer while it waits for another can wait for ever, so
// whoever needs several takes all but the first with TryGet and makes do.
//
// Text buffers, which hold lines and heads, are ordinary memory. They come
// from the same Pool so that one number says whether anything leaked.
package buffer
