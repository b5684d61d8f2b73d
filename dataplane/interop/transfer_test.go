package interop_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
)

// transfer is what one disk has and another shall get, in a partition of its own,
// and in what the second does not become like the first.
type transfer struct {
	name     string
	from, to []peer.Op
	commit   string              // of Swift, that ended it
	fixed    string              // the first release with that commit
	why      string              // where no commit ended it
	shows    map[string][]string // by who sends to whom, the lines that are found
}

func (d transfer) in(pairing string) difference {
	return difference{commit: d.commit, fixed: d.fixed, why: d.why, shows: d.shows[pairing]}
}

// transfersThatDiffer are those in which Swift 2.30.1 does otherwise than later
// releases and we do, in one seat or the other.
func transfersThatDiffer() []transfer {
	put := func(ts string, headers map[string]string) peer.Op {
		return peer.Op{Op: peer.Put, Name: base, Timestamp: ts, Size: 5, Headers: headers}
	}
	post := func(ts string, headers map[string]string) peer.Op {
		return peer.Op{Op: peer.Post, Name: base, Timestamp: ts, Headers: headers}
	}
	const a, b = "_000000000000000a", "_000000000000000b"
	blowsUp := `the receiver ended the session: 0 invalid literal for int() with base 16: '186a0__b'`
	stays := []string{ // the receiver's older metadata
		`"o": times: ["` + t1 + `" "` + t2 + b + `" "` + t1 + `"] is ["` + t1 + `" "` + t2 + `" "` + t1 + `"]`,
		`"o": files: ["` + t1 + `.data" "` + t2 + b + `.meta"] is ["` + t1 + `.data" "` + t2 + `.meta"]`,
		`"o": .meta "X-Object-Meta-A": "new" is "old"`,
		`"o": .meta "X-Timestamp": "` + t2 + b + `" is "` + t2 + `"`,
	}
	asOne := []string{`"o": files: ["` + t0 + `.data" "` + t2 + `-186a0.meta" "` + t3 + `.meta"] is ["` + t0 + `.data" "` + t3 + `-30d40.meta"]`}
	return []transfer{
		// A sender of 2.22 to 2.31 takes bytes for latin-1 and sends them as UTF-8.
		{name: "non-ASCII values", commit: "365c0ef00", fixed: "2.32.0",
			from: []peer.Op{put(t1, map[string]string{"X-Object-Meta-A": "caf\xc3\xa9", "X-Object-Meta-B": "\xff"}), post(t2, map[string]string{"X-Object-Meta-C": "\xe6\x97\xa5"})},
			shows: map[string][]string{swiftToOurs: {
				`"o": "X-Object-Meta-A": "caf\u00e9" is "caf\u00c3\u00a9"`, `"o": "X-Object-Meta-B": "\xff" is "\u00ff"`,
				`"o": .meta "X-Object-Meta-C": "\u65e5" is "\u00e6\u0097\u00a5"`}}},
		// So does it with names, which a receiver of 2.22 to 2.31 lower-cases as latin-1.
		{name: "non-ASCII names of headers", commit: "365c0ef00", fixed: "2.32.0",
			from: []peer.Op{put(t1, map[string]string{"X-Object-Meta-Caf\xc3\xa9": "x"})},
			shows: map[string][]string{
				swiftToOurs: {`"o": "X-Object-Meta-Caf\u00c3\u00a9": "" is "x"`, `"o": "X-Object-Meta-Caf\u00e9": "x" is ""`},
				oursToSwift: {`"o": "X-Object-Meta-Caf\u00e9": "x" is ""`, `"o": "X-Object-Meta-Caf\xe3\xa9": "" is "x"`}}},
		// A receiver before 2.32 breaks on an offset in m: or t:, as is meant; a sender
		// before 2.32 leaves it out, and so offers what is newer as if it were not.
		{name: "metadata with an offset", commit: "4e74e7f55", fixed: "2.32.0",
			from:  []peer.Op{put(t1, nil), post(t2+b, map[string]string{"X-Object-Meta-A": "b"})},
			shows: map[string][]string{oursToSwift: {"first pass: " + blowsUp, `"o": data, only in the first`, "second pass: 0 wanted, " + blowsUp}}},
		{name: "metadata newer by an offset", commit: "4e74e7f55", fixed: "2.32.0",
			from: []peer.Op{put(t1, nil), post(t2+b, map[string]string{"X-Object-Meta-A": "new"})},
			to:   []peer.Op{put(t1, nil), post(t2, map[string]string{"X-Object-Meta-A": "old"})},
			shows: map[string][]string{
				oursToSwift: slices.Concat([]string{"first pass: " + blowsUp}, stays, []string{"second pass: 0 wanted, " + blowsUp}),
				swiftToOurs: stays}},
		// A receiver before 2.32 adds the offset of the data to the time of the metadata,
		// asks for what it has, and calls that a conflict when it comes.
		{name: "an offset of the data below metadata", commit: "2fe18b24c", fixed: "2.32.0",
			from: []peer.Op{put(t1+a, nil), post(t2, map[string]string{"X-Object-Meta-A": "b"})},
			shows: map[string][]string{oursToSwift: {
				"second pass: 1 wanted, the receiver ended the session: 500 ERROR: With :UPDATES: 1 failures to 0 successes"}}},

		{name: "a content type in a file of its own", why: merged,
			from: []peer.Op{put(t0, nil), {Op: peer.Post, Name: base, Timestamp: t2, ContentTypeTimestamp: t1, Headers: map[string]string{"Content-Type": "text/html"}},
				post(t3, map[string]string{"X-Object-Meta-A": "b"})},
			shows: map[string][]string{oursToSwift: asOne, swiftToOurs: asOne, "ours to ours": asOne}},
		{name: "an underscore in a name of a header", why: cgi,
			from:  []peer.Op{put(t1, map[string]string{"X-Object-Meta-Foo_Bar": "x"})},
			shows: map[string][]string{oursToSwift: {`"o": "X-Object-Meta-Foo-Bar": "" is "x"`}}},
	}
}

