package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// benchObjects are enough that an operation is a whole list's average.
const benchObjects = 5000

// filled is a partition with objects that are old enough to rest on.
func benchFilled(b *testing.B) (*store.Partition, []proto.Hash) {
	s := storetest.New(b, func(c *store.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	})
	p := storetest.Partition(b, s)
	var group []*store.Writer
	var list []proto.Hash
	for i := range benchObjects {
		name := fmt.Sprintf("/AUTH_bench/c/o-%06d", i)
		w, err := storetest.Body(p, name, storetest.Time(1), make([]byte, 4096), hashes.Field{Key: "X-Object-Meta-Number", Value: "1"})
		if err != nil {
			b.Fatal(err)
		}
		group, list = append(group, w), append(list, storetest.Hash(name))
	}
	for _, err := range p.Commit(context.Background(), group) {
		if err != nil {
			b.Fatal(err)
		}
	}
	return p, list
}

// cpuSince is the processor time that this process has used, less what it had
// used before: on a machine that is shared it tells more than the clock.
func cpuSince(b *testing.B, before time.Duration) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano()+u.Stime.Nano()) - before
}

// BenchmarkOffers is the sender's side of a missing check, of one object.
func BenchmarkOffers(b *testing.B) {
	p, _ := benchFilled(b)
	suffixes, err := p.Suffixes()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuSince(b, 0)
	for n := 0; n < b.N; {
		err := p.Offers(context.Background(), suffixes, func(proto.Offer) error { n++; return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuSince(b, before))/float64(b.N), "cpu-ns/op")
}

// BenchmarkHeld is the receiver's side, of one object that he has.
func BenchmarkHeld(b *testing.B) {
	p, list := benchFilled(b)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuSince(b, 0)
	for i := range b.N {
		o, err := p.Held(list[i%len(list)])
		if err != nil || o == nil {
			b.Fatal(o, err)
		}
		o.Close()
	}
	b.ReportMetric(float64(cpuSince(b, before))/float64(b.N), "cpu-ns/op")
}
