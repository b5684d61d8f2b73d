// Package model holds a test that does random things to two disks, lets sessions,
// failing calls and power cuts come between, and compares what is there with a
// model that is simple enough to be believed. It has nothing to import.
//
// The model of a name is a register for its data and one for its metadata: the
// newest time wins in each, and metadata older than the data does not count. Some
// names are overwritten and posted to, the others overwritten and deleted. A revert
// is a session that leaves nothing of what the other disk has proven to hold, and
// all else as it was. What was not acknowledged may have happened or not: so the
// model holds, for each disk and name, all states that may be found, and an
// acknowledgement leaves one.
package model
