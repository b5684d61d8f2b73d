package uring

import (
	"os"
	"unsafe"
)

// MappedBytes is what a ring of so many entries maps: SQEs, twice as many CQEs, the
// array between, some counters, and its own memory for what operations need. The
// kernel keeps some more for itself.
func MappedBytes(entries int) int64 {
	page := int64(os.Getpagesize())
	pages := func(n int64) int64 { return (n + page - 1) / page * page }
	n := int64(entries)
	// Sizeof is of the types that the kernel lays out so.
	sqes := n * int64(unsafe.Sizeof(sqe{}))
	rings := 2*n*int64(unsafe.Sizeof(cqe{})) + 4*n + counterBytes
	return pages(sqes) + pages(rings) + pages((n+1)*slotBytes)
}

// counterBytes lie before the CQEs.
const counterBytes = 64

// mapped is what this ring has mapped.
func (r *Ring) mapped() int64 {
	return int64(len(r.queues.rings) + len(r.queues.entries) + len(r.scratch))
}
