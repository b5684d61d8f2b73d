// Package enginetest is the conformance suite of an engine. An engine's own
// test is one call:
//
//	enginetest.Run(t, func(p *buffer.Pool) (*engine.Engine, error) { … })
//
// The suite sends bodies of awkward sizes over real sockets and pipes, plays
// peers that frame as they please, break off, stall and hang up, and lets
// disks fail. It shows that the bytes that arrive are the bytes that left,
// that each failure is told apart from the others, and that no goroutine and
// no buffer is left behind.
package enginetest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// Engine makes the engine under test, for the streams of one pool; nil is the
// portable one.
type Engine func(*buffer.Pool) (*engine.Engine, error)

// Run runs the suite; with -short, as under the race detector, for which a copied byte
// costs ten times as much, fewer mixtures of what it varies.
func Run(t *testing.T, e Engine) {
	t.Helper()
	idle := goleak.IgnoreCurrent()
	for _, part := range []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"identity", testIdentity},
		{"raw", testRaw},
		{"foreign framing", testForeignFraming},
		{"any split", testAnySplit},
		{"same wire", testSameWire},
		{"outbound wire", testOutboundWire},
		{"sums", testSums},
		{"append outgrown", testAppendOutgrown},
		{"source fails", testSourceFails},
		{"file fails", testFileFails},
		{"send fails", testSendFails},
		{"sink fails", testSinkFails},
		{"lands later", testLandsLater},
		{"landing fails", testLandingFails},
		{"many land", testManyLand},
		{"pool is empty", testPoolEmpty},
		{"direct", testDirect},
		{"direct fails", testDirectFails},
		{"direct lands later", testDirectLandsLater},
		{"direct ends", testDirectEnds},
		{"direct slow", testDirectSlow},
		{"peer gone", testPeerGone},
		{"ends", testEnds},
		{"lines", testLines},
		{"buffered", testBuffered},
		{"drain and rest", testDrain},
		{"read timeout", testReadTimeout},
		{"context", testContext},
		{"paced", testPaced},
		{"paced waits", testPacedWaits},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, e) })
	}
	goleak.VerifyNone(t, idle)
}
