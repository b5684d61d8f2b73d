// Package enginetest is the conformance suite of an engine. An engine's own
// test is one call:
//
//	enginetest.Run(t, enginetest.Engine{NewOutbound: …, NewInbound: …})
//
// The suite sends bodies of awkward sizes over real sockets and pipes, plays
// peers that frame as they please, break off, stall and hang up, and lets
// disks fail. It shows that the bytes that arrive are the bytes that left,
// that each failure is told apart from the others, and that no goroutine and
// no buffer is left behind.
package enginetest

import (
	"context"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// Engine makes the streams under test.
type Engine struct {
	NewOutbound func(context.Context, net.Conn, engine.OutConfig) (*engine.Outbound, error)
	NewInbound  func(context.Context, net.Conn, engine.InConfig) (*engine.Inbound, error)
}

// Run runs the suite.
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
		{"outbound wire", testOutboundWire},
		{"append outgrown", testAppendOutgrown},
		{"source fails", testSourceFails},
		{"send fails", testSendFails},
		{"sink fails", testSinkFails},
		{"lands later", testLandsLater},
		{"landing fails", testLandingFails},
		{"many land", testManyLand},
		{"pool is empty", testPoolEmpty},
		{"peer gone", testPeerGone},
		{"ends", testEnds},
		{"lines", testLines},
		{"buffered", testBuffered},
		{"drain and rest", testDrain},
		{"read timeout", testReadTimeout},
		{"context", testContext},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, e) })
	}
	goleak.VerifyNone(t, idle)
}
