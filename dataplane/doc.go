// Package dataplane is a storage node's replication port: it puts the house
// together and answers the requests of other nodes.
//
//	Node ── accepts ──▶ a connection: one request, then closed
//	  │                   SSYNC, REPLICATION   ssync.Receiver
//	  │                   REPLICATE            the digests of a partition
//	  │                   /healthcheck, /recon/, OPTIONS
//	  │                   the rest, and all of erasure-coded policies:
//	  │                     joined with a connection to Python's object server
//	  ├── store, buffers, receiver: made once, shared by all
//	  └── stats: told of each request, if there is one
//
// The heads are read by proto and not by net/http, since a session's request and
// answer flow side by side, and its body must be had as it came.
package dataplane
