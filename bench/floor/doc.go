// Package floor does the least that the work could be: what no replication can be
// faster than. Each part is a program of its own ("ringsync bench floor …"), so
// that what it takes is measured as everybody's is.
//
//	send, receive   the sender's files over one TCP stream, sendfile(2) → recv,
//	                pwritev(2); nothing is checked, nothing fsynced
//	one             the sender's files to drain, one after the other, each opened,
//	                looked at and read as a program without a plan would
//	pour, drain     as many bytes over one TCP stream, from memory to nowhere: the
//	                network's own
//	write           files of the same sizes, written past the page cache, each
//	                fsynced: the disk's own
//	read            the sender's files read past the page cache
//	md5             MD5 of as many bytes, on one core: what checking an ETag costs
package floor

// Result is what a part did.
type Result struct {
	Files   int     `json:"files"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	Direct  bool    `json:"direct"` // past the page cache; this file system may not allow it
}
