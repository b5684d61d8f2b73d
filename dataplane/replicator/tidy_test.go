package replicator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// bothPolicies are rings of which policy 0 and 2 have the same; policy 1 is erasure
// coded, and its reconstructor's.
type bothPolicies struct{ *fixed }

func (b bothPolicies) State(policy int) (rings.State, bool) {
	if policy == 2 {
		policy = 0
	}
	return b.fixed.State(policy)
}

// leave makes a file, or a directory if it ends in a slash, on a node's device.
func (c *cluster) leave(i int, path string) string {
	c.t.Helper()
	at := filepath.Join(c.nodes[i].devices, "d1", path)
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if strings.HasSuffix(path, "/") {
		err = os.MkdirAll(at, 0o755)
	} else if err == nil {
		err = os.WriteFile(at, []byte("left behind"), 0o600)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return at
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// A pass removes the temporary files of its policies that are older than
// reclaim_age, and no younger one, and nothing at all where it is only to tell what it would do.
func TestTemporaryFiles(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(0, 1)...)
	now := time.Now()
	c.nodes[0].store = storetest.New(t, func(s *store.Config) {
		s.Devices, s.ReclaimAge, s.Now = c.nodes[0].devices, 2*time.Hour, func() time.Time { return now }
	})
	policies := func(cfg *Config) { cfg.Rings = bothPolicies{c.rings} }
	old := []string{c.leave(0, "tmp/old"), c.leave(0, "tmp-2/old")}
	others := []string{c.leave(0, "tmp-1/old"), c.leave(0, "tmp/a directory/")}
	expect := func(when string, there bool) {
		t.Helper()
		for _, path := range old {
			if exists(path) != there {
				t.Errorf("%s: %s is there: %v", when, path, !there)
			}
		}
	}
	now = now.Add(time.Hour)
	c.pass(0, policies)
	expect("too young", true)
	now = now.Add(2 * time.Hour)
	c.pass(0, policies, func(cfg *Config) { cfg.DryRun = true })
	expect("a dry run", true)
	c.pass(0, policies)
	expect("old", false)
	for _, path := range others {
		if !exists(path) {
			t.Errorf("%s went", path)
		}
	}
	c.logged(0, "old temporary files removed", "dir=tmp-2")
}

// A plain file in a partition's place goes, in Swift's words, and then the partition can
// be made there. What has another name, is no plain file, or is no partition of the
// ring stays.
func TestFileInAPartitionsPlace(t *testing.T) {
	c := newCluster(t, 2)
	c.place([]int{0, 1}, []int{0, 1})
	gone := c.leave(0, "objects/1")
	stay := []string{c.leave(0, "objects/01"), c.leave(0, "objects/1x"), c.leave(0, "objects/9"), c.leave(0, "objects/-1")}
	link := filepath.Join(filepath.Dir(gone), "0")
	if err := os.Symlink("01", link); err != nil {
		t.Fatal(err)
	}
	c.pass(0, func(cfg *Config) { cfg.DryRun = true })
	if !exists(gone) {
		t.Error("went in a dry run")
	}
	c.pass(0, func(cfg *Config) { cfg.Only.Partitions = []uint32{0} })
	if !exists(gone) {
		t.Error("went in a pass over another partition")
	}
	if report := c.pass(0); exists(gone) || report.Attempted != 0 || report.Failure != 0 {
		t.Errorf("there: %v; %+v", exists(gone), report)
	}
	for _, path := range append(stay, link) {
		if !exists(path) {
			t.Errorf("%s went", path)
		}
	}
	c.logged(0, "Removing partition directory which was a file: "+gone, "what is in a partition's place stays there")
	if err := storetest.Put(c.partition(0, 1), "/a/c/o", storetest.Time(1), nil); err != nil {
		t.Error(err)
	}
}
