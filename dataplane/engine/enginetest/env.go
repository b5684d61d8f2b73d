package enginetest

import (
	"os"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// FromEnv makes the engine that RINGSYNC_ENGINE names, auto if it names none, for
// the tests of higher floors. Who closes the pool closes it before.
func FromEnv(t testing.TB, pool *buffer.Pool) *engine.Engine {
	t.Helper()
	e, err := engine.New(engine.Config{Name: os.Getenv("RINGSYNC_ENGINE"), Pool: pool, Lanes: 2})
	must(t, err)
	t.Cleanup(func() { must(t, e.Close()) })
	return e
}
