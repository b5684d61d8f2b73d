// Package conformance judges an SSYNC receiver or sender, anybody's, by playing
// the other side of the dialogue from scripts:
//
//	# An object that has been deleted meanwhile is sent as its tombstone.
//
//	given /a/c/o data @1 "hello" Content-Type=text/plain
//	open
//	> :MISSING_CHECK: START
//	> {/a/c/o} @1
//	> :MISSING_CHECK: END
//	meanwhile /a/c/o tombstone @9
//	< :MISSING_CHECK: START
//	< {/a/c/o} dm
//	< :MISSING_CHECK: END
//	> :UPDATES: START
//	> DELETE /a/c/o
//	> X-Timestamp: @9
//	>
//	> :UPDATES: END
//	< :UPDATES: START
//	< :UPDATES: END
//	receiver ends
//	sender ends
//	then sender succeeds
//
// ">" is what a sender says, "<" what a receiver says; whoever is judged is waited
// for, the other side is played. README.md describes all that a script can say.
//
//	Script      one dialogue, parsed (parse.go)
//	world       what its words stand for in one run: names, hashes, times
//	player      goes through the steps, and tries alternatives (play.go)
//	seat        where the two sides differ: receiver.go, sender.go
//	session     one connection: what we say, by a framing (session.go)
//	stream      what the judged says, kept whole (stream.go)
//	wire        asks a receiver what it holds, by offers alone (probe.go)
//	disk        a device, written and read as Swift does (disk.go)
//	Report      what came of it, as JSON and as a table (result.go, markdown.go)
//
// A judge must not share code with the accused: this package knows the words of
// proto and hashes, and neither the store nor the room that speaks the dialogue.
package conformance
