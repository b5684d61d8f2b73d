// Package engine moves bodies between sockets and files.
//
// It knows chunks, lines and ranges of bytes, and nothing of Swift. A stream
// is one direction of a connection; each has an owner, one goroutine, who
// feeds an Outbound or empties an Inbound in order:
//
//	Append, Text ─┐                                      ┌─▶ Line
//	              ├─▶ Outbound ══▶ socket ══▶ Inbound ───┤
//	Body(Source) ─┘                                      └─▶ Body(Sink)
//
// Outbound packs the pieces into chunks. The payload is put where it will be
// sent from, so that a chunk is one contiguous write:
//
//	┌──────────┬───────────────┬──────────────────────────────┬──────┐
//	│ headroom │ "100000" CRLF │ payload, at most ChunkBytes  │ CRLF │
//	└──────────┴───────────────┴──────────────────────────────┴──────┘
//	           ▲ sent from here                          to here ▲
//
// Inbound takes chunks apart where they lie. Lines are sub-slices of its text
// buffer; a large body goes from the socket straight into the buffer it is
// written from, wherever the chunk borders fall.
//
// The seam for other ways of moving bytes is the transfer of a body as a
// whole, Outbound.Body and Inbound.Body, and not the single read or write:
// which way is best differs for each body. Every engine puts the same bytes on
// the wire (with sums, see sums.go, the chunks of a large body are another's, and
// their payload is the same); enginetest.Run is the suite that each of them has to
// pass. What a body takes, with the engine in front that has it:
//
//	out   in the page cache, no digest          sendfile  sendfile(2), its head held back for it
//	      not in it, or a digest, from 1 MiB    uring     read ahead and sent by a ring (direct from 4 MiB)
//	in    a file past the page cache, 1 MiB on  uring     received and written by a ring
//	      all others                            portable  read, write, and goroutines beside
//
// uring has all of these, sendfile what the ring does not do, auto the best that
// the kernel lets it. A body that finds no lane, no buffer or no descriptor goes
// the portable way. Rules has the choice, Ways counts what became of it.
//
// Files that will be sent soon, but for bodies read past the page cache, are fetched
// into the kernel's caches ahead of their turn, by a ring or by goroutines: see Fetch.
// A body of which nine tenths came in time then takes the way of a warm one.
//
// Where a body ends that a ring reads, the next one may have begun: see Begun.
//
// What a ring sends it tries to send without a copy (SEND_ZC), once a connection:
// the kernel's report of that decides, and where it copied all the same, as a
// loopback does, plain sends are cheaper. See ZeroCopy.
package engine