// What Swift's releases do otherwise with what goes from one disk to another is
// in the table, line by line; and nothing else.
func TestTransfersThatDiffer(t *testing.T) {
	t.Parallel()
	list := transfersThatDiffer()
	for _, p := range pairings {
		t.Run(p.name, func(t *testing.T) {
			r := newRig(t)
			from, to := disk(t), disk(t)
			r.fill(from, list, func(d transfer) []peer.Op { return d.from })
			r.fill(to, list, func(d transfer) []peer.Op { return d.to })
			address := p.receive(r, to)
			first := p.push(r, from, address)
			diffs := compare(r.inspect(from), r.inspect(to))
			second := p.push(r, from, address)
			for i, d := range list {
				t.Run(d.name, func(t *testing.T) {
					n := fmt.Sprint(i)
					var got []string
					if one := first.sessions[n]; one.err != "" {
						got = append(got, "first pass: "+reason(one.err))
					}
					got = append(got, diffs[n]...)
					if one := second.sessions[n]; one.wanted > 0 || one.err != "" {
						got = append(got, fmt.Sprintf("second pass: %d wanted, %s", one.wanted, reason(one.err)))
					}
					d.in(p.name).check(t, r, got)
				})
			}
		})
	}
}

// fill gives each transfer its partition.
func (r *rig) fill(devices string, list []transfer, what func(transfer) []peer.Op) {
	r.t.Helper()
	var ops []peer.Op
	for i, d := range list {
		for _, op := range what(d) {
			op.Partition = i
			ops = append(ops, op)
		}
	}
	if err := r.swift.Fill(r.t.Context(), r.swiftDir, devices, device, ops); err != nil {
		r.t.Fatal(err)
	}
}

// reason leaves out of a session's error which session it was.
func reason(text string) string { return whichSession.ReplaceAllString(text, "") }

var whichSession = regexp.MustCompile(`^\S+/\S+/\d+:? `)
