package replicator

import "time"

// Status is what a replicator does at a moment, and why what waits does.
type Status struct {
	At   time.Time  `json:"at"`
	Pass PassStatus `json:"pass"`

	Waits   []Wait         `json:"waits"`   // what holds up more than one device
	Devices []DeviceStatus `json:"devices"` // this node's, by name
	Peers   []PeerStatus   `json:"peers"`   // those in trouble first; MaxPeers of them
	Jobs    []JobStatus    `json:"jobs"`    // in hand, the oldest first; MaxJobs of them
	Stuck   []Stuck        `json:"stuck"`   // what does not advance, the longest first; MaxStuck of it

	PeersLeft   int `json:"peers_left_out"` // for being too many
	JobsLeft    int `json:"jobs_left_out"`
	StuckInAll  int `json:"stuck_in_all"` // also those that are not listed
	StuckUnseen int `json:"not_remembered"`
}

// How much of each a Status lists.
const (
	MaxPeers = 1000
	MaxJobs  = 1000
	MaxStuck = 100
)

// What a pass is about.
const (
	PassNone    = "none"    // there was none yet
	PassLooking = "looking" // reads rings and lists partitions
	PassWorking = "working"
	PassAsking  = "waiting" // until peers that were busy are asked again
	PassIdle    = "idle"    // until the next one
)

// PassStatus is the pass in hand, or the last one.
type PassStatus struct {
	Phase  string    `json:"phase"`
	Number int       `json:"number"` // since the start; the first is 1
	Began  time.Time `json:"began,omitzero"`
	Since  time.Time `json:"since,omitzero"` // of the phase
	Until  time.Time `json:"until,omitzero"` // of the phase, where that is known

	Places    int `json:"places"`     // jobs at once
	PerDevice int `json:"per_device"` // of them on one device
	Working   int `json:"working"`    // that hold a place
	Work
}

// Work is how much there is to do, and how much is done.
type Work struct {
	Partitions int `json:"partitions"`
	Done       int `json:"done"`   // gone over, whatever came of it, and not to be asked about again
	Failed     int `json:"failed"` // of them, those that could not be brought to all their peers
	Left       int `json:"left"`
	Sessions   int `json:"sessions"` // in hand

	SuffixesLeft int64 `json:"suffixes_left"` // of sessions in hand, as far as that is known
	ObjectsLeft  int64 `json:"objects_left"`  // wanted there, and not sent yet
	Objects      int64 `json:"objects_sent"`  // in this pass
	Bytes        int64 `json:"bytes_sent"`    // of their bodies

	Rate     Rate     `json:"rate"`
	LeftSecs *float64 `json:"left_seconds"` // by partitions so far; null: not to be told
}

// DeviceStatus is one of this node's devices.
type DeviceStatus struct {
	Device string `json:"device"`
	Work
	InHand int    `json:"in_hand"` // jobs
	Waits  []Wait `json:"waits"`
}

// PeerStatus is a device of another node. Its partitions are those of ours that
// belong there too.
type PeerStatus struct {
	Peer string `json:"peer"` // address/device
	Work
	Waits []Wait   `json:"waits"`
	Last  *Trouble `json:"last_failure"`
}

// Trouble is why something failed.
type Trouble struct {
	Reason string    `json:"reason"`
	Text   string    `json:"error"` // bounded
	Peer   string    `json:"peer,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// Why something waits, beside the reasons for which a peer is on hold (busy,
// lock_timeout, unmounted, unreachable, timeout) and those for which a device is left
// out (unmounted, suspect, stale, hangs).
const (
	WaitLock          = "lock"           // for .lock-replication of a partition here
	WaitDeviceLimit   = "device_limit"   // as many jobs on this device as may be
	WaitConcurrency   = "concurrency"    // as many jobs as may be
	WaitPeerLimit     = "peer_limit"     // as many sessions with this peer as may be
	WaitRate          = "rate_limit"     // as many bytes as may be
	WaitRing          = "ring"           // of a policy: there is none, or it is being changed
	WaitHandoffsFirst = "handoffs_first" // handoffs are left, and come before all else
	WaitBusy          = "busy"
)

// Wait is why something waits.
type Wait struct {
	Reason     string    `json:"reason"`
	Partitions int       `json:"partitions,omitempty"` // that wait for this
	Policy     *int      `json:"policy,omitempty"`
	Peer       string    `json:"peer,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Text       string    `json:"error,omitempty"`
}

// What a job is about.
const (
	PhaseOpening  = "opening"  // the device
	PhaseHashing  = "hashing"  // suffixes here
	PhaseWaiting  = "waiting"  // for what Wait says
	PhaseAsking   = "asking"   // a peer for his digests
	PhaseSending  = "sending"  // a session
	PhaseRemoving = "removing" // what is proven to be elsewhere
)

// JobStatus is a job in hand.
type JobStatus struct {
	Device    string `json:"device"`
	Policy    int    `json:"policy"`
	Partition uint32 `json:"partition"`
	Kind      string `json:"kind"` // update or revert

	Phase string    `json:"phase"`
	Wait  string    `json:"wait,omitempty"`
	Peer  string    `json:"peer,omitempty"`
	Since time.Time `json:"since"` // of the phase
	Began time.Time `json:"began"`

	SuffixesLeft int64 `json:"suffixes_left"`
	Offered      int64 `json:"objects_offered"`
	Wanted       int64 `json:"objects_wanted"`
	Objects      int64 `json:"objects_sent"`
	Bytes        int64 `json:"bytes_sent"`
	Behind       bool  `json:"left_behind"` // given up, and not ended
}

// Status tells what is being done, and why what waits does. It touches no disk and
// waits for none.
func (r *Replicator) Status() Status {
	holds := r.peers.onHold()
	s := r.board.status(limited(r.cfg.Sender.Limits))
	s.addHolds(holds)
	s.sortPeers()
	r.advise(s.Stuck)
	return s
}
