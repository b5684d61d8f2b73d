// Package load holds tests with more of everything than is usual: connections that
// say nothing, objects in a partition, bytes in a body. It has nothing to import.
package load
