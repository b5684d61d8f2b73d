package faultstest

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/proto"
)

// Sent is what may be published under each name: the ETags of all bodies that a
// sender ever had.
type Sent map[string]map[string]bool

// Add notes a body by its ETag.
func (s Sent) Add(name, etag string) {
	if s[name] == nil {
		s[name] = map[string]bool{}
	}
	s[name][etag] = true
}

// Take notes all that a partition holds.
func (s Sent) Take(tb testing.TB, p *store.Partition) {
	tb.Helper()
	each(tb, p, func(o *store.Object) {
		if !o.Tombstone {
			s.Add(o.Name, o.ETag())
		}
	})
}

// Sound fails the test unless everything on d1 of a devices directory can be
// true: each body has the MD5 of its ETag and was sent under that name (where sent
// is not nil), digests are right or known to be stale, and no lock is held. It
// looks at the disk by the verify package, which shares no code with the store.
func Sound(tb testing.TB, devices string, sent Sent) {
	tb.Helper()
	judge(tb, devices, sent, func(string) bool { return false })
}

// Killed is Sound after a process was killed: temporary files that nobody will
// give a name to may lie in the device's tmp directory, where Swift's daemons
// remove them after a while.
func Killed(tb testing.TB, devices string, sent Sent) {
	tb.Helper()
	judge(tb, devices, sent, leftBehind)
}

func leftBehind(difference string) bool { return strings.HasSuffix(difference, ": left behind") }

func judge(tb testing.TB, devices string, sent Sent, allowed func(difference string) bool) {
	tb.Helper()
	device := filepath.Join(devices, "d1")
	for _, d := range Differences(tb, device, device) {
		if !allowed(d) {
			tb.Errorf("unsound: %s", d)
		}
	}
	p := Partition(tb, devices)
	if err := storetest.CheckDigests(p.Path()); err != nil {
		tb.Error(err)
	}
	storetest.LocksFree(tb, device)
	if sent == nil {
		return
	}
	each(tb, p, func(o *store.Object) {
		if !o.Tombstone && !sent[o.Name][o.ETag()] {
			tb.Errorf("%s has a body that nobody sent, of ETag %s", o.Name, o.ETag())
		}
	})
}

// Differences compares two device directories, body by body.
func Differences(tb testing.TB, a, b string) []string {
	tb.Helper()
	cluster := storetest.Cluster(tb)
	r, err := verify.Trees(context.Background(), verify.Config{A: a, B: b, Cluster: cluster, Policy: cluster.Policies[0]})
	if err != nil {
		tb.Fatal(err)
	}
	return r.Differences
}

// Same fails the test unless d1 is the same below two devices directories, but for
// what was left in tmp.
func Same(tb testing.TB, a, b string) {
	tb.Helper()
	for _, d := range Differences(tb, filepath.Join(a, "d1"), filepath.Join(b, "d1")) {
		if !leftBehind(d) {
			tb.Errorf("differs: %s", d)
		}
	}
}

// Alike counts the objects and tombstones that two partitions hold in the same
// state, bodies compared by MD5.
func Alike(tb testing.TB, a, b *store.Partition) (n int) {
	tb.Helper()
	each(tb, a, func(o *store.Object) {
		there, err := storetest.State(b, o.Name)
		if here := storetest.MustState(tb, a, o.Name); err == nil && here == there {
			n++
		}
	})
	return n
}

// Believe fails the test unless what a sender counts as proven is at the receiver:
// the same state, or a newer one.
func Believe(tb testing.TB, from, to *store.Partition, result *ssync.Result) {
	tb.Helper()
	result.Each(func(h proto.Hash, outcome ssync.Outcome, times store.Times) {
		if outcome != ssync.InSync && outcome != ssync.Sent {
			return
		}
		there, err := to.Open(h)
		if err != nil {
			tb.Errorf("%s is %s: %v", h, outcome, err)
			return
		}
		defer there.Close()
		if there.Times.Data.Before(times.Data) || there.Times.Meta.Before(times.Meta) {
			tb.Errorf("%s is %s with %v, and has %v", h, outcome, times, there.Times)
		}
		if there.Tombstone || there.Times.Data != times.Data {
			return
		}
		here, err := from.Open(h)
		if err != nil {
			tb.Errorf("%s is %s: %v", h, outcome, err)
			return
		}
		defer here.Close()
		if here.Times.Data == times.Data && here.ETag() != there.ETag() {
			tb.Errorf("%s is %s with another body", h, outcome)
		}
	})
}

// each opens all that a partition holds.
func each(tb testing.TB, p *store.Partition, f func(*store.Object)) {
	tb.Helper()
	suffixes, err := p.Suffixes()
	if err != nil {
		tb.Fatal(err)
	}
	var list []proto.Hash
	err = p.Offers(context.Background(), suffixes, func(o proto.Offer) error {
		list = append(list, o.Hash)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	for _, h := range list {
		o, err := p.Open(h)
		if err != nil {
			tb.Errorf("%s: %v", h, err)
			continue
		}
		f(o)
		o.Close()
	}
}
