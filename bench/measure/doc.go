// Package measure finds out what a run took, from what the kernel tells of other
// processes.
//
//	cpu       of a process with all its descendants, of the kernel's own threads,
//	          of the whole machine
//	process   resident memory at its peak, context switches
//	wire      bytes over the loopback
//	calls     system calls and fsyncs, counted by perf in a run of their own
//	meter     all of it between two moments
//
// The sender is a process of its own in every run, so its figures are those of
// its end (getrusage). A receiver goes on living: his are differences. What a
// machine does not show is left out, never guessed.
package measure
