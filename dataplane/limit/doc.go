// Package limit says how many bytes may pass in a second: of the node as a whole, of
// each device and of each peer, in each direction.
//
//	direction   out: what we send. in: what we receive
//	rate        bytes a second; 0: no limit
//	bucket      of the node, of a device, of a peer: bytes that were granted, and bytes
//	            that its rate has paid for
//	stream      one direction of a connection; it draws from three buckets, and the
//	            slowest decides
//	least       what a stream gets in any case, so that its other end does not give up
//
// A bucket is two counters, and a line between them that moves with time:
//
//	──────────────▶ paid ─────────────▶ granted
//	                 │◀──── owed ──────▶│◀─ at most spare ahead, when nobody asks
//
// Who asks for some bytes is granted a part of them, which is added at once, and
// waits until paid has come to where granted stands then. So everybody comes in his
// turn without a list of who waits; and when the rates change, all that wait reckon
// anew, at once.
//
// A limit slows a stream and never stops it: what it waits for n bytes is bounded by
// its least. As long as all streams can have twice their least within a limit, that is
// kept exactly, but for a burst of what half a second pays for. Below that more may
// pass, and what was too much is not made up for later.
//
// golang.org/x/time/rate would not do: who waits there does not hear of a change, nor
// can ask for more than a burst, and three limiters would have to be asked as one.
//
// The room knows nothing of Swift; devices and peers are names.
package limit
