package interop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/proto"
)

// difference is something that Swift does otherwise than we do: what an old
// release does, as long as the commit that ended it is not in it; or what every
// release does, and we do not, for a reason.
//
// A comparison that finds lines which no difference accounts for fails, and so
// does a difference that is not found any more: the table cannot go stale.
type difference struct {
	commit string   // of Swift, that ended it
	fixed  string   // the first release with that commit
	why    string   // we do otherwise, where no commit ended it
	shows  []string // the lines that a comparison finds
}

// check compares the lines that were found with those that must be there.
func (d difference) check(t *testing.T, r *rig, got []string) {
	t.Helper()
	if d.commit == "" && d.why == "" && d.shows != nil {
		t.Fatal("a difference without a reason")
	}
	want := d.shows
	if d.commit != "" && !older(r.swift.Version, d.fixed) {
		want = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences, Swift's first (-known +found):\n%s", diff)
	}
}

// older compares releases: 2.9.1 is older than 2.30.0.
func older(a, b string) bool {
	x, y := release(a), release(b)
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

func release(version string) (numbers [3]int) {
	for i, part := range strings.SplitN(version, ".", 3) {
		fmt.Sscanf(part, "%d", &numbers[i])
	}
	return numbers
}

// Releases are ordered by their numbers, not by their digits, and a difference is
// looked for in those that lack the commit.
func TestOlder(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{{"2.30.1", "2.32.0", true}, {"2.32.0", "2.32.0", false}, {"2.9.1", "2.30.0", true}, {"2.38.1.dev7", "2.36.0", false}, {"2.30", "2.30.1", true}, {"3.0.0", "2.99.9", false}} {
		if got := older(row.a, row.b); got != row.want {
			t.Errorf("%s older than %s: %v", row.a, row.b, got)
		}
	}
}

// The reasons of differences that do not depend on the release.
const (
	asNew     = "what is here is as new, which is all that the sender has to know; a session that failed would prove nothing of the other objects"
	newer     = "an update competes with the body; else a newer one would be refused for ever, and its other copies be the only ones"
	notStored = "the metadata was not stored, and a sender may remove its copy on the strength of a success"
	cgi       = "Swift passes headers through an environment in which a minus and an underscore are one, and stores both; the sender meant the one"
	framing   = "a length is no metadata"
	lenient   = "what a peer holds is replicated: the rule is for those who write it first"
	cutOff    = "Swift takes the path for a URL and stores the object under what is left of its name"
	prefix    = "a name that hashes to what nobody asked for tells of another hash prefix, and must not fill the disk"
	noName    = "what has no name has no hash that could have been asked for"
	told      = "who sends no chunks learns why he is hung up on"
	merged    = "of two .meta the newer one is sent, with the content type of the other merged in"
	onlyHash  = "a hash becomes a path"
)

// bytesThatDiffer are sessions in which Swift's receiver and ours do not do the
// same; ours is the second in each line.
func bytesThatDiffer() []sameButFor {
	op := func(kind, ts string) peer.Op { return peer.Op{Op: kind, Name: base, Timestamp: ts, Size: 5} }
	abc := peer.Op{Op: peer.Put, Name: base, Timestamp: t1, Body: []byte("abc")}
	expiry := op(peer.Post, t3)
	expiry.Headers = map[string]string{"X-Delete-At": "1600000000"}
	const good = "ETag: 900150983cd24fb0d6963f7d28e17f72"
	const succeeds, fails = `":UPDATES: START\r\n:UPDATES: END\r\n"`, `":ERROR: 500\n"`
	weAgree := difference{why: asNew, shows: []string{`answer: ` + fails + ` is ` + succeeds}}
	weFail := difference{why: notStored, shows: []string{`answer: ` + succeeds + ` is ` + fails}}
	named := func(name string) string { // a session about another object than base
		return offered(name) + chunked(":UPDATES: START\r\n", strings.Replace(put(t1), base, strings.ReplaceAll(name, "\x00", "%00"), 1), ":UPDATES: END\r\n") + proto.LastChunk
	}
	return []sameButFor{
		// Swift 2.22 to 2.31 takes the bytes of a name for latin-1 when it lower-cases it.
		{same{"a non-ASCII name of a header", nil, updates(put(t1, "X-Object-Meta-Caf\xc3\xa9: x"))},
			difference{commit: "365c0ef00", fixed: "2.32.0", shows: []string{
				`"o": "X-Object-Meta-Caf\u00e9": "" is "x"`, `"o": "X-Object-Meta-Caf\xe3\xa9": "x" is ""`}}},
		// Before 2.36 a line may end with the stream.
		{same{"a last line without its end", nil, chunked(":MISSING_CHECK: START\r\n", ":MISSING_CHECK: END") + proto.LastChunk},
			difference{commit: "1dc3307ea", fixed: "2.36.0", shows: []string{`answer: ":MISSING_CHECK: START\r\n:MISSING_CHECK: END\r\n" is ""`}}},
		// Before 2.36 a body that ends early is a failure like others, and what comes
		// behind it is read as a subrequest.
		{same{"a body cut short", nil, offered(base) + chunked(":UPDATES: START\r\n", strings.TrimSuffix(put(t1), "c")) + proto.LastChunk},
			difference{commit: "1dc3307ea", fixed: "2.36.0", shows: []string{`answer: ` + fails + ` is ""`}}},

		{same{"a PUT of what is there", []peer.Op{abc}, updates(put(t1, good))}, weAgree},
		{same{"a PUT older than what is there", []peer.Op{op(peer.Put, t2)}, updates(put(t1))}, weAgree},
		{same{"a PUT older than a tombstone", []peer.Op{op(peer.Delete, t2)}, updates(put(t1))}, weAgree},
		{same{"a POST older than what is there", []peer.Op{op(peer.Put, t2)}, updates(post(t1))}, weAgree},
		{same{"a POST of the same time", []peer.Op{op(peer.Put, t0), op(peer.Post, t1)}, updates(post(t1))}, weAgree},
		{same{"a DELETE older than what is there", []peer.Op{op(peer.Put, t2)}, updates(remove(t1))}, weAgree},
		{same{"a POST to nothing", nil, updates(post(t1))}, weFail},
		{same{"a POST to an older tombstone", []peer.Op{op(peer.Delete, t0)}, updates(post(t1))}, weFail},

		{same{"a PUT below the metadata of an expired object", []peer.Op{op(peer.Put, t0), expiry}, updates(put(t2))},
			difference{why: newer, shows: []string{`answer: ` + fails + ` is ` + succeeds,
				`"o": times: ["` + t0 + `" "` + t3 + `" "` + t0 + `"] is ["` + t2 + `" "` + t3 + `" "` + t2 + `"]`,
				`"o": files: ["` + t0 + `.data" "` + t3 + `.meta"] is ["` + t2 + `.data" "` + t3 + `.meta"]`,
				`"o": body: ["9cb4986133fcec6bd0ff1fa9fb91a5ec" '\x05'] is ["900150983cd24fb0d6963f7d28e17f72" '\x03']`, `"o": "Content-Length": "5" is "3"`,
				`"o": "Content-Type": "application/octet-stream" is "text/plain"`,
				`"o": "ETag": "9cb4986133fcec6bd0ff1fa9fb91a5ec" is "900150983cd24fb0d6963f7d28e17f72"`, `"o": "X-Timestamp": "` + t0 + `" is "` + t2 + `"`}}},
		{same{"a DELETE below the metadata of an expired object", []peer.Op{op(peer.Put, t0), expiry}, updates(remove(t2))},
			difference{why: newer, shows: []string{`"o": state: "data" is "deleted"`,
				`"o": times: ["` + t0 + `" "` + t3 + `" "` + t0 + `"] is ["" "` + t2 + `" ""]`,
				`"o": files: ["` + t0 + `.data" "` + t3 + `.meta"] is ["` + t2 + `.ts" "` + t3 + `.meta"]`}}},

		{same{"an underscore in a name of a header", nil, updates(put(t1, "X-Object-Meta-Foo_Bar: x"))},
			difference{why: cgi, shows: []string{`"o": "X-Object-Meta-Foo-Bar": "x" is ""`}}},
		{same{"a length of a POST", nil, updates(put(t1), post(t2, "Content-Length: 0"))},
			difference{why: framing, shows: []string{`"o": .meta "Content-Length": "0" is ""`}}},
		{same{"a POST that expires before itself", []peer.Op{op(peer.Put, t0)}, updates(post(t2, "X-Delete-At: 1700000001"))},
			difference{why: lenient, shows: []string{`answer: ` + fails + ` is ` + succeeds,
				`"o": times: ["` + t0 + `" "` + t0 + `" "` + t0 + `"] is ["` + t0 + `" "` + t2 + `" "` + t0 + `"]`,
				`"o": files: ["` + t0 + `.data"] is ["` + t0 + `.data" "` + t2 + `.meta"]`,
				`"o": .meta "X-Delete-At": "" is "1700000001"`, `"o": .meta "X-Timestamp": "" is "` + t2 + `"`}}},
		{same{"half a reserved name", nil, named("/AUTH_a/c/\x00o")},
			difference{why: lenient, shows: []string{`answer: ` + fails + ` is ` + succeeds, `"\x00o": data, only in the second`}}},
		{same{"an unquoted semicolon in a name", nil, named("/AUTH_a/c/o;x")},
			difference{why: cutOff, shows: []string{`"o": data, only in the first`, `"o;x": data, only in the second`}}},
		{same{"an unquoted question mark in a name", nil, named("/AUTH_a/c/o?x")},
			difference{why: cutOff, shows: []string{`"o": data, only in the first`, `"o?x": data, only in the second`}}},
		{same{"a name that was not offered", nil, updates(strings.Replace(put(t1), base, "/AUTH_a/c/other", 1))},
			difference{why: prefix, shows: []string{`answer: ` + succeeds + ` is ":ERROR: 0\n"`, `"other": data, only in the first`}}},
		{same{"no object in the name", nil, updates(strings.Replace(put(t1), base, "/AUTH_a/c", 1))},
			difference{why: noName, shows: []string{`answer: ` + fails + ` is ":ERROR: 0\n"`}}},
		{same{"no chunk size", nil, "zz\r\n"},
			difference{why: told, shows: []string{`answer: "" is ":ERROR: 0\n"`}}},
		{same{"a hash that leads out", nil, chunked(":MISSING_CHECK: START\r\n", "..%2F..%2Fx "+t1+"\r\n", ":MISSING_CHECK: END\r\n") + proto.LastChunk},
			difference{why: onlyHash, shows: []string{`answer: ":MISSING_CHECK: START\r\n../../x dm\r\n:MISSING_CHECK: END\r\n" is ":ERROR: 0\n"`}}},
	}
}
