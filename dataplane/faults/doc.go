// Package faults holds tests in which the file system fails under whole
// sessions. It has nothing to import.
package faults
