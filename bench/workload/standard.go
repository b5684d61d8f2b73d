package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// Target says what the receiver has before a run.
type Target int

// The targets.
const (
	Empty   Target = iota // nothing
	Same                  // everything: there is nothing to do
	Changed               // everything, before some of the sender's objects were put anew
)

// What is counted a second.
const (
	Objects   = "objects/s"
	Megabytes = "MB/s" // of 10^6 bytes of bodies
	Offers    = "offers/s"
	Held      = "objects held/s" // of a pass: what lies on the disk, none of it is offered
)

// Set is one of the data sets that are measured, and what the receiver has of it.
type Set struct {
	Name   string
	About  string // a phrase for a table's heading
	Unit   string
	Spec   Spec
	Target Target
	Every  int  // of a Changed one: every how many-th object has changed
	Pass   bool // the work is a replicator's whole pass, by a ring
	Leaves bool // in that ring the sender's device has nothing: all of it is to go
}

// Names are those of the standard sets, in the order they are told.
var names = []string{"S", "M", "L", "X", "N", "U", "P", "H", "I"}

// Names of the standard sets.
func Names() []string { return slices.Clone(names) }

// A standard set has that many objects at scale 1.
var objects = map[string]int{"S": 20_000, "M": 2_000, "L": 64, "X": 2_000, "N": 20_000, "U": 20_000, "P": 20_000, "H": 20_000, "I": 20_000}

const (
	smallBytes  = 4 << 10
	middleBytes = 1 << 20
	largeBytes  = 64 << 20

	// changedEvery gives U's one per cent.
	changedEvery = 100
)

// Standard returns the set of a letter, with scale times its usual number of
// objects, but at least one. Its objects were put from start on.
//
//	S  20,000 × 4 KiB      the receiver has nothing
//	M   2,000 × 1 MiB      "
//	L      64 × 64 MiB     "
//	X   2,000, log-normal  "
//	N  20,000 × 4 KiB      the receiver has everything
//	U  20,000 × 4 KiB      the receiver has everything, but one in a hundred is newer here
//	P  20,000 × 4 KiB      a pass; both are primaries, the receiver has nothing
//	H  20,000 × 4 KiB      a pass; the sender is a handoff, the receiver has nothing
//	I  20,000 × 4 KiB      a pass; both are primaries, the receiver has everything
//
// The objects of N, U and I are the same.
func Standard(name string, scale float64, start proto.Timestamp) (Set, error) {
	if !slices.Contains(names, name) {
		return Set{}, fmt.Errorf("workload %.20q is none of %s", name, strings.Join(names, ", "))
	}
	if !(scale > 0 && scale <= maxScale) {
		return Set{}, fmt.Errorf("workload %s: a scale of %v is not above 0 and up to %d", name, scale, maxScale)
	}
	n := max(1, int(math.Round(scale*float64(objects[name]))))
	s := Set{Name: name, Unit: Megabytes, Spec: Spec{Prefix: name, Objects: n, Start: start, Size: Fixed(smallBytes)}}
	switch name {
	case "S":
		s.About, s.Unit, s.Spec.Seed = "small objects of 4 KiB", Objects, 1
	case "M":
		s.About, s.Spec.Seed, s.Spec.Size = "objects of 1 MiB", 2, Fixed(middleBytes)
	case "L":
		s.About, s.Spec.Seed, s.Spec.Size = "large objects of 64 MiB", 3, Fixed(largeBytes)
	case "X":
		s.About, s.Spec.Seed, s.Spec.Size = "objects of mixed sizes, log-normal", 4, LogNormal(n, 4)
	case "N":
		s.About, s.Unit, s.Target = "objects with nothing to do", Offers, Same
	case "U":
		s.About, s.Unit, s.Target, s.Every = "objects, one in a hundred changed", Offers, Changed, changedEvery
	case "P":
		s.About, s.Unit, s.Spec.Seed, s.Pass = "a pass that moves everything", Objects, 6, true
	case "H":
		s.About, s.Unit, s.Spec.Seed, s.Pass, s.Leaves = "a pass that moves all handoffs away", Objects, 7, true, true
	case "I":
		s.About, s.Unit, s.Target, s.Pass = "a pass that finds nothing to do", Held, Same, true
	}
	if s.Target != Empty {
		s.Spec.Prefix, s.Spec.Seed = "N", 5
	}
	return s, nil
}

// maxScale gives N the million objects, and ten times as many.
const maxScale = 500

// The sizes of X. Clusters hold mostly small objects and most bytes in a few
// large ones: half of X's objects are below 32 KiB, one in a hundred is above
// 7 MB, and the mean is 460 KB.
const (
	logMedian = 32 << 10
	logSigma  = 2.3
	logMin    = 64
	logMax    = 1 << 30
)

// LogNormal gives n objects sizes of a log-normal distribution, of median 32 KiB
// and sigma 2.3, kept between 64 bytes and 1 GiB. They are its quantiles, in an
// order drawn from seed: so n objects always come to the same bytes, and the
// largest is as large as the largest of n should be.
func LogNormal(n int, seed uint64) func(i int) int {
	sizes := make([]int, n)
	for i := range sizes {
		p := (float64(i) + 0.5) / float64(n)
		z := math.Sqrt2 * math.Erfinv(2*p-1)
		sizes[i] = int(min(max(logMedian*math.Exp(logSigma*z), logMin), logMax))
	}
	rand.New(rand.NewPCG(seed, seed)).Shuffle(n, func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	return func(i int) int { return sizes[i] }
}

// Bytes is the size of all bodies together.
func (s Spec) Bytes() int64 {
	var sum int64
	for i := range s.Objects {
		sum += int64(s.Size(i))
	}
	return sum
}

// Largest is the size of the largest body.
func (s Spec) Largest() int {
	largest := 0
	for i := range s.Objects {
		largest = max(largest, s.Size(i))
	}
	return largest
}

// Moved is what a run moves: objects and bytes of bodies.
func (s Set) Moved() (objects int, bytes int64) {
	switch s.Target {
	case Same:
		return 0, 0
	case Changed:
		for i := 0; i < s.Spec.Objects; i += s.Every {
			bytes += int64(s.Spec.Size(i))
		}
		return s.Spec.Touched(s.Every), bytes
	}
	return s.Spec.Objects, s.Spec.Bytes()
}
