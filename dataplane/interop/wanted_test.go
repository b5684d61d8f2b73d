package interop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/proto"
)

// states are what a receiver may have of an object; the name is left to be filled
// in.
func states() map[string][]peer.Op {
	put := func(ts string) peer.Op { return peer.Op{Op: peer.Put, Timestamp: ts, Size: 5} }
	post := func(ts, ctype string) peer.Op {
		op := peer.Op{Op: peer.Post, Timestamp: ts, ContentTypeTimestamp: ctype, Headers: map[string]string{}}
		if ctype != "" {
			op.Headers["Content-Type"] = "text/html"
		}
		return op
	}
	expired := put(at(2))
	expired.Headers = map[string]string{"X-Delete-At": "1600000000"}
	return map[string][]peer.Op{
		"nothing":                   nil,
		"data":                      {put(at(2))},
		"data with an offset":       {put(at(2) + "_000000000000000a")},
		"expired":                   {expired},
		"metadata":                  {put(at(2)), post(at(4), "")},
		"metadata, type too":        {put(at(2)), post(at(4), at(4))},
		"metadata, older type":      {put(at(2)), post(at(4), at(3))},
		"metadata, type apart":      {put(at(2)), post(at(3), at(3)), post(at(4), "")},
		"tombstone":                 {{Op: peer.Delete, Timestamp: at(2)}},
		"tombstone with an offset":  {{Op: peer.Delete, Timestamp: at(2) + "_000000000000000a"}},
		"metadata of nothing":       {{Op: peer.Raw, File: at(2) + ".meta", Headers: map[string]string{"X-Timestamp": at(2)}}},
		"a file of no known kind":   {{Op: peer.Raw, File: "strange", Headers: map[string]string{}}},
		"nothing but old metadata":  {post(at(0), "")},
		"data of a long time ago":   {put("0000000001.00000")},
		"a tombstone of the future": {{Op: peer.Delete, Timestamp: "9999999999.00000"}},
	}
}

// at is an internal timestamp some seconds after the tests' epoch.
func at(seconds int) string { return fmt.Sprintf("%d.00000", 1700000000+seconds) }

// offers are the words behind a hash: all ways in which data, metadata and content
// type may be older, the same or newer than what is there. An offset with m: or t:
// is left out, since releases differ there; see transfersThatDiffer.
func offers() []string {
	words := []string{at(2) + "_000000000000000a", at(2) + "_000000000000000b", at(2) + "_5", "0000000000.00001", "9999999999.00000"}
	for data := 1; data <= 3; data++ {
		words = append(words, at(data), at(data)+" m:0", at(data)+" m:-1", at(data)+" t:30d40")
		for meta := 3; meta <= 5; meta++ {
			m := fmt.Sprintf("%s m:%x", at(data), (meta-data)*100_000)
			words = append(words, m)
			for ctype := 1; ctype <= 5; ctype++ {
				words = append(words, fmt.Sprintf("%s,t:%x", m, (ctype-data)*100_000))
			}
		}
	}
	return words
}

// Of all that can be offered we want what Swift wants, whatever is there.
func TestWantedAsBySwift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ours, theirs := disk(t), disk(t)
	var ops []peer.Op
	what := map[string]string{}
	session := []string{":MISSING_CHECK: START\r\n"}
	for state, there := range states() {
		for _, offer := range offers() {
			name := fmt.Sprintf("/AUTH_a/c/%d", len(what))
			for _, op := range there {
				op.Name = name
				if op.Op == peer.Raw {
					op.Headers = map[string]string{"name": name, "X-Timestamp": at(2)}
				}
				ops = append(ops, op)
			}
			what[hashOf(name)] = fmt.Sprintf("%s, offered %s", state, offer)
			session = append(session, hashOf(name)+" "+offer+"\r\n")
		}
	}
	session = append(session, ":MISSING_CHECK: END\r\n")
	for _, dir := range []string{ours, theirs} {
		if err := r.swift.Fill(t.Context(), r.swiftDir, dir, device, ops); err != nil {
			t.Fatal(err)
		}
	}
	wanted := func(address string) map[string]string {
		flags := map[string]string{}
		for line := range strings.Lines(tell(t, address, 0, chunked(session...)+proto.LastChunk)) {
			if words := strings.Fields(line); len(words) == 2 && what[words[0]] != "" {
				flags[what[words[0]]] = words[1]
			}
		}
		return flags
	}
	us, them := wanted(ourNode(r, ours)), wanted(swiftServer(r, theirs))
	if len(them) == 0 || len(them) == len(what) {
		t.Fatalf("Swift wants %d of %d", len(them), len(what))
	}
	if diff := cmp.Diff(them, us); diff != "" {
		t.Errorf("of %d offers (-Swift +ours):\n%s", len(what), diff)
	}
}
