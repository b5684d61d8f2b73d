// Package contestant has everybody who can do the work: ringsync in its variants,
// a real Swift, rsync, and the floors that nobody can be below.
//
//	ringsync[-ENGINE][+CHECK]   ours to ours; engine and check where not the default
//	swift-to-ringsync           Swift's ssync Sender to ringsyncd
//	ringsync-to-swift           ringsync push to Swift's object server
//	swift                       Swift's Sender to Swift's object server
//	swift-rsync                 Swift's replicator with sync_method = rsync
//	rsync, rsync-fsync          the rsync daemon alone, without and with --fsync
//	floor-…                     see package floor
//	ringsync-to-sink            ringsync push to a receiver that drops everything; see package sink
//	engine                      our engine alone, from memory to memory; see package moved
//
// Where the work is a replicator's whole pass, Swift's replicator with ssync stands
// for its Sender, ringsync replicate for ringsync push, and who has no replicator
// does not take part; see pass.go.
//
// Each is two halves, a process or several on either side of the loopback:
//
//	receive   starts what receives, into an empty disk or a full one
//	send      does the work once, and tells how long it took; what has to be
//	          imported, listed or built beforehand is not in it
//
// Before the work begins, and when everything is ready for it, the job's Begin is
// called: there the harness empties caches and starts its meters.
package contestant

import (
	"context"

	"github.com/ringsync/ringsync/bench/measure"
	"github.com/ringsync/ringsync/hashes"
)

// Job is the work, done once.
type Job struct {
	Dir        string // for configuration and state of this run; empty
	SwiftDir   string // holds swift.conf
	Cluster    *hashes.Cluster
	Source     string // devices directory of the sender's node
	Target     string // and of the receiver's; the device's directory is there
	Device     string // the same on both
	PartPower  int
	Partitions []uint32 // of the source, ascending
	Sessions   int      // at once
	Bytes      int64    // of bodies that move, for floors without files
	Pass       bool     // the work is a replicator's whole pass
	Handoff    bool     // in its ring the sender's device has no partition
	StateDir   string   // where a replicator of ours remembers its passes, from run to run

	// Begin is called when the sender is ready, before it does anything. pid is
	// its process, or 0 while it has none.
	Begin func(pid int) error

	// Count is asked to count the calls of a command before it is started. May be
	// nil.
	Count func(*Command) error
}

// Receiver is what receives, as processes.
type Receiver struct {
	Address string // HOST:PORT
	PIDs    []int  // first processes; each with its descendants is part of it
	stop    []func() error
	extra   string // rsync's address, where there are two
}

// Sent is what a sender did and took. Wanted and Offered are -1 where it does not
// tell them.
type Sent struct {
	Offered, Wanted int
	Seconds         float64
	Process         float64 // of a pass: seconds from the start of its process to the end
	Pass            *Pass   // and what the replicator says of it
	measure.Ended
}

// Check says how a run's result is verified.
type Check int

// The checks.
const (
	Trees Check = iota // both devices hold the same objects, each body against its ETag
	Files              // files as large as the sender's bodies, numbered; see package floor
	Bytes              // files with the same bytes
	None               // nothing is left behind
)

// Promise is what has been done when a contestant says that it is done.
type Promise struct {
	Digest  string `json:"digest"`  // what was checked, where
	Durable string `json:"durable"` // what was fsynced before the answer
}

// Contestant is one of those who do the work.
type Contestant struct {
	Name    string
	Promise Promise
	Check   Check
	Stored  bool // the sender's objects are to have our stored digest
	Floor   bool // not a contestant but a limit: one session, an empty receiver

	receive func(context.Context, *Job) (*Receiver, error)
	send    func(context.Context, *Job, *Receiver) (Sent, error)
	pass    func(context.Context, *Job, *Receiver) (Sent, error) // nil: it has no replicator
}

// Passes tells whether it can make a replicator's pass.
func (c *Contestant) Passes() bool { return c.pass != nil }

// Receive starts the receiving side; Stop ends it. A floor without one has no
// process in it.
func (c *Contestant) Receive(ctx context.Context, j *Job) (*Receiver, error) {
	if c.receive == nil {
		return &Receiver{}, nil
	}
	return c.receive(ctx, j)
}

// Send does the work.
func (c *Contestant) Send(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
	if j.Pass {
		return c.pass(ctx, j, r)
	}
	return c.send(ctx, j, r)
}
