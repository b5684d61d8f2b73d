package doctor

import (
	"fmt"
	"strings"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// Path is the way that bodies of some size and kind will take, and why.
type Path struct {
	Landing bool   `json:"landing"` // else sending
	From    int64  `json:"from_bytes"`
	To      int64  `json:"to_bytes,omitempty"` // up to which, that size not included; 0: all
	Cold    bool   `json:"cold"`               // sending: not in the page cache
	Digest  bool   `json:"digest"`             // sending: one is asked
	Way     string `json:"way"`                // as in the log and the metrics; packed: with others
	Reason  string `json:"reason"`
	Text    string `json:"text"` // the same in words
}

// packed is the way of bodies so small that they are not worth one of their own.
const packed = "packed"

// smallBytes are those of the largest that are packed.
const smallBytes = 64 << 10

// paths lists the ways of every kind of body, where bodies may be read and written
// past the page cache from some size on (direct), or not at all.
func paths(r engine.Rules, landDirectFrom int64, direct bool) (list []Path) {
	if !direct {
		r.DirectFrom, landDirectFrom = -1, -1
	}
	for _, k := range []engine.Kind{{}, {Digest: true}, {Cold: true}, {Cold: true, Digest: true}} {
		list = append(list, classes(r.DirectFrom, func(n int64) Path {
			k.Bytes = n
			way, reason := r.Sending(k)
			p := Path{Cold: k.Cold, Digest: k.Digest, Way: way.String(), Reason: reason.String(), Text: sendingText(way, reason)}
			if way == engine.WayRing && k.Cold && r.DirectFrom >= 0 && n >= r.DirectFrom {
				p.Text += ", past the page cache"
			}
			return p
		})...)
	}
	return append(list, classes(landDirectFrom, func(n int64) Path {
		way, reason := r.Landing(engine.Kind{Bytes: n, Direct: landDirectFrom >= 0 && n >= landDirectFrom})
		return Path{Landing: true, Way: way.String(), Reason: reason.String(), Text: landingText(way, reason)}
	})...)
}

// classes asks at each size where the answer may change, and joins those that are
// alike.
func classes(directFrom int64, at func(n int64) Path) (list []Path) {
	small := at(0)
	small.To, small.Way, small.Reason, small.Text = smallBytes+1, packed, "small", "with others, many to a chunk"
	if small.Landing {
		small.Text = "from the text buffer, one write each"
	}
	list = append(list, small)
	borders := []int64{smallBytes + 1, 1 << 20}
	if directFrom > 1<<20 {
		borders = append(borders, directFrom)
	}
	for _, from := range borders {
		p, last := at(from), &list[len(list)-1]
		p.From = from
		if p.Way == last.Way && p.Text == last.Text && p.Reason == last.Reason {
			continue
		}
		last.To = from
		list = append(list, p)
	}
	list[len(list)-1].To = 0
	return list
}

func sendingText(way engine.Way, reason engine.Reason) string {
	text := map[engine.Way]string{
		engine.WayRing:     "read ahead and sent by io_uring",
		engine.WaySendfile: "sendfile",
		engine.WayCopy:     "read and written by way of the session's buffer",
	}[way]
	return text + map[engine.Reason]string{
		engine.ReasonWarm:   ": it lies in the page cache",
		engine.ReasonCold:   ": it is not in the page cache",
		engine.ReasonDirect: ": it is not in the page cache, and would push others out",
		engine.ReasonDigest: ": a digest is asked",
		engine.ReasonSmall:  ": not worth a ring",
		engine.ReasonEngine: ": the engine has no other way",
	}[reason]
}

func landingText(way engine.Way, reason engine.Reason) string {
	text := "received into buffers and written through the page cache"
	if way == engine.WayLandRing {
		text = "received and written by io_uring, past the page cache"
	}
	return text + map[engine.Reason]string{
		engine.ReasonDirect:    ": the file takes it",
		engine.ReasonSmall:     ": not worth a ring",
		engine.ReasonEngine:    "; past it if it takes that: the engine has no rings",
		engine.ReasonNotDirect: ": the file is not written past it",
	}[reason]
}

// Kind says which bodies a path is of.
func (p *Path) Kind() string {
	words := []string{"sending"}
	if p.Landing {
		words = []string{"landing"}
	} else {
		words = append(words, map[bool]string{false: "warm", true: "cold"}[p.Cold], map[bool]string{false: "no digest", true: "digest"}[p.Digest])
	}
	return strings.Join(words, ", ")
}

// Sizes says of which size.
func (p *Path) Sizes() string {
	switch {
	case p.From == 0 && p.To == 0:
		return "all"
	case p.From == 0:
		return "below " + size(p.To)
	}
	return "from " + size(p.From)
}

// size writes the border behind a power of two as that.
func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.bytes && n%unit.bytes <= 1 {
			return fmt.Sprintf("%d %s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
