// Package bench measures replication: the same work for ringsync and for a real
// Swift, on the same machine, in the same run, verified before it counts.
//
//	workload   what is replicated: S small objects, L large ones, N nothing to do
//	pairing    who sends and who receives: ours or Swift's, each a process of its own
//	run        one pairing doing one workload once: seconds, CPU of both sides
//	report     medians and spread of the runs, as a table or as JSON
//
// The pairings take turns (A B C D, A B C D, …), so that whatever else the
// machine does hits all of them alike. After each run the receiver's tree is
// compared with the sender's, body by body; a run that differs is an error, and
// not a figure.
package bench
