// Package replicator brings this node's partitions to where the rings say they
// belong, as Swift's object-replicator does with ssync: on the same rings, disks
// and configuration, beside nodes that run Swift's.
//
//	Run ──▶ pass ── collect ──▶ jobs, one a partition on a disk of ours
//	          │                     │
//	          │   this disk is one of its primaries       it is not: a handoff
//	          │                update                         revert
//	          │    REPLICATE there, digests here     all of it to each primary,
//	          │    meanwhile; suffixes that differ   what enough of them have is
//	          │    are pushed                        removed, object by object
//	          ▼
//	      log lines, recon cache, statsd and metrics
//
// Nothing is ever pulled: what is missing here another node pushes. And nothing is
// removed but by revert: an object goes only when as many primaries as
// handoff_delete says (all, by default) were proven to hold it under exactly the
// times that it has here; see [ssync.Result]. A partition that no ring has, or
// that has no primaries, is nobody's handoff, and is left alone.
//
// Words used here:
//
//	pass     one round over all partitions; a cycle is its number modulo ten
//	job      one partition on one device
//	visit    a job being done: the device is open
//	peer     a device of another node; a peer that was busy, unmounted or out of
//	         reach is on hold: not asked again for a while
//	stale    a device of ours that was away for longer than reclaim_age: the
//	         tombstones that it missed are gone, so it would bring deleted objects
//	         back; it pushes nothing until an operator accepts that
package replicator
