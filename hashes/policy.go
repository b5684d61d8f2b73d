package hashes

import "strconv"

// Kind says how a policy protects its objects.
type Kind int

const (
	// Replication keeps whole copies; the object-replicator's policies.
	Replication Kind = iota
	// ErasureCoding keeps fragments; the object-reconstructor's policies.
	ErasureCoding
)

// String returns the policy_type as swift.conf writes it.
func (k Kind) String() string {
	if k == ErasureCoding {
		return "erasure_coding"
	}

	return "replication"
}

// Policy is a storage policy: one data directory on each device and one ring.
// Source: storage_policy.py, BaseStoragePolicy.
type Policy struct {
	Index   int
	Name    string
	Aliases []string // further names, without Name
	Kind    Kind

	Default    bool // new containers get this policy
	Deprecated bool // new containers may not ask for it; its objects stay

	// Fragments is the number of distinct fragments of an object, data and
	// parity: file names carry an index below it. 0 for Replication.
	Fragments int
}

// DataDir returns the directory of a device that holds the policy's
// partitions: "objects", "objects-1", …
func (p Policy) DataDir() string { return p.indexed("objects") }

// TmpDir returns the directory of a device for the policy's unfinished files:
// "tmp", "tmp-1", …
func (p Policy) TmpDir() string { return p.indexed("tmp") }

// RingName returns the policy's ring file without ".ring.gz": "object",
// "object-1", …
func (p Policy) RingName() string { return p.indexed("object") }

// indexed mirrors storage_policy.py, get_policy_string: index 0 is older than
// policies are and has no number.
func (p Policy) indexed(base string) string {
	if p.Index == 0 {
		return base
	}

	return base + "-" + strconv.Itoa(p.Index)
}
