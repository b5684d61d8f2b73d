package conformance

import (
	"slices"
	"strings"
)

// Script is one dialogue: what lies on a disk before, what goes over the wire in
// both directions, and what lies there after.
type Script struct {
	Name  string // "receiver/put-stored", as its file
	Title string // the comment that it begins with, in one line
	Needs []Need
	Steps []Step

	Framing Framing
	LF      bool // our lines end in LF alone
	Erasure bool // it is about an erasure-coded policy
}

// Seat is the side that a script judges.
type Seat string

// The seats; the folders of the scripts are named by them.
const (
	Receiver Seat = "receiver"
	Sender   Seat = "sender"
)

// Seat is who is judged: the folder's name up to its hyphen.
func (s *Script) Seat() Seat {
	folder, _, _ := strings.Cut(s.Name, "/")
	seat, _, _ := strings.Cut(folder, "-")
	return Seat(seat)
}

// Is2013 tells a script of the verb REPLICATION, which Swift spoke before 2.3.
func (s *Script) Is2013() bool { return strings.Contains(s.Name, "-2013/") }

// Verb is the method of the script's sessions.
func (s *Script) Verb() string {
	if s.Is2013() {
		return "REPLICATION"
	}
	return "SSYNC"
}

// Need is something that a script asks of the one who runs the suite: a setting
// of the judged that has to be known, or to have a value.
type Need struct{ Key, Value string }

func (n Need) String() string {
	if n.Value == "" {
		return n.Key
	}
	return n.Key + "=" + n.Value
}

// needDisk is the need of scripts whose state the wire can't bring about or ask for.
const needDisk = "disk"

// Framing is how what we say is cut into chunks.
type Framing int

// The framings.
const (
	ByLine Framing = iota // a line each, a subrequest's head as one: as Swift's senders do
	ByByte                // a byte each
	Whole                 // all that is said without listening in between, in one
)

// Side is one end of the wire.
type Side int

// The sides.
const (
	FromSender   Side = iota // ">"
	FromReceiver             // "<"
)

func (s Side) String() string { return [...]string{"sender", "receiver"}[s] }

// Kind is what a step does, or waits for, depending on whose seat it is.
type Kind int

// The kinds of steps.
const (
	Given      Kind = iota // a fact made true
	Then                   // a fact asked for
	Meanwhile              // a fact made true while the dialogue goes on
	Open                   // the usual heads, and the receiver's first blank line
	Head                   // a head, Lines
	Line                   // one line, Text
	Bytes                  // Data, Times over
	Raw                    // Data on the connection as it is
	AnyOrder               // Lines, in any order
	Ends                   // the last chunk
	HangsUp                // the connection ends, without one
	HalfCloses             // its own half of it does
	Resets                 // by a reset
	Leaves                 // ends or hangs up, whatever it says before
	NoSession              // nobody calls
	Outcome                // what the sender says of the session: Text
	Choice                 // one of Options
	Repeat                 // Steps, Times over
)

// Step is one thing of a dialogue.
type Step struct {
	At      int // line of the script
	Session int // 0, or 1 for a second one beside it
	Kind    Kind
	From    Side
	Text    string
	Lines   []string
	Data    string
	Times   int
	Other   bool // of Open: in another partition of the device
	Fact    *Fact
	Options []Option
	Steps   []Step
}

// Option is one of several ways on. The first of a choice is what is asked of an
// implementation; the others are what some are known to do, and Why.
type Option struct {
	Name, Why string
	Steps     []Step
}

// The outcomes that a sender can claim.
const (
	succeeds = "succeeds"
	fails    = "fails"
)

// needsDisk tells whether a step, or one below it, can't do without the disk.
func needsDisk(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool {
		if s.Fact != nil && s.Fact.Kind.onlyOnDisk() || needsDisk(s.Steps) {
			return true
		}
		return slices.ContainsFunc(s.Options, func(o Option) bool { return needsDisk(o.Steps) })
	})
}
