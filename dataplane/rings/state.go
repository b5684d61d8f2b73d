package rings

import (
	"errors"
	"fmt"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
)

// State is what there is of a policy's ring.
type State struct {
	Policy hashes.Policy
	Path   string

	Ring *ring.Ring // nil, if none could be read so far
	Err  error      // why the file as it is now is not in use; then Ring is one of before
}

// ErrErasureCoded is returned for a policy whose objects are the reconstructor's.
var ErrErasureCoded = errors.New("erasure coded: not replicated by us, but by swift-object-reconstructor")

// PartPowerError is returned for a policy whose partitions are being split: until
// swift-object-relinker has cleaned up, an object may be linked into two of them,
// and replicating would make two files of one. Source: replicator.py, collect_jobs.
type PartPowerError struct{ From, To int }

func (e *PartPowerError) Error() string {
	if e.From == e.To {
		return fmt.Sprintf("the partition power has been raised to %d, which is not finished", e.To)
	}
	return fmt.Sprintf("the partition power is about to be raised from %d to %d", e.From, e.To)
}

// Refusal tells why nothing of the policy is to be replicated now: it is erasure
// coded, has no ring, or its partitions are being split. It is nil if there is
// no such reason.
func (s *State) Refusal() error {
	if s.Policy.Kind == hashes.ErasureCoding {
		return ErrErasureCoded
	}
	if s.Ring == nil {
		return fmt.Errorf("there is no ring: %w", s.Err)
	}
	if next, ok := s.Ring.NextPartPower(); ok {
		return &PartPowerError{From: s.Ring.PartPower(), To: next}
	}
	return nil
}
