// Package ssync speaks Swift's SSYNC dialogue, from both seats: a Sender that
// offers what a partition has, and a Receiver that asks for what it lacks.
//
//	Sender                                        Receiver
//	  SSYNC /sda/13 HTTP/1.1 ───────────────────▶   checks the head
//	  ◀─────────────────────────────── 200, CRLF    then waits for locks and a slot
//	  :MISSING_CHECK: START
//	  <hash> <times> … ─────────────────────────▶   opens what it has of each
//	  :MISSING_CHECK: END
//	  ◀───────────────────── :MISSING_CHECK: START
//	                         <hash> d|m|dm …        what it lacks
//	                         :MISSING_CHECK: END
//	  :UPDATES: START
//	  PUT, POST, DELETE … ──────────────────────▶   lands, checks and commits each
//	  :UPDATES: END
//	  ◀─────────── :UPDATES: START, :UPDATES: END   all of it is durable
//	  0 ────────────────────────────────────────▶
//
// That is the dialogue of Swift since 2.3. Its forerunner of 2013, the verb
// REPLICATION, differs in a few steps, which are in dialect.go.
//
// Two of ours agree on more in the heads of request and answer (proto.Features):
//
//	xxh64    each chunk, but for a large body's bytes from the page cache or a
//	         ring, carries the xxhash64 of its payload; no line, no head and no
//	         small body of a chunk that is damaged is acted on: see engine/sums.go
//	results  wanted lines come while offers still go out: see receiver_results.go
//	stored   the chunk that ends with a large PUT's head announces the xxhash64 that
//	         was stored beside the body, which is held against that: see verify.go
//	none     bodies are held against nothing, and no session of that kind proves any
//
// Nothing of it is in a subrequest's head, where Swift would store it.
//
// sender.go and receiver.go are twins: the same four steps, read side by side.
// Push, on top of the sender, moves a whole partition and proves it: it cuts it
// into sessions and finds out, object by object, what became of a session that
// failed.
//
// What a peer may rely on: an object that is not wanted is held, readable and
// durable; when :UPDATES: END is answered, everything sent is durable.
package ssync
