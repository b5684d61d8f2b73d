package verify_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

const name = "/a/c/o"

// fill makes a device with an object, a POST on another and nothing else.
func fill(t *testing.T) (device string, p *store.Partition) {
	t.Helper()
	s := storetest.New(t)
	p = storetest.Partition(t, s)
	for _, n := range []string{name, "/a/c/posted"} {
		if err := storetest.Put(p, n, storetest.Time(1), []byte("body of "+n)); err != nil {
			t.Fatal(err)
		}
	}
	post(t, p, "/a/c/posted")
	return filepath.Join(s.Devices(), "d1"), p
}

func post(t *testing.T, p *store.Partition, name string) {
	t.Helper()
	ts := storetest.Time(2)
	w, err := p.Post(storetest.Hash(name), name, ts, hashes.Metadata{{Key: "X-Timestamp", Value: ts.Internal()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Commit(context.Background(), []*store.Writer{w})[0]; err != nil {
		t.Fatal(err)
	}
}

// Each kind of difference is found, and equal trees have none.
func TestTrees(t *testing.T) {
	data := func(device string) string {
		h := storetest.Hash(name)
		return filepath.Join(device, "objects/0", h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		change func(t *testing.T, device string, p *store.Partition)
		want   string // in the first difference; empty: none
	}{
		{"nothing", func(*testing.T, string, *store.Partition) {}, ""},
		{"an object more", func(t *testing.T, _ string, p *store.Partition) {
			must(t, storetest.Put(p, "/a/c/more", storetest.Time(1), nil))
		}, "only in"},
		{"an object less", func(t *testing.T, d string, _ *store.Partition) { must(t, os.Remove(data(d))) }, "only in"},
		{"another time", func(t *testing.T, _ string, p *store.Partition) {
			must(t, storetest.Put(p, name, storetest.Time(3), []byte("body of "+name)))
		}, "has files"},
		{"a POST more", func(t *testing.T, _ string, p *store.Partition) { post(t, p, name) }, "has files"},
		{"a flipped bit", func(t *testing.T, d string, _ *store.Partition) {
			must(t, os.WriteFile(data(d), []byte("Body of "+name), 0o644))
		}, "the body's MD5 is"},
		{"a byte less", func(t *testing.T, d string, _ *store.Partition) { must(t, os.Truncate(data(d), 3)) }, "its metadata says"},
		{"metadata damaged", func(t *testing.T, d string, _ *store.Partition) {
			must(t, unix.Setxattr(data(d), "user.swift.metadata", []byte("\x80\x02}."), 0))
		}, "does not match its checksum"},
		{"a file in tmp", func(t *testing.T, d string, _ *store.Partition) {
			must(t, os.MkdirAll(filepath.Join(d, "tmp"), 0o755))
			must(t, os.WriteFile(filepath.Join(d, "tmp", "x"), nil, 0o644))
		}, "left behind"},
		{"a strange name", func(t *testing.T, d string, _ *store.Partition) {
			must(t, os.WriteFile(filepath.Join(filepath.Dir(data(d)), ".x.data.AbCdEf"), nil, 0o644))
		}, "a name that no Swift writes"},
		{"a quarantine", func(t *testing.T, d string, _ *store.Partition) {
			must(t, os.MkdirAll(filepath.Join(d, "quarantined/objects/x"), 0o755))
		}, "in quarantine"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, _ := fill(t)
			b, p := fill(t)
			test.change(t, b, p)
			cluster := storetest.Cluster(t)
			r, err := verify.Trees(context.Background(), verify.Config{A: a, B: b, Cluster: cluster, Policy: cluster.Policies[0]})
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(r.Differences, "\n")
			if (test.want == "") != (r.Count == 0) || !strings.Contains(found, test.want) {
				t.Errorf("%d differences, want %q in:\n%s", r.Count, test.want, found)
			}
		})
	}
}

// Marks are counted, on either side, and are no difference.
func TestTreesUnchecked(t *testing.T) {
	a, _ := fill(t)
	b, _ := fill(t)
	h := storetest.Hash(name)
	path := filepath.Join(b, "objects/0", h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")
	if err := unix.Setxattr(path, hashes.UncheckedXattr, []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	report, err := verify.Trees(context.Background(), verify.Config{A: a, B: b, Cluster: storetest.Cluster(t)})
	if err != nil || report.Count != 0 || report.Unchecked != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}
