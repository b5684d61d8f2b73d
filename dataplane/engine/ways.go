package engine

import (
	"encoding/json"
	"strconv"
)

// Way is how a body of more than 64 KiB was moved.
type Way uint8

// The ways: out of a file, and into one. See the package comment.
const (
	WayRing     Way = iota // read ahead and sent by a ring
	WayZeroCopy            // the same, most of it sent without a copy
	WaySendfile            // sent from the page cache by the kernel
	WayCopy                // sent by way of the stream's buffer
	WayLandRing            // received and written by a ring
	WayLandCopy            // by way of pooled buffers
	WayLandText            // by way of the stream's text buffer
	wayCount
)

var wayNames = [wayCount]string{"ring", "ring_zc", "sendfile", "copy", "land_ring", "land_copy", "land_text"}

func (w Way) String() string { return wayNames[w] }

// Reason is why a body took its way.
type Reason uint8

// The reasons.
const (
	ReasonWarm         Reason = iota // it lay in the page cache, and no digest was asked
	ReasonCold                       // it did not
	ReasonDirect                     // it did not, and is so large that it was read past the page cache; or is written past it
	ReasonDigest                     // one was asked
	ReasonSmall                      // it is not worth the better way
	ReasonEngine                     // the engine has no better one
	ReasonNoLane                     // the better way had no lane free
	ReasonNoBuffer                   // or the pool no buffer
	ReasonNoDescriptor               // the connection or the body is no descriptor of ours
	ReasonNotDirect                  // the file is not written past the page cache
	ReasonPaced                      // a pacer grants so little at a time that it is not worth a lane
	reasonCount
)

var reasonNames = [reasonCount]string{"warm", "cold", "direct", "digest", "small", "engine", "no_lane", "no_buffer", "no_descriptor", "not_direct", "limit"}

func (r Reason) String() string { return reasonNames[r] }

// Ways counts bodies by way and reason.
type Ways [wayCount][reasonCount]int64

// Add adds the counts of other.
func (w *Ways) Add(other Ways) {
	for way := range w {
		for reason := range w[way] {
			w[way][reason] += other[way][reason]
		}
	}
}

// Each calls f for each way and reason that a body had, in a fixed order.
func (w *Ways) Each(f func(way Way, reason Reason, bodies int64)) {
	for way := range wayCount {
		for reason := range reasonCount {
			if n := w[way][reason]; n != 0 {
				f(way, reason, n)
			}
		}
	}
}

// By sums up a way.
func (w *Ways) By(way Way) (bodies int64) {
	for _, n := range w[way] {
		bodies += n
	}
	return bodies
}

// For sums up a reason.
func (w *Ways) For(reason Reason) (bodies int64) {
	for way := range w {
		bodies += w[way][reason]
	}
	return bodies
}

// String is for a log line: "ring/digest:3 sendfile/warm:12"; "none" where no body
// went.
func (w Ways) String() string {
	var text []byte
	w.Each(func(way Way, reason Reason, bodies int64) {
		text = append(text, ' ')
		text = append(text, way.String()...)
		text = append(text, '/')
		text = append(text, reason.String()...)
		text = append(text, ':')
		text = strconv.AppendInt(text, bodies, 10)
	})
	if text == nil {
		return "none"
	}
	return string(text[1:])
}

// MarshalJSON makes an object: {"ring/digest":3,"sendfile/warm":12}.
func (w Ways) MarshalJSON() ([]byte, error) {
	counts := map[string]int64{}
	w.Each(func(way Way, reason Reason, bodies int64) { counts[way.String()+"/"+reason.String()] = bodies })
	return json.Marshal(counts)
}
