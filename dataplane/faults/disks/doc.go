// Package disks holds tests in which a disk fails: with errors, by being full or
// read-only, by going away, by hanging, by rotting. It has nothing to import.
package disks
