// Package peer puts a real OpenStack Swift on the other end of the loopback:
// for interop tests, and as the baseline of the benchmark harness.
//
// Nothing here imitates Swift. Every function starts a short Python helper
// that calls the installed Swift's own code, and each stands in one seat:
//
//	Fill               Swift's diskfile writes what a sender has on its disk
//	Send               Swift's ssync Sender pushes it, to Swift or to us
//	StartObjectServer  Swift's object server receives it, from Swift or from us,
//	                   until it is told to stop, to hang or to die
//	Reconstruct        Swift's reconstructor makes fragments that are missing
//	Inspect, Hashes    Swift's diskfile says what it finds on a disk
//	Audit              Swift's auditor reads every byte of it
//	BuildRing          Swift's ring builder says where partitions belong
//	RunDaemon          Swift's replicator or updater makes one pass
//
// So a test of our receiver is Fill, Send to it, Inspect both disks, DiffTrees;
// a test of our sender is Fill, StartObjectServer, our push, and the same.
//
// Whoever asks many things about one swift directory lets a Swift Stay for it, and
// need not wait for the import each time.
//
// A helper gets one line of JSON on its standard input and answers in JSON. It
// leads a process group of its own, which is killed when its context ends; and
// its standard input is its lifeline, so that it ends itself when the Go
// program dies without a word (its copy of the scripts then stays in $TMPDIR).
// Nothing in /etc/swift has a say: the swift.conf is the one that WriteSwiftConf
// made.
//
// Strings that come from the wire or the disk (object names, header names and
// values) are bytes in a Go string, whatever their encoding: "caf\xc3\xa9" is
// what a client sent as UTF-8.
//
// The package knows nothing of ringsync's other rooms.
package peer
