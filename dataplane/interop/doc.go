// Package interop holds tests against a real OpenStack Swift, in both seats of
// the dialogue, judged by Swift's own code. It has nothing to import.
package interop
