// Package kill holds tests in which the real processes are killed at random
// moments, asked to stop, and run without privileges. It has nothing to import.
//
// A killed process loses what it had in memory and nothing of what it had written,
// so this shows the order in which things become visible and are acknowledged.
// What a power cut takes besides is shown by the store's crash journal.
package kill
