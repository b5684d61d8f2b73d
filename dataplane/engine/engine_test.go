package engine_test

import (
	"testing"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
)

// The portable engine passes the suite that every engine has to pass.
func TestConformance(t *testing.T) {
	enginetest.Run(t, enginetest.Engine{NewOutbound: engine.NewOutbound, NewInbound: engine.NewInbound})
}
