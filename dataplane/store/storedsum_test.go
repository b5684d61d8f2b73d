package store_test

import (
	"path/filepath"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// hasSum tells whether a name's object has a stored sum that is of its body.
func hasSum(tb testing.TB, p *store.Partition, name string) bool {
	tb.Helper()
	o, err := p.Open(storetest.Hash(name))
	must(tb, err)
	defer o.Close()
	_, ok := o.StoredSum()
	return ok
}

// A sum that was stored is found again; one of another ETag or length, of another
// form, or of no value at all is as good as none.
func TestStoredSum(t *testing.T) {
	s := storetest.New(t)
	p := storetest.Partition(t, s)
	content := body('x', 5000)
	must(t, storetest.PutSummed(p, first, storetest.Time(1), content))
	o, err := p.Open(storetest.Hash(first))
	must(t, err)
	defer o.Close()
	if sum, ok := o.StoredSum(); !ok || sum != xxhash.Sum64(content) {
		t.Fatalf("%016x, %v", sum, ok)
	}
	path := filepath.Join(o.Path(), storetest.Time(1).Internal()+".data")
	stored := hashes.StoredSum{Sum: 7, Length: 5000, ETag: o.ETag()}
	otherLength, otherETag := stored, stored
	otherLength.Length--
	otherETag.ETag = hashes.Checksum([]byte("other"))
	for name, value := range map[string]string{
		"another length": string(hashes.AppendStoredSum(nil, otherLength)), "another ETag": string(hashes.AppendStoredSum(nil, otherETag)),
		"another form": "2 " + string(hashes.AppendStoredSum(nil, stored))[2:], "no value": "", "too much": string(body('1', 4000)),
	} {
		setxattr(t, path, hashes.StoredSumXattr, value)
		if sum, ok := o.StoredSum(); ok {
			t.Errorf("%s: %016x", name, sum)
		}
	}
	setxattr(t, path, hashes.StoredSumXattr, string(hashes.AppendStoredSum(nil, stored)))
	if sum, ok := o.StoredSum(); !ok || sum != 7 {
		t.Errorf("%d, %v", sum, ok)
	}
	must(t, unix.Removexattr(path, hashes.StoredSumXattr))
	if sum, ok := o.StoredSum(); ok {
		t.Errorf("without the attribute: %016x", sum)
	}
}

// A file system without room for a stored sum takes the object all the same; and a
// body without an ETag that is an MD5 gets none.
func TestStoredSumIsNoNeed(t *testing.T) {
	s := storetest.New(t, func(c *store.Config) {
		c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
			if op.Call == store.CallSetxattr && op.To == hashes.StoredSumXattr {
				return unix.ENOSPC
			}
			return nil
		}}
	})
	p := storetest.Partition(t, s)
	must(t, storetest.PutSummed(p, first, storetest.Time(1), body('x', 100)))
	if hasSum(t, p, first) {
		t.Error("stored all the same")
	}
	p = storetest.Partition(t, storetest.New(t, keepTombstones))
	w, err := storetest.Body(p, first, storetest.Time(1), body('x', 100), hashes.Field{Key: "ETag", Value: "none"})
	must(t, err)
	must(t, w.Seal(first, storetest.Time(1), hashes.Metadata{{Key: "X-Timestamp", Value: storetest.Time(1).Internal()}, {Key: "Content-Length", Value: "100"}, {Key: "ETag", Value: "none"}}))
	w.StoreSum(1)
	must(t, p.Commit(t.Context(), []*store.Writer{w})[0])
	if hasSum(t, p, first) {
		t.Error("a sum for an ETag that is no MD5")
	}
	must(t, storetest.Delete(p, first, storetest.Time(2)))
	if hasSum(t, p, first) {
		t.Error("a tombstone has a sum")
	}
}
