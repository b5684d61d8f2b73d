package faultstest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// Rand is a source of random numbers of a seed.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Body is n random bytes.
func Body(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:n]
}

// sizes lie on the borders of how a body is sent and landed.
var sizes = []int{0, 1, 700, 5000, 65_536, 65_537, 200_000}

// Grow changes a partition at a time, in seconds, after all others: new objects of
// all sizes, then of those and earlier ones some that are overwritten, posted to
// and deleted. It returns the names.
func Grow(tb testing.TB, p *store.Partition, r *rand.Rand, prefix string, at float64) (names []string) {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	color := func() hashes.Field {
		return hashes.Field{Key: "X-Object-Meta-Color", Value: fmt.Sprintf("%x", r.Uint32())}
	}
	for i, size := range sizes {
		name := fmt.Sprintf("/a/c/%s-%d", prefix, i)
		names = append(names, name)
		must(storetest.Put(p, name, storetest.Time(at), Body(r, size), color()))
	}
	must(storetest.Put(p, names[2], storetest.Time(at+1), Body(r, 900), color()))
	must(storetest.Post(p, names[3], storetest.Time(at+2), color()))
	must(storetest.Delete(p, names[1], storetest.Time(at+3)))
	return names
}
