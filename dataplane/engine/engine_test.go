package engine_test

import (
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
)

// Every engine that runs here passes the suite.
func TestConformance(t *testing.T) {
	for _, name := range []engine.Name{engine.Portable, engine.Sendfile} {
		t.Run(string(name), func(t *testing.T) {
			enginetest.Run(t, func(p *buffer.Pool) (*engine.Engine, error) {
				return engine.New(engine.Config{Name: string(name), Pool: p})
			})
		})
	}
}
