// Package report is what a benchmark leaves: figures as JSON, tables, plots, and
// the comparison of two of them. It knows nothing of how they came about.
//
//	Report    one run of the harness: the machine, rows, what was left out and why
//	Row       one contestant at one cell; its samples are one number a run
//	Part      a run that has become part of a merged report; nothing is judged by
//	          rows of two runs
//	Goal      a figure to reach, of two rows; see goals
//	Block     a place in a document that is written from a report, between marks
//	Cell      what was done: workload, medium, cache, sessions, partitions
//
// The JSON is that of these types, and stable: a field may be added, but what is
// there keeps its name, unit and meaning, or [Schema] changes. Measures are found
// by their names in "samples", the units at their ends; a measure that could not
// be had is not there.
package report
