package main

import (
	"slices"
	"strings"
	"testing"
)

// Under the name of Swift's command its arguments do what they do there.
func TestSwiftName(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"/usr/bin/ringsync push --to x", "push --to x"},
		{"/usr/bin/swift-object-replicator /etc/swift/object-server.conf", "replicate /etc/swift/object-server.conf"},
		{"swift-object-replicator c.conf once", "replicate c.conf --once"},
		{"swift-object-replicator -o c.conf -v", "replicate c.conf -v --once"},
		{"swift-object-replicator c.conf --verbose --once -d sda,sdb -p 1,2 -i 0", "replicate c.conf --verbose --once --devices=sda,sdb --partitions=1,2 --policies=0"},
		{"swift-object-replicator c.conf once --devices=sda --partitions 3 -i1", "replicate c.conf --once --devices=sda --partitions=3 --policies=1"},
		{"swift-object-replicator c.conf -d sda", "replicate c.conf"},
		{"swift-object-replicator", "replicate"},
	} {
		t.Run(test.line, func(t *testing.T) {
			if got, want := asSwift(strings.Fields(test.line)), strings.Fields(test.want); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}
