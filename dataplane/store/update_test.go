package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// there is what an update finds.
type there func(t *testing.T, p *store.Partition)

func nothing(*testing.T, *store.Partition) {}

func object(at float64, fields ...hashes.Field) there {
	return func(t *testing.T, p *store.Partition) {
		must(t, storetest.Put(p, first, storetest.Time(at), []byte("body"), fields...))
	}
}

func tombstone(at float64) there {
	return func(t *testing.T, p *store.Partition) { must(t, storetest.Delete(p, first, storetest.Time(at))) }
}

func posted(there there, at float64, fields ...hashes.Field) there {
	return func(t *testing.T, p *store.Partition) {
		there(t, p)
		must(t, storetest.Post(p, first, storetest.Time(at), fields...))
	}
}

func spoilt(t *testing.T, p *store.Partition) {
	plantBare(t, p, first, storetest.Time(50).Internal()+".data", "")
}

// expires is what an object says that is gone ten seconds after the epoch.
var expires = hashes.Field{Key: "X-Delete-At", Value: "1700000010"}

// conflict is the error of an update at 10 that finds what is as new.
func conflict(at float64, deleted bool) error {
	c := &store.ConflictError{Existing: storetest.Time(at), Tombstone: deleted}
	if !deleted {
		c.ETag = hashes.Checksum([]byte("body"))
	}
	return c
}

// same compares errors by what callers decide by.
func same(t *testing.T, want, got error) {
	t.Helper()
	var wantConflict, gotConflict *store.ConflictError
	var wantDeleted, gotDeleted *store.DeletedError
	switch {
	case errors.As(want, &wantConflict) && errors.As(got, &gotConflict):
		if diff := cmp.Diff(wantConflict, gotConflict); diff != "" {
			t.Errorf("conflict (-want +got):\n%s", diff)
		}
	case errors.As(want, &wantDeleted) && errors.As(got, &gotDeleted):
		if *wantDeleted != *gotDeleted {
			t.Errorf("%v, want %v", got, want)
		}
	case want == nil && got == nil || want != nil && errors.Is(got, want):
	default:
		t.Errorf("error %v, want %v", got, want)
	}
}

// A PUT at 10 is refused by what is as new. Metadata newer than it survives.
func TestPutRules(t *testing.T) {
	for _, test := range []struct {
		name  string
		there there
		err   error
		want  string // a prefix of the state afterwards; empty: as it was
	}{
		{"on nothing", nothing, nil, "data 1700000010"},
		{"on an older object", object(5), nil, "data 1700000010"},
		{"on one of the same time", object(10), conflict(10, false), ""},
		{"on a newer one", object(11), conflict(11, false), ""},
		{"on an older tombstone", tombstone(5), nil, "data 1700000010"},
		{"on one of the same time, deleted", tombstone(10), conflict(10, true), ""},
		{"on a newer tombstone", tombstone(11), conflict(11, true), ""},
		{"on an older object with newer metadata", posted(object(5), 11), nil, "data 1700000010.00000 meta 1700000011.00000"},
		{"on an expired object", object(5, expires), nil, "data 1700000010"},
		{"on an expired object with newer metadata", posted(object(5, expires), 11, expires), nil, "data 1700000010"},
		{"on what is damaged", spoilt, nil, "data 1700000010"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			test.there(t, p)
			err := storetest.Put(p, first, storetest.Time(10), []byte("new"))
			same(t, test.err, err)
			if state := storetest.MustState(t, p, first); test.want != "" && !strings.HasPrefix(state, test.want) {
				t.Errorf("it is %s, want %s", state, test.want)
			}
		})
	}
}

// A DELETE at 10 leaves a tombstone also where nothing was.
func TestDeleteRules(t *testing.T) {
	for _, test := range []struct {
		name  string
		there there
		err   error
		want  string
	}{
		{"nothing", nothing, nil, "deleted 1700000010.00000"},
		{"an older object", object(5), nil, "deleted 1700000010.00000"},
		{"one of the same time", object(10), conflict(10, false), "data 1700000010"},
		{"a newer one", object(11), conflict(11, false), "data 1700000011"},
		{"an older tombstone", tombstone(5), nil, "deleted 1700000010.00000"},
		{"a tombstone of the same time", tombstone(10), nil, "deleted 1700000010.00000"},
		{"a newer tombstone", tombstone(11), nil, "deleted 1700000011.00000"},
		{"an older object with newer metadata", posted(object(5), 11), nil, "deleted 1700000010.00000"},
		{"an expired object", object(5, expires), nil, "deleted 1700000010.00000"},
		{"an expired object with newer metadata", posted(object(5, expires), 11, expires), nil, "deleted 1700000010.00000"},
		{"what is damaged", spoilt, nil, "deleted 1700000010.00000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			test.there(t, p)
			same(t, test.err, storetest.Delete(p, first, storetest.Time(10)))
			if state := storetest.MustState(t, p, first); !strings.HasPrefix(state, test.want) {
				t.Errorf("it is %s, want %s", state, test.want)
			}
		})
	}
}

