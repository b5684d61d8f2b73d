package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// What is put to quarantine comes as a notice that names kind, device and
// partition.
func TestNotice(t *testing.T) {
	var notices []store.Notice
	s := storetest.New(t, func(c *store.Config) {
		c.Notice = func(n store.Notice) { notices = append(notices, n) }
		c.QuarantinesPerMin = 1
	})
	p := storetest.Partition(t, s)
	for _, name := range []string{"/a/c/1", "/a/c/2"} {
		if err := storetest.Put(p, name, storetest.Time(1), []byte("abc")); err != nil {
			t.Fatal(err)
		}
		h := storetest.Hash(name)
		file := filepath.Join(p.Path(), h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")
		if err := os.Truncate(file, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Open(h); err == nil {
			t.Fatal("a body cut short was opened")
		}
	}
	if len(notices) != 2 || notices[0].Kind != store.NoticeQuarantined || notices[1].Kind != store.NoticeNotQuarantined {
		t.Fatalf("%+v", notices)
	}
	if n := notices[0]; n.Device != "d1" || n.Partition == nil || n.Partition.Number() != 0 {
		t.Errorf("%+v", n)
	}
}
