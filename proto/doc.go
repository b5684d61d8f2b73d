// Package proto holds the words of Swift's replication wire: it turns them
// into bytes and bytes into them. It does no I/O, takes no lock, logs nothing
// and knows neither disks nor sockets; AppendX extends a slice, ParseX reads
// one line or head that somebody else has cut out of a stream.
//
// Two streams make a session, each a chunked HTTP/1.1 body with lines inside:
//
//	SSYNC /sda/13 HTTP/1.1\r\n … \r\n\r\n        RequestHead
//	17\r\n                                       a chunk's size, hex
//	  :MISSING_CHECK: START\r\n                  marker
//	\r\n                                         a chunk's end
//	43\r\n
//	  df49…8f80 1700000001.00000 m:61a80\r\n     Offer
//	\r\n
//	23\r\n
//	  df49…8f80 dm\r\n                           Wanted
//	\r\n
//	4e\r\n
//	  PUT /AUTH_a/c/o1\r\n                       subrequest
//	  Content-Length: 5\r\n … \r\n               Header
//	\r\n
//	5\r\nhello\r\n                               body, framed in place
//	0\r\n\r\n                                    LastChunk
//
// Where chunks begin and end carries no meaning: a line may lie across two,
// and one may hold many lines.
//
//	hash        32 hex digits, the MD5 that names an object's directory
//	suffix      the last three of them, the directory above it
//	timestamp   10 µs ticks since the epoch, and an offset that breaks ties
//	offer       "I have this object, as of these times"
//	wanted      "send me its data, its metadata, or both"
//	subrequest  a small HTTP request without a version, inside the stream
//
// The 2013 forms (the verb REPLICATION) have names that end in 2013.
//
// Everything read here came from a stranger: each parser is bounded, refuses
// with a *SyntaxError and quotes no more than 64 bytes of what it was given.
package proto
