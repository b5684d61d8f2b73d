// Package uring is the kernel's ring: a queue of operations that go down
// (submission queue entries, SQEs) and one of results that come up (completion
// queue events, CQEs), both shared memory.
//
//	Read, Write, Send, Recv … ─▶ SQE SQE SQE ══ Submit, Wait ══▶ kernel
//	                     Next ◀─ CQE CQE     ◀══════════════════
//
// It stands on the syscall package of iouring-go and owns the loop itself. It
// moves bytes between descriptors and pooled buffers (dataplane/buffer); what
// they mean it does not know.
//
// # Who owns what, and until when
//
// A Ring belongs to one goroutine, locked to its thread: the kernel holds it to
// that. An operation lends its buffers to the kernel until its completion was
// taken with Next, for a zero-copy send until the second one, the notification.
// Nothing but a completion ends a loan: not a deadline, not an error, not the
// end of a context. To stop something means to Cancel it and to go on reaping;
// Drain does that for all that is in flight, and Close never leaves the kernel
// with memory that we have given back.
//
// What the kernel reads besides buffers (message headers, paths, times) lies in
// the ring's own mapped memory, a slot for each operation. So nothing that the
// kernel sees is ever on the Go heap, and the collector has no part in it.
//
// Buffers are registered, files are not: an operation on a registered file takes 12 ns
// less (4 KiB from the page cache, 275 before), and to put a file into the table takes 1.4
// to 1.8 µs. That pays after some 130 operations, and a body of 64 MiB has 64 reads.
//
// This is the only room that imports unsafe. Each use has the sentence that
// makes it sound.
//
// # Lanes
//
// A Lane is a ring with its thread, made once and lent for one transfer. Lanes
// are few; who finds none takes another way at once.
package uring
