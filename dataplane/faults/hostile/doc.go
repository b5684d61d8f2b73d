// Package hostile holds tests in which the peer is an enemy: malformed requests
// to a node, malformed answers to a sender, and mutants of recorded sessions. It
// has nothing to import.
//
// The corpora are testdata/requests.txt, testdata/answers.txt and
// testdata/pickles.txt. A case begins with "== its name"; then one direction a
// line, its argument quoted as in Go, in which %h is the hash of /a/c/o:
//
//	head             the head of a good session
//	check            head, /a/c/o offered and asked for, and the start of the updates
//	accept           the response head of a good session
//	raw "…"          bytes as they are
//	chunk "…"        one chunk
//	raw N "…"        N times; chunk N "…": in one chunk
//	headers N        one chunk with N header lines, no two of one name
//	want "…"         must be in the answer, or in the error that the sender ends with
//	never "…"        must not be
package hostile
