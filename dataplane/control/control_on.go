//go:build controls

package control

import "os"

// Enabled tells that this build has the bugs.
const Enabled = true

// Is tells whether a bug is on.
func Is(bug string) bool { return os.Getenv("RINGSYNC_CONTROL") == bug }
