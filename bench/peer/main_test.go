package peer_test

import (
	"os"
	"testing"
)

// A third of what Swift imports looks up names, and all addresses here are numbers.
func TestMain(m *testing.M) {
	os.Setenv("EVENTLET_NO_GREENDNS", "yes")
	os.Exit(m.Run())
}
