// Package bench measures replication: the same work for ringsync and for what a
// user would pick instead, on the same machine, in the same run, verified before
// it counts.
//
//	suite      what is measured, by name: picks of workloads, media and contestants,
//	           in parts that can be measured alone
//	pick       a product of them
//	plan       the picks laid out: sets of data, and cells that share one
//	cell       one comparison: cache, sessions and the contestants that take turns
//	run        one contestant doing one cell's work once
//
// The contestants take turns (A B C, A B C, …), so that whatever else the machine
// does hits all of them alike. After each run the receiver's disk is compared with
// the sender's, body by body; a run that differs is an error, and not a figure. Its
// cell is left out, the others go on, and the whole has failed.
//
// The rooms below know how: workload what is sent, medium where it lies,
// contestant who does it, measure what it took, report what is told of it.
package bench
