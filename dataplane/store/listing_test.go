package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// Only directories with canonical numbers are partitions; what else there is, is
// told apart.
func TestList(t *testing.T) {
	s := storetest.New(t)
	d := storetest.Device(t, s)
	gold := s.Cluster().Policies[0]
	if l, err := d.List(gold); err != nil || !cmp.Equal(l, store.Listing{}) {
		t.Errorf("without a data directory: %+v, %v", l, err)
	}
	objects := filepath.Join(s.Devices(), "d1", "objects")
	for _, name := range []string{"0", "12", "4294967295", "4294967296", "003", "-1", "+1", "1e3", "x", "auditor_status_x"} {
		must(t, os.MkdirAll(filepath.Join(objects, name), 0o755))
	}
	for _, name := range []string{"auditor_status_ALL.json", "auditor_status_ZBF.json", "7", "9.txt"} {
		must(t, os.WriteFile(filepath.Join(objects, name), nil, 0o644))
	}
	l, err := d.List(gold)
	must(t, err)
	want := store.Listing{Partitions: []uint32{0, 12, 4294967295}, Files: []uint32{7},
		Others: []string{"+1", "-1", "003", "1e3", "4294967296", "9.txt", "auditor_status_x", "x"}}
	if diff := cmp.Diff(want, l); diff != "" {
		t.Error(diff)
	}

	must(t, d.Partition(gold, 7).RemoveFile())
	must(t, d.Partition(gold, 7).RemoveFile()) // it has gone
	if err := d.Partition(gold, 12).RemoveFile(); err == nil {
		t.Error("a directory was taken for a file")
	}
	if left := ls(t, objects); len(left) != 13 {
		t.Errorf("left are %q", left)
	}
}

// However short reclaim_age is, what somebody may still be writing stays: a body
// arrives in tmp where O_TMPFILE is not to be had.
func TestPurgeTempSparesWriters(t *testing.T) {
	now := time.Now()
	s := storetest.New(t, func(c *store.Config) {
		c.ReclaimAge, c.Now = time.Second, func() time.Time { return now }
		c.Witness = storetest.NoTmpfile{Witness: storetest.Hooks{}}
	})
	p := storetest.Partition(t, s)
	w, err := storetest.Body(p, first, storetest.Time(1), body('t', 100))
	must(t, err)
	for _, later := range []time.Duration{0, time.Minute, 50 * time.Minute} {
		now = time.Now().Add(later)
		if n, err := p.Device().PurgeTemp(p.Policy()); n != 0 || err != nil {
			t.Errorf("after %v: %d removed, %v", later, n, err)
		}
	}
	must(t, p.Commit(t.Context(), []*store.Writer{w})[0])
	left, err := storetest.Body(p, second, storetest.Time(1), body('t', 100))
	must(t, err)
	defer left.Abort()
	now = time.Now().Add(2 * time.Hour)
	if n, err := p.Device().PurgeTemp(p.Policy()); n != 1 || err != nil {
		t.Errorf("of a writer who is gone: %d removed, %v", n, err)
	}
}

// A file in tmp goes when nobody has touched it for reclaim_age, and nothing else
// does.
func TestPurgeTemp(t *testing.T) {
	now := time.Now()
	s := storetest.New(t, func(c *store.Config) { c.ReclaimAge, c.Now = time.Hour, func() time.Time { return now } })
	d := storetest.Device(t, s)
	gold := s.Cluster().Policies[0]
	tmp := filepath.Join(s.Devices(), "d1", "tmp")
	purge := func() int {
		t.Helper()
		n, err := d.PurgeTemp(gold)
		must(t, err)
		return n
	}
	if purge() != 0 {
		t.Error("removed where there is no tmp")
	}
	must(t, os.MkdirAll(filepath.Join(tmp, "a directory"), 0o755))
	for _, name := range []string{"left", "backdated", "dated ahead"} {
		must(t, os.WriteFile(filepath.Join(tmp, name), nil, 0o600))
	}
	must(t, os.Symlink("left", filepath.Join(tmp, "link")))
	must(t, os.Chtimes(filepath.Join(tmp, "backdated"), now.Add(-24*time.Hour), now.Add(-24*time.Hour)))
	must(t, os.Chtimes(filepath.Join(tmp, "dated ahead"), now, now.Add(24*time.Hour)))
	if n := purge(); n != 0 {
		t.Errorf("%d removed of files made a moment ago", n)
	}
	now = now.Add(2 * time.Hour)
	if n := purge(); n != 2 {
		t.Errorf("%d removed", n)
	}
	if diff := cmp.Diff([]string{"a directory", "dated ahead", "link"}, ls(t, tmp)); diff != "" {
		t.Error(diff)
	}
}
