package engine_test

import (
	"os"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
)

// require skips an engine that can't run here; where it was promised, that is a
// failure.
func require(t *testing.T, name engine.Name) {
	t.Helper()
	if _, _, err := engine.Choose(string(name)); err != nil {
		if os.Getenv("REQUIRE_URING") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Every engine that runs here passes the suite.
func TestConformance(t *testing.T) {
	for _, name := range []engine.Name{engine.Portable, engine.Sendfile, engine.Uring} {
		t.Run(string(name), func(t *testing.T) {
			require(t, name)
			enginetest.Run(t, func(p *buffer.Pool) (*engine.Engine, error) {
				return engine.New(engine.Config{Name: string(name), Pool: p})
			})
		})
	}
}