// A tombstone holds its time, in the internal form, and its name; nothing else.
func TestTombstoneMetadata(t *testing.T) {
	p := newPartition(t)
	ts := storetest.Time(10)
	ts.Offset = 3
	must(t, storetest.Delete(p, first, ts))
	o, err := p.Open(storetest.Hash(first))
	must(t, err)
	defer o.Close()
	want := hashes.Metadata{{Key: "X-Timestamp", Value: "1700000010.00000_0000000000000003"}, {Key: "name", Value: first}}
	if diff := cmp.Diff(want, o.Data); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if files := ls(t, hashDir(p, first)); len(files) != 1 || files[0] != "1700000010.00000_0000000000000003.ts" {
		t.Errorf("files %q", files)
	}
}

// A tombstone that is older than reclaim_age when it comes takes the object away
// and goes itself.
func TestTombstoneOlderThanReclaimAge(t *testing.T) {
	p := newPartition(t)
	long := -8.0 * 24 * 3600
	must(t, storetest.Put(p, first, storetest.Time(long-10), nil))
	must(t, storetest.Delete(p, first, storetest.Time(long)))
	if files := ls(t, hashDir(p, first)); files != nil {
		t.Errorf("left: %q", files)
	}
}

// A POST at 10 needs an object. Of two content types the newer one is kept.
func TestPostRules(t *testing.T) {
	ctype := func(value string, at float64) []hashes.Field {
		return []hashes.Field{{Key: "Content-Type", Value: value}, {Key: "Content-Type-Timestamp", Value: storetest.Time(at).Internal()}}
	}
	plain := hashes.Field{Key: "Content-Type", Value: "text/new"}
	for _, test := range []struct {
		name   string
		there  there
		fields []hashes.Field
		err    error
		meta   string // the .meta afterwards; empty: none, or the one that was there
		ctype  string // the merged content type
	}{
		{"on nothing", nothing, nil, store.ErrNotExist, "", ""},
		{"on a tombstone", tombstone(5), nil, &store.DeletedError{Timestamp: storetest.Time(5)}, "", ""},
		{"on what is damaged", spoilt, nil, store.ErrNotExist, "", ""},
		{"on an object", object(5), nil, nil, "1700000010.00000.meta", "application/octet-stream"},
		{"on an expired one", object(5, expires), nil, nil, "1700000010.00000.meta", "application/octet-stream"},
		{"on a newer one", object(11), nil, conflict(11, false), "", "application/octet-stream"},
		{"on one of the same time", object(10), nil, conflict(10, false), "", "application/octet-stream"},
		{"on newer metadata", posted(object(5), 11), nil, conflict(11, false), "1700000011.00000.meta", "application/octet-stream"},
		{"on older metadata", posted(object(5), 6), nil, nil, "1700000010.00000.meta", "application/octet-stream"},
		{"with a content type", object(5), []hashes.Field{plain}, nil, "1700000010.00000+0.meta", "text/new"},
		{"with an older content type", object(1), ctype("text/new", 8), nil, "1700000010.00000-30d40.meta", "text/new"},
		{"with one older than the object", object(9), ctype("text/new", 8), nil, "1700000010.00000-30d40.meta", "application/octet-stream"},
		{"with one older than what is there", posted(object(1), 9, plain), ctype("text/late", 8), nil, "1700000010.00000-186a0.meta", "text/new"},
		{"without one, on one that is there", posted(object(1), 9, plain), nil, nil, "1700000010.00000-186a0.meta", "text/new"},
		{"whose content type alone is newer", posted(object(1), 12, ctype("text/new", 8)...), ctype("text/late", 9), nil, "1700000012.00000-493e0.meta", "text/late"},
		{"whose content type alone is newer, on an object", object(10), ctype("text/late", 11), store.ErrStale, "", "application/octet-stream"},
		{"of which nothing is newer", posted(object(1), 12, ctype("text/new", 9)...), ctype("text/late", 9), conflict(12, false), "1700000012.00000-493e0.meta", "text/new"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			test.there(t, p)
			same(t, test.err, storetest.Post(p, first, storetest.Time(10), test.fields...))
			var metas []string
			for _, name := range ls(t, hashDir(p, first)) {
				if strings.HasSuffix(name, ".meta") {
					metas = append(metas, name)
				}
			}
			if got := strings.Join(metas, " "); got != test.meta {
				t.Errorf("files %q, want %q", got, test.meta)
			}
			if test.ctype == "" {
				return
			}
			o, err := p.Open(storetest.Hash(first))
			must(t, err)
			defer o.Close()
			if got, _ := o.Merged().Get("Content-Type"); got != test.ctype {
				t.Errorf("content type %q, want %q", got, test.ctype)
			}
		})
	}
}

// A refused update leaves no trace, not even a directory.
func TestRefusedUpdateLeavesNothing(t *testing.T) {
	p := newPartition(t)
	if err := storetest.Post(p, first, storetest.Time(1)); !errors.Is(err, store.ErrNotExist) {
		t.Fatal(err)
	}
	if there, err := p.Exists(); there || err != nil {
		t.Errorf("the partition was made: %v", err)
	}
	w, err := storetest.Body(p, first, storetest.Time(1), []byte("x"))
	must(t, err)
	w.Abort()
	w.Abort()
	if names := ls(t, p.Path()); len(names) > 0 {
		t.Errorf("an aborted body left %q", names)
	}
	must(t, errors.Join(p.Commit(context.Background(), nil)...))
}
