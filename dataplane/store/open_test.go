package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// Of the files in a hash directory those are opened that count in Swift, and those
// are removed that Swift removes.
func TestOpenPrecedence(t *testing.T) {
	stamp := func(seconds float64) string { return storetest.Time(seconds).Internal() }
	data, ts, meta := stamp(10)+".data", stamp(10)+".ts", stamp(10)+".meta"
	withType := func(seconds, ctype float64) string {
		at := storetest.Time(ctype)
		return string(hashes.AppendMetaName(nil, storetest.Time(seconds), &at))
	}
	tests := []struct {
		name  string
		files []string
		want  string   // a prefix of the state
		left  []string // in the directory; nil: the directory is gone
	}{
		{"nothing", nil, "nothing", nil},
		{"a body", []string{data}, "data " + stamp(10), []string{data}},
		{"two bodies", []string{stamp(5) + ".data", data}, "data " + stamp(10), []string{data}},
		{"a tombstone", []string{ts}, "deleted " + stamp(10), []string{ts}},
		{"two tombstones", []string{stamp(5) + ".ts", ts}, "deleted " + stamp(10), []string{ts}},
		{"deleted after", []string{stamp(5) + ".data", stamp(6) + ".meta", ts}, "deleted " + stamp(10), []string{ts}},
		{"deleted at the same time", []string{data, ts}, "deleted " + stamp(10), []string{ts}},
		{"made anew", []string{stamp(5) + ".ts", data}, "data " + stamp(10), []string{data}},
		{"posted", []string{stamp(5) + ".data", meta}, "data " + stamp(5) + " meta " + stamp(10) + " ctype " + stamp(5), []string{stamp(5) + ".data", meta}},
		{"posted before", []string{data, stamp(5) + ".meta"}, "data " + stamp(10) + " meta " + stamp(10), []string{data}},
		{"posted at the same time", []string{data, meta}, "data " + stamp(10) + " meta " + stamp(10), []string{data}},
		{"posted twice", []string{stamp(1) + ".data", stamp(5) + ".meta", meta}, "data " + stamp(1) + " meta " + stamp(10), []string{stamp(1) + ".data", meta}},
		{"a content type", []string{stamp(1) + ".data", withType(10, 8)}, "data " + stamp(1) + " meta " + stamp(10) + " ctype " + stamp(8), []string{stamp(1) + ".data", withType(10, 8)}},
		{"a content type of its own", []string{stamp(1) + ".data", withType(5, 4), meta}, "data " + stamp(1) + " meta " + stamp(10) + " ctype " + stamp(4),
			[]string{stamp(1) + ".data", withType(5, 4), meta}},
		{"metadata alone", []string{meta}, "nothing", []string{meta}},
		{"names that are not Swift's", []string{"x", data, ".y.data.AbCdEf"}, "data " + stamp(10), []string{".y.data.AbCdEf", data, "x"}},
		{"only names that are not Swift's", []string{"x"}, "nothing", []string{"x"}},
		{"an offset", []string{data, stamp(10) + "_000000000000000a.data"}, "data " + stamp(10) + "_000000000000000a", []string{stamp(10) + "_000000000000000a.data"}},
		{"a tombstone to be reclaimed", []string{stamp(-7*24*3600) + ".ts"}, "nothing", nil},
		{"metadata to be reclaimed", []string{stamp(-7*24*3600) + ".meta"}, "nothing", nil},
		{"an old body", []string{stamp(-7*24*3600) + ".data"}, "data " + stamp(-7*24*3600), []string{stamp(-7*24*3600) + ".data"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			for _, file := range test.files {
				plantAny(t, p, first, file)
			}
			if state := storetest.MustState(t, p, first); !strings.HasPrefix(state, test.want) {
				t.Errorf("it is %s, want %s", state, test.want)
			}
			if diff := cmp.Diff(test.left, ls(t, hashDir(p, first))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(hashDir(p, first)); (err == nil) != (test.left != nil) {
				t.Errorf("directory: %v", err)
			}
		})
	}
}

// plantAny writes a file with the metadata that its name asks for.
func plantAny(t *testing.T, p *store.Partition, name, file string) {
	f, ok := hashes.ParseFile(file, hashes.Policy{})
	switch {
	case !ok:
		plantBare(t, p, name, file, "")
	case f.Ext == hashes.Data:
		plant(t, p, name, file, "body", dataMetadata(name, f.Time, "body"))
	case f.CType.IsZero():
		plant(t, p, name, file, "", metadata(name, f.Time))
	default:
		plant(t, p, name, file, "", metadata(name, f.Time,
			hashes.Field{Key: "Content-Type", Value: "text/x"}, hashes.Field{Key: "Content-Type-Timestamp", Value: f.CType.Internal()}))
	}
}

// What a client sees: user metadata of the newest POST only, system metadata and
// the ETag of the body, the newest content type.
func TestMergedMetadata(t *testing.T) {
	p := newPartition(t)
	at := storetest.Time
	must(t, storetest.Put(p, first, at(1), []byte("x"), hashes.Field{Key: "X-Object-Meta-Old", Value: "1"},
		hashes.Field{Key: "X-Object-Sysmeta-Kept", Value: "2"}, hashes.Field{Key: "X-Delete-At", Value: "9999999999"}))
	must(t, storetest.Post(p, first, at(5), hashes.Field{Key: "Content-Type", Value: "text/five"}))
	must(t, storetest.Post(p, first, at(6), hashes.Field{Key: "X-Object-Meta-New", Value: "3"}))

	o, err := p.Open(storetest.Hash(first))
	must(t, err)
	defer o.Close()
	got := map[string]string{}
	for _, f := range o.Merged() {
		got[f.Key] = f.Value
	}
	want := map[string]string{
		"name": first, "X-Timestamp": at(6).Internal(), "X-Object-Meta-New": "3", "X-Object-Sysmeta-Kept": "2",
		"Content-Type": "text/five", "Content-Type-Timestamp": at(5).Internal(), "Content-Length": "1", "ETag": hashes.Checksum([]byte("x")),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	if want := (store.Times{Data: at(1), Meta: at(6), CType: at(5)}); o.Times != want {
		t.Errorf("times %v, want %v", o.Times, want)
	}
}

// An open object is a snapshot: it stays readable when it is replaced.
func TestOpenIsASnapshot(t *testing.T) {
	p := newPartition(t)
	must(t, storetest.Put(p, first, storetest.Time(1), []byte("old")))
	o, err := p.Open(storetest.Hash(first))
	must(t, err)
	defer o.Close()
	must(t, storetest.Put(p, first, storetest.Time(2), []byte("new")))
	body := make([]byte, o.Size)
	if _, err := o.ReadAt(body, 0); err != nil || string(body) != "old" {
		t.Errorf("%q, %v", body, err)
	}
}

// An object that vanishes while it is opened is neither missing nor damaged:
// nobody may conclude anything.
func TestOpenOfAChangingObject(t *testing.T) {
	var file string
	hooks := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallOpen && strings.HasSuffix(op.Path, ".data") {
			os.Remove(file)
		}
		return nil
	}}
	p := newPartition(t, watched(hooks))
	file = plant(t, p, first, storetest.Time(1).Internal()+".data", "x", dataMetadata(first, storetest.Time(1), "x"))
	_, err := p.Open(storetest.Hash(first))
	var gone *store.QuarantinedError
	if err == nil || errors.Is(err, store.ErrNotExist) || errors.As(err, &gone) || !strings.Contains(err.Error(), "changed while it was opened") {
		t.Errorf("%v", err)
	}
	if got := ls(t, filepath.Join(filepath.Dir(filepath.Dir(p.Path())), "quarantined")); got != nil {
		t.Errorf("quarantined %v", got)
	}
}
