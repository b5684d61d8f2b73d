package admin

import (
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/replicator"
)

// Status is what GET /status answers.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`

	Receiving  dataplane.Receiving `json:"receiving"`
	Replicator *replicator.Status  `json:"replicator"` // null: --replicate is off
}
