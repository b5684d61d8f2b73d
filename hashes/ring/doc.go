// Package ring reads Swift's rings: the files that say on which devices of a
// cluster each partition belongs, and where else its objects may be met. It
// does no I/O but an io.Reader; who opens the file and when it is read again is
// decided above.
//
//	row 0   5  1 12  8 14 …    a column is a partition, 2^(part power) of them;
//	row 1  14 11  3  4  0 …    a row is a replica; a number is a device's id
//	row 2   0  6  9 …          the last row may be shorter: 2.6 replicas
//
// Two formats are about, both in gzip. Version 1, which every Swift since 2012
// reads and writes:
//
//	| "R1NG" | 0 1 | JSON's bytes (4) | JSON: devices, shift, … | row | row | …
//
// Version 2, since 2.36, on request:
//
//	| "R1NG" | 0 2 | blob | blob | … | index | its offset (8) | compressed (8) |
//	               └ bytes (8), then so many        └ JSON: name → where, digest
//
// Words used here:
//
//	device      a disk of a node, with the node's addresses; its id is its place
//	            in the list, in which an id that is gone has left a hole
//	primary     a device that the table names for a partition
//	handoff     any other device that the table names, in an order which all
//	            nodes of a cluster find alike ([Ring.Handoffs])
//	tier        region, zone in a region, address in a zone: handoffs come from
//	            new ones first
package ring
