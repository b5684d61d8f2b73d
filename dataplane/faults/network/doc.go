// Package network holds tests in which the network between a sender and a
// receiver fails, at every stage of the dialogue and in both directions. It has
// nothing to import.
//
// What TCP delivers damaged (its checksum is weak) meets three guards: chunks must
// fit, names must hash to what was asked for, bodies must have the MD5 of their
// ETag. Nothing on Swift's wire guards the other headers: a bit that flips in
// X-Object-Meta-Color is stored as it came. So of damaging faults the tests claim
// that no damaged body is published, of all others that nothing is damaged.
package network
