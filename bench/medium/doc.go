// Package medium makes the disks that a benchmark's nodes have, and gives the run
// surroundings of its own.
//
//	medium    what the disks are: dir:PATH, tmpfs, xfs (an image on a loop device)
//	volume    a medium made: a directory that both nodes' devices are made in
//	cache     warm: everything has been read before; cold: nothing is in memory
//	enclose   a network and mounts that nobody else sees, where root allows
//
// Whatever is made goes again when the volume is closed, also after a failure. An
// enclosed run leaves nothing even when it is killed: its mounts end with the
// last of its processes, and the image has no name once it is mounted.
//
// What this machine does not allow is an [UnavailableError], so that it can be
// left out by name.
package medium

import "fmt"

// UnavailableError says what cannot be had here, and why.
type UnavailableError struct {
	What string
	Why  error
}

func (e *UnavailableError) Error() string { return fmt.Sprintf("%s: %v", e.What, e.Why) }

func (e *UnavailableError) Unwrap() error { return e.Why }
