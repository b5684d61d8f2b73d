package peer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

func TestFind(t *testing.T) {
	if swift := peertest.Require(t); swift.Version == "" {
		t.Errorf("found %+v without a version", swift)
	}
}

// Where no interpreter runs, the error can be told from others and says what to
// install.
func TestFindWithoutAny(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if swift, err := peer.Find(ended); !errors.Is(err, peer.ErrMissing) {
		t.Errorf("got %+v, %v", swift, err)
	}
}
