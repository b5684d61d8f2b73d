package interop_test

import (
	"os"
	"testing"

	"github.com/ringsync/ringsync/dataplane/uring/uringtest"
)

// A Swift notices nothing of a node of ours that has no io_uring, or hardly any.
func TestReplicateRestricted(t *testing.T) {
	t.Parallel()
	pairing := map[string]string{uringtest.Forbidden: "/ours to Swift", uringtest.Hidden: "/Swift to ours", uringtest.Memlock: "/Swift to ours"}
	if os.Getenv("RINGSYNC_FULL") != "" {
		clear(pairing)
	}
	uringtest.Each(t, func(t *testing.T, how string) {
		uringtest.Rerun(t, how, "^TestReplicate$"+pairing[how], "RINGSYNC_ENGINE=auto")
	})
}
