package proto_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringsync/ringsync/proto"
)

// unit is one chunk of a session as Swift put it on the wire, and the code that
// writes it here.
type unit struct {
	name, wire string
	payload    []byte
}

// TestTranscripts writes captured sessions chunk by chunk: Swift 2.30.1, and the
// bytes that the unit tests of 1.11.0 assert. The sizes in hex were Swift's, so a
// byte too many or too few shows.
func TestTranscripts(t *testing.T) {
	sessions := map[string][]unit{
		"data and metadata, sender": {
			marker("17\r\n:MISSING_CHECK: START\r\n\r\n", proto.MissingCheckStart),
			{"offer", "43\r\n" + hashO1 + " 1700000001.00000 m:61a80,t:61a80\r\n\r\n",
				proto.AppendOffer(nil, offer(t, "1700000001", "1700000005", "1700000005"))},
			marker("15\r\n:MISSING_CHECK: END\r\n\r\n", proto.MissingCheckEnd),
			marker("11\r\n:UPDATES: START\r\n\r\n", proto.UpdatesStart),
			{"PUT", "bb\r\nPUT /AUTH_a/c/o1\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n" +
				"ETag: 5d41402abc4b2a76b9719d911017c592\r\nX-Object-Meta-Color: blue\r\nX-Timestamp: 1700000001.00000\r\n\r\n\r\n",
				proto.AppendSubrequest(nil, "PUT", "/AUTH_a/c/o1", []proto.Header{
					{Name: "Content-Encoding", Value: "gzip"},
					{Name: "Content-Length", Value: "5"},
					{Name: "Content-Type", Value: "text/plain"},
					{Name: "ETag", Value: "5d41402abc4b2a76b9719d911017c592"},
					{Name: "X-Object-Meta-Color", Value: "blue"},
					{Name: "X-Timestamp", Value: "1700000001.00000"},
				})},
			{"body", "5\r\nhello\r\n", []byte("hello")},
			{"POST", "93\r\nPOST /AUTH_a/c/o1\r\nContent-Type: text/html\r\nContent-Type-Timestamp: 1700000005.00000\r\n" +
				"X-Object-Meta-Color: green\r\nX-Timestamp: 1700000005.00000\r\n\r\n\r\n",
				proto.AppendSubrequest(nil, "POST", "/AUTH_a/c/o1", []proto.Header{
					{Name: "Content-Type", Value: "text/html"},
					{Name: "Content-Type-Timestamp", Value: "1700000005.00000"},
					{Name: "X-Object-Meta-Color", Value: "green"},
					{Name: "X-Timestamp", Value: "1700000005.00000"},
				})},
			marker("f\r\n:UPDATES: END\r\n\r\n", proto.UpdatesEnd),
		},
		"data and metadata, receiver": {
			{"blank line", "2\r\n\r\n\r\n", []byte("\r\n")},
			marker("17\r\n:MISSING_CHECK: START\r\n\r\n", proto.MissingCheckStart),
			{"wanted, its line end in the next chunk", "23\r\n" + hashO1 + " dm\r\n",
				bytes.TrimSuffix(proto.AppendWanted(nil, proto.Wanted{Hash: hash(t, hashO1), Data: true, Meta: true}), []byte("\r\n"))},
			{"blank line", "2\r\n\r\n\r\n", []byte("\r\n")},
		},
		"tombstone and a quoted name": {
			{"offer", "33\r\na3a1b350cfb252559263e5cc3aef2c4d 1700000002.12345\r\n\r\n",
				proto.AppendOffer(nil, at(t, "a3a1b350cfb252559263e5cc3aef2c4d", "1700000002.12345"))},
			{"offer", "33\r\nab2dfdb934e3ee6455a2e699e9017972 1795000009.00000\r\n\r\n",
				proto.AppendOffer(nil, at(t, "ab2dfdb934e3ee6455a2e699e9017972", "1795000009"))},
			{"DELETE", "36\r\nDELETE /AUTH_a/c/o3\r\nX-Timestamp: 1795000009.00000\r\n\r\n\r\n",
				proto.AppendSubrequest(nil, "DELETE", "/AUTH_a/c/o3", []proto.Header{{Name: "X-Timestamp", Value: "1795000009.00000"}})},
		},
		"receiver busy": {
			{"error", "39\r\n:ERROR: 0 '14.9987211227417 seconds: /srv/node/d5/.lock'\n\r\n",
				proto.AppendError(nil, 0, "14.9987211227417 seconds: /srv/node/d5/.lock")},
		},
		"fragment that is not durable": {
			{"offer", "41\r\n867d0cebd6c3b7f46150196675694519 1795000310.00000 durable:False\r\n\r\n",
				proto.AppendOffer(nil, notDurable(at(t, "867d0cebd6c3b7f46150196675694519", "1795000310")))},
		},
		"2013": {
			{"offer", "33\r\n9d41d8cd98f00b204e9800998ecf0abc 1380144470.00000\r\n\r\n",
				proto.AppendOffer2013(nil, at(t, "9d41d8cd98f00b204e9800998ecf0abc", "1380144470"))},
			{"wanted", "22\r\n9d41d8cd98f00b204e9800998ecf0abc\r\n\r\n",
				proto.AppendWanted2013(nil, proto.Wanted{Hash: hash(t, "9d41d8cd98f00b204e9800998ecf0abc"), Data: true})},
			{"PUT", "82\r\nPUT /a/c/o\r\nContent-Length: 3\r\nEtag: 900150983cd24fb0d6963f7d28e17f72\r\n" +
				"Some-Other-Header: value\r\nX-Timestamp: 1381679759.90941\r\n\r\n\r\n",
				proto.AppendSubrequest(nil, "PUT", "/a/c/o", []proto.Header{
					{Name: "Content-Length", Value: "3"},
					{Name: "Etag", Value: "900150983cd24fb0d6963f7d28e17f72"},
					{Name: "Some-Other-Header", Value: "value"},
					{Name: "X-Timestamp", Value: "1381679759.90941"},
				})},
			{"DELETE", "30\r\nDELETE /a/c/o\r\nX-Timestamp: 1381679759.90941\r\n\r\n\r\n",
				proto.AppendSubrequest(nil, "DELETE", "/a/c/o", []proto.Header{{Name: "X-Timestamp", Value: "1381679759.90941"}})},
		},
	}
	for name, units := range sessions {
		t.Run(name, func(t *testing.T) {
			var wire, said []byte
			for _, u := range units {
				if diff := cmp.Diff(u.wire, string(proto.AppendChunk(nil, u.payload))); diff != "" {
					t.Errorf("%s (-captured +written):\n%s", u.name, diff)
				}
				wire = append(wire, u.wire...)
				said = append(said, u.payload...)
			}
			heard, _, _, err := dechunk(t, append(wire, proto.LastChunk...), 11)
			if !bytes.Equal(heard, said) || err != io.EOF {
				t.Errorf("heard %q, %v", heard, err)
			}
		})
	}
}

func marker(wire, line string) unit {
	return unit{line, wire, []byte(line + "\r\n")}
}

func at(t testing.TB, name, data string) proto.Offer {
	o := offer(t, data, "", "")
	o.Hash = hash(t, name)
	return o
}
