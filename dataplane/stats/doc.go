// Package stats counts what a node does, for two kinds of listeners: Prometheus,
// which comes and reads, and statsd, which is told under the names that Swift's
// object server uses.
//
//	Node ── Begin ──▶ Request ── At, Session ──▶ End      one for each request
//	ssync.Receiver ── Settled ──▶                         one for each subrequest
//	store.Store ──── Noticed ──▶                          quarantines, suspects
//	                    │
//	                    ├──▶ Handler    /metrics, a registry of its own
//	                    └──▶ statsd     UDP, never waited for
//
// What labels a series is bounded: a device by what lies in the devices
// directory, a policy by swift.conf, a verb and a reason by the words known
// here. Whatever else a peer may write becomes "" or "other".
//
// All of it works on nil too, and counts nothing: a node that nobody watches
// pays nothing.
package stats
