package faults_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// crashLog records every effect on a device, and can tell what may be left of
// them after a power cut:
//
//	bytes and xattrs of a file     as of its last fsync; later ones may be there or not
//	a name made, moved or removed  for sure once its directory was fsynced after it;
//	                               before that it may have happened or not
//
// A rename happens as a whole or not at all.
type crashLog struct {
	mu  sync.Mutex
	ops []store.Op
}

func (c *crashLog) Before(*store.Op) error { return nil }

func (c *crashLog) After(op *store.Op, err error) {
	if err != nil {
		return
	}
	copied := *op
	copied.Data = append([]byte(nil), op.Data...)
	c.mu.Lock()
	c.ops = append(c.ops, copied)
	c.mu.Unlock()
}

func (c *crashLog) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ops)
}

// content is a file's bytes and xattrs.
type content struct {
	data   []byte
	xattrs map[string][]byte
}

func (c content) clone() content {
	return content{append([]byte(nil), c.data...), maps.Clone(c.xattrs)}
}

type inode struct{ now, durable content }

// change is a name that came or went.
type change struct {
	from, to string // from goes, to comes; either may be empty
	node     *inode // nil: a directory, or a move of what from names
	durable  bool
}

// disk is what the calls of a prefix have done.
type diskState struct {
	open    map[uint64]*inode
	names   map[string]*inode // as running programs see them
	changes []*change
}

func replay(ops []store.Op) *diskState {
	d := &diskState{open: map[uint64]*inode{}, names: map[string]*inode{}}
	for i := range ops {
		d.apply(&ops[i])
	}
	return d
}

func (d *diskState) apply(op *store.Op) {
	switch op.Call {
	case store.CallTemp:
		d.open[op.File] = &inode{now: content{xattrs: map[string][]byte{}}}
	case store.CallCreate:
		if d.names[op.Path] == nil {
			d.names[op.Path] = &inode{now: content{xattrs: map[string][]byte{}}}
			d.changes = append(d.changes, &change{to: op.Path, node: d.names[op.Path]})
		}
		d.open[op.File] = d.names[op.Path]
	case store.CallOpen:
		if node := d.names[op.Path]; node != nil {
			d.open[op.File] = node
		}
	case store.CallWrite:
		now := &d.open[op.File].now
		if end := int(op.Offset) + len(op.Data); end > len(now.data) {
			now.data = append(now.data, make([]byte, end-len(now.data))...)
		}
		copy(now.data[op.Offset:], op.Data)
	case store.CallTruncate:
		now := &d.open[op.File].now
		now.data = append([]byte(nil), now.data[:op.Offset]...)
	case store.CallSetxattr:
		d.open[op.File].now.xattrs[op.To] = op.Data
	case store.CallSync:
		d.sync(op)
	case store.CallMkdir:
		d.changes = append(d.changes, &change{to: op.Path})
	case store.CallLink:
		d.names[op.To] = d.open[op.File]
		d.changes = append(d.changes, &change{to: op.To, node: d.open[op.File]})
	case store.CallRename:
		d.names[op.To] = d.names[op.Path]
		delete(d.names, op.Path)
		d.changes = append(d.changes, &change{from: op.Path, to: op.To})
	case store.CallUnlink, store.CallRmdir:
		delete(d.names, op.Path)
		d.changes = append(d.changes, &change{from: op.Path})
	}
}

func (d *diskState) sync(op *store.Op) {
	if node := d.open[op.File]; node != nil {
		node.durable = node.now.clone()
		return
	}
	for _, c := range d.changes {
		at := c.to
		if at == "" {
			at = c.from
		}
		if path.Dir(at) == path.Clean(op.Path) {
			c.durable = true
		}
	}
}

