//go:build !controls

package control

// Enabled tells that this build has the bugs.
const Enabled = false

// Is tells whether a bug is on.
func Is(string) bool { return false }