// build makes the directory that a power cut leaves; survives tells which of the
// effects that nobody made sure of happened all the same.
func (d *diskState) build(t *testing.T, device string, survives func() bool) {
	files := map[string]*inode{}
	dirs := map[string]bool{".": true}
	for _, c := range d.changes {
		if !c.durable && !survives() || c.to != "" && !dirs[path.Dir(c.to)] {
			continue
		}
		node := c.node
		if c.from != "" {
			if c.to != "" {
				node = files[c.from]
			}
			delete(files, c.from)
			delete(dirs, c.from)
		}
		switch {
		case c.to == "":
		case node != nil:
			files[c.to] = node
		case c.from == "":
			dirs[c.to] = true
		}
	}
	for dir := range dirs {
		if err := os.MkdirAll(filepath.Join(device, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, node := range files {
		left := node.durable
		if survives() {
			left = node.now
		}
		full := filepath.Join(device, name)
		if err := os.WriteFile(full, left.data, 0o644); err != nil {
			t.Fatal(err)
		}
		for key, value := range left.xattrs {
			if err := unix.Setxattr(full, key, value, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// scenario is one change of a device and what the objects may be before and after.
type scenario struct {
	name          string
	before, after map[string]string // object → "body", "body posted", "deleted" or "" for nothing
	change        func(p *store.Partition) error
}

func commit(p *store.Partition, group ...*store.Writer) error {
	return errors.Join(p.Commit(context.Background(), group)...)
}

var scenarios = []scenario{
	{"a commit", map[string]string{"/a/c/new": ""}, map[string]string{"/a/c/new": "new"},
		func(p *store.Partition) error { return storetest.Put(p, "/a/c/new", storetest.Time(5), []byte("new")) }},
	{"an overwrite", map[string]string{"/a/c/old": "old"}, map[string]string{"/a/c/old": "newer"},
		func(p *store.Partition) error {
			return storetest.Put(p, "/a/c/old", storetest.Time(5), []byte("newer"))
		}},
	{"a group", map[string]string{"/a/c/g0": "", "/a/c/g1": "", "/a/c/old": "old"}, map[string]string{"/a/c/g0": "g", "/a/c/g1": "g", "/a/c/old": "g"},
		func(p *store.Partition) error {
			var group []*store.Writer
			for _, name := range []string{"/a/c/g0", "/a/c/g1", "/a/c/old"} {
				w, err := storetest.Body(p, name, storetest.Time(5), []byte("g"))
				if err != nil {
					return err
				}
				group = append(group, w)
			}
			return commit(p, group...)
		}},
	{"a POST", map[string]string{"/a/c/old": "old"}, map[string]string{"/a/c/old": "old posted"},
		func(p *store.Partition) error {
			ts := storetest.Time(5)
			w, err := p.Post(storetest.Hash("/a/c/old"), "/a/c/old", ts, hashes.Metadata{{Key: "X-Timestamp", Value: ts.Internal()}})
			if err != nil {
				return err
			}
			return commit(p, w)
		}},
	{"a DELETE", map[string]string{"/a/c/old": "old"}, map[string]string{"/a/c/old": "deleted"},
		func(p *store.Partition) error {
			w, err := p.Delete(storetest.Hash("/a/c/old"), "/a/c/old", storetest.Time(5))
			if err != nil {
				return err
			}
			return commit(p, w)
		}},
	{"a digest update", map[string]string{"/a/c/old": "old"}, map[string]string{"/a/c/old": "old"},
		func(p *store.Partition) error {
			_, err := p.Digests(context.Background(), nil, true)
			return err
		}},
}

// After a power cut behind any call, whatever had not been fsynced being lost or
// not, an object is the old or the new one, never half; what was acknowledged is
// there; and a digest that hashes.pkl calls valid is right.
func TestCrash(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			var log crashLog
			live := storetest.New(t, func(c *store.Config) { c.ReclaimAge, c.Witness, c.CommitWorkers = century, &log, 1 })
			p := storetest.Partition(t, live)
			if err := storetest.Put(p, "/a/c/old", storetest.Time(1), []byte("old")); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Digests(t.Context(), nil, true); err != nil {
				t.Fatal(err)
			}
			begun := log.len()
			if err := s.change(p); err != nil {
				t.Fatal(err)
			}
			acknowledged := log.len()
			random := rand.New(rand.NewPCG(1, 2))
			for n := begun; n <= acknowledged; n++ {
				for variant, survives := range []func() bool{
					func() bool { return false }, func() bool { return true },
					func() bool { return random.IntN(2) == 0 }, func() bool { return random.IntN(4) == 0 },
				} {
					cut(t, s, log.ops[:n], n == acknowledged, survives, fmt.Sprintf("after call %d of %d, variant %d", n-begun, acknowledged-begun, variant))
				}
			}
			t.Logf("%d calls", acknowledged-begun)
		})
	}
}

func cut(t *testing.T, s scenario, ops []store.Op, acknowledged bool, survives func() bool, when string) {
	dir, err := os.MkdirTemp(filepath.Dir(storetest.Devices(t)), "ringsync-crash-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	replay(ops).build(t, filepath.Join(dir, "d1"), survives)
	left := storetest.New(t, func(c *store.Config) { c.Devices, c.ReclaimAge = dir, century })
	device, err := left.Device("d1")
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	p := device.Partition(left.Cluster().Policies[0], 0)
	checkDigests(t, p, when)
	for name := range s.after {
		got := stateOf(p, name)
		if got == s.after[name] || !acknowledged && got == s.before[name] {
			continue
		}
		t.Errorf("%s: %s is %q, before it was %q, then %q", when, name, got, s.before[name], s.after[name])
	}
}

func stateOf(p *store.Partition, name string) string {
	o, err := p.Open(storetest.Hash(name))
	if errors.Is(err, store.ErrNotExist) {
		return ""
	}
	if err != nil {
		return err.Error()
	}
	defer o.Close()
	if o.Tombstone {
		return "deleted"
	}
	body := make([]byte, o.Size)
	if _, err := o.ReadAt(body, 0); err != nil {
		return err.Error()
	}
	if hashes.Checksum(body) != o.ETag() {
		return "half: " + string(body)
	}
	return strings.TrimSpace(string(body) + map[bool]string{true: " posted"}[o.Meta != nil])
}

func checkDigests(t *testing.T, p *store.Partition, when string) {
	believed, err := p.Digests(t.Context(), nil, false)
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	suffixes, err := p.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	for s := range believed {
		suffixes = append(suffixes, s)
	}
	right, err := p.Digests(t.Context(), suffixes, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(right, believed); diff != "" {
		t.Errorf("%s: hashes.pkl calls wrong digests valid (-right +believed):\n%s", when, diff)
	}
}
