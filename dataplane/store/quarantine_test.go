package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

func quarantined(p *store.Partition) string {
	return filepath.Join(filepath.Dir(filepath.Dir(p.Path())), "quarantined", p.Policy().DataDir())
}

// What can't be true is moved away as a whole, its suffix invalidated, and told
// with the reason.
func TestQuarantine(t *testing.T) {
	at := storetest.Time(1)
	data, ts := at.Internal()+".data", at.Internal()+".ts"
	with := func(key, value string) hashes.Metadata {
		return dataMetadata(first, at, "body", hashes.Field{Key: key, Value: value})
	}
	without := func(key string) hashes.Metadata {
		md := dataMetadata(first, at, "body")
		md.Del(key)
		return md
	}
	tests := []struct {
		name   string
		make   func(t *testing.T, p *store.Partition)
		reason string
	}{
		{"a file where the directory should be", func(t *testing.T, p *store.Partition) {
			must(t, os.MkdirAll(filepath.Dir(hashDir(p, first)), 0o755))
			must(t, os.WriteFile(hashDir(p, first), nil, 0o644))
		}, "not a directory"},
		{"a link where the directory should be", func(t *testing.T, p *store.Partition) {
			must(t, os.MkdirAll(filepath.Dir(hashDir(p, first)), 0o755))
			must(t, os.Symlink("/", hashDir(p, first)))
		}, "not a directory"},
		{"no metadata", func(t *testing.T, p *store.Partition) { plantBare(t, p, first, data, "body") }, "no metadata"},
		{"no name", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "body", without("name")) }, "without a name"},
		{"another's name", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "body", with("name", second)) }, `metadata names "/a/c/second"`},
		{"no length", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "body", without("Content-Length")) }, "bad Content-Length"},
		{"a length of letters", func(t *testing.T, p *store.Partition) {
			plant(t, p, first, data, "body", with("Content-Length", "four"))
		}, "bad Content-Length"},
		{"cut short", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "bod", with("Content-Length", "4")) }, "3 bytes where its metadata says 4"},
		{"a strange expiry", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "body", with("X-Delete-At", "soon")) }, "bad X-Delete-At"},
		{"no timestamp", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "body", without("X-Timestamp")) }, "without X-Timestamp"},
		{"a strange timestamp", func(t *testing.T, p *store.Partition) { plant(t, p, first, data, "body", with("X-Timestamp", "now")) }, "X-Timestamp"},
		{"no pickle", func(t *testing.T, p *store.Partition) {
			path := plant(t, p, first, data, "body", with("a", "b"))
			setxattr(t, path, "user.swift.metadata", "junk")
			must(t, unix.Removexattr(path, "user.swift.metadata_checksum"))
		}, "metadata: "},
		{"another checksum", func(t *testing.T, p *store.Partition) {
			setxattr(t, plant(t, p, first, data, "body", with("a", "b")), "user.swift.metadata_checksum", strings.Repeat("0", 32))
		}, "does not match its checksum"},
		{"an over-long checksum", func(t *testing.T, p *store.Partition) {
			setxattr(t, plant(t, p, first, data, "body", with("a", "b")), "user.swift.metadata_checksum", strings.Repeat("0", 100))
		}, "over-long"},
		{"a piece of the metadata missing", func(t *testing.T, p *store.Partition) {
			setxattr(t, plant(t, p, first, data, "body", with("a", "b")), "user.swift.metadata", "\x80\x02}")
		}, "does not match its checksum"},
		{"a tombstone with another checksum", func(t *testing.T, p *store.Partition) {
			setxattr(t, plant(t, p, first, ts, "", metadata(first, at)), "user.swift.metadata_checksum", strings.Repeat("0", 32))
		}, "does not match its checksum"},
		{"a POST without metadata", func(t *testing.T, p *store.Partition) {
			plant(t, p, first, data, "body", with("a", "b"))
			plantBare(t, p, first, storetest.Time(2).Internal()+".meta", "")
		}, "no metadata"},
		{"a POST with a strange expiry", func(t *testing.T, p *store.Partition) {
			plant(t, p, first, data, "body", with("a", "b"))
			plant(t, p, first, storetest.Time(2).Internal()+".meta", "", metadata(first, storetest.Time(2), hashes.Field{Key: "X-Delete-At", Value: "soon"}))
		}, "bad X-Delete-At"},
		{"a content type of its own that names another", func(t *testing.T, p *store.Partition) {
			plant(t, p, first, data, "body", with("a", "b"))
			plant(t, p, first, storetest.Time(3).Internal()+".meta", "", metadata(first, storetest.Time(3)))
			plant(t, p, first, storetest.Time(2).Internal()+"+0.meta", "", metadata(second, storetest.Time(2)))
		}, `metadata names "/a/c/second"`},
		{"a tombstone without metadata", func(t *testing.T, p *store.Partition) { plantBare(t, p, first, ts, "") }, "no metadata"},
		{"a POST that names another", func(t *testing.T, p *store.Partition) {
			plant(t, p, first, data, "body", with("a", "b"))
			plant(t, p, first, storetest.Time(2).Internal()+".meta", "", metadata(second, storetest.Time(2)))
		}, `metadata names "/a/c/second"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var notices []string
			p := newPartition(t, noticed(&notices))
			test.make(t, p)
			_, err := p.Open(storetest.Hash(first))
			var q *store.QuarantinedError
			if !errors.As(err, &q) || q.Err != nil || !strings.Contains(q.Reason, test.reason) {
				t.Fatalf("error %v, want a quarantine because of %q", err, test.reason)
			}
			want := filepath.Join(quarantined(p), storetest.Hash(first).String())
			if _, err := os.Lstat(want); err != nil || q.Moved != want {
				t.Errorf("moved to %s, want %s: %v", q.Moved, want, err)
			}
			if _, err := os.Lstat(hashDir(p, first)); !os.IsNotExist(err) {
				t.Errorf("still there: %v", err)
			}
			if !slices.Contains(invalid(t, p), storetest.Hash(first).Suffix()) {
				t.Error("its suffix was not invalidated")
			}
			if diff := cmp.Diff([]string{q.Error()}, notices); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
		})
	}
}

// A hash that is in quarantine already gets a name of its own.
func TestQuarantineTwice(t *testing.T) {
	p := newPartition(t)
	for range 2 {
		plantBare(t, p, first, storetest.Time(1).Internal()+".data", "")
		if _, err := p.Open(storetest.Hash(first)); err == nil {
			t.Fatal("opened")
		}
	}
	names := ls(t, quarantined(p))
	if len(names) != 2 || names[0] != storetest.Hash(first).String() || !strings.HasPrefix(names[1], names[0]+"-") || len(names[1]) != 32+1+32 {
		t.Errorf("in quarantine: %q", names)
	}
}

// A device with too much to quarantine is asked no more: rather the configuration
// is wrong than a thousand objects. A minute later it may be tried again.
func TestQuarantineBreaker(t *testing.T) {
	now := storetest.Time(0).Time()
	p := newPartition(t, func(c *store.Config) {
		c.QuarantinesPerMin = 3
		c.Now = func() time.Time { return now }
	})
	spoilt := func(i int) error {
		name := fmt.Sprintf("/a/c/o%d", i)
		plantBare(t, p, name, storetest.Time(1).Internal()+".data", "")
		_, err := p.Open(storetest.Hash(name))
		return err
	}
	var q *store.QuarantinedError
	for i := range 3 {
		if err := spoilt(i); !errors.As(err, &q) || q.Err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := spoilt(3); !errors.As(err, &q) || q.Err == nil || !strings.Contains(err.Error(), "hash prefix and suffix") {
		t.Errorf("the fourth: %v", err)
	}
	if names := ls(t, hashDir(p, "/a/c/o3")); len(names) != 1 {
		t.Errorf("the fourth is gone: %q", names)
	}
	now = now.Add(61 * time.Second)
	if err := spoilt(4); !errors.As(err, &q) || q.Err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// A reader that finds a body damaged puts the object away himself.
func TestQuarantineByReader(t *testing.T) {
	p := newPartition(t)
	must(t, storetest.Put(p, first, storetest.Time(1), []byte("x")))
	o, err := p.Open(storetest.Hash(first))
	must(t, err)
	defer o.Close()
	var q *store.QuarantinedError
	if err := o.Quarantine("the body's MD5 is not its ETag"); !errors.As(err, &q) || q.Moved == "" {
		t.Errorf("%v", err)
	}
	if state := storetest.MustState(t, p, first); state != "nothing" {
		t.Error(state)
	}
}

// A directory that the file system itself calls damaged is moved as it is.
func TestQuarantineOfADamagedDirectory(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EUCLEAN, unix.ENODATA} {
		damaged := false
		p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
			if damaged && op.Call == store.CallReadDir && strings.HasSuffix(op.Path, storetest.Hash(first).String()) {
				return errno
			}
			return nil
		}}))
		must(t, storetest.Put(p, first, storetest.Time(1), nil))
		damaged = true
		_, err := p.Open(storetest.Hash(first))
		var q *store.QuarantinedError
		if !errors.As(err, &q) || q.Moved == "" {
			t.Errorf("%v: %v", errno, err)
		}
	}
}

// Where bad sectors keep even that from being done, the whole suffix is moved.
func TestQuarantineOfAnImmovableDirectory(t *testing.T) {
	broken := ""
	p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		switch {
		case broken == "" || !strings.HasSuffix(op.Path, broken):
			return nil
		case op.Call == store.CallReadDir:
			return unix.EUCLEAN
		case op.Call == store.CallRename:
			return unix.EIO
		}
		return nil
	}}))
	kin := sibling(first)
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	must(t, storetest.Put(p, kin, storetest.Time(1), nil))
	broken = storetest.Hash(first).String()
	_, err := p.Open(storetest.Hash(first))
	var q *store.QuarantinedError
	want := filepath.Join(quarantined(p), storetest.Hash(first).Suffix().String())
	if !errors.As(err, &q) || q.Err != nil || q.Moved != want {
		t.Fatalf("%v, want it moved to %s", err, want)
	}
	if names := ls(t, want); len(names) != 2 {
		t.Errorf("moved: %q", names)
	}
	broken = ""
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
}

// A directory that is readable and can't be moved stays where it is.
func TestQuarantineFails(t *testing.T) {
	p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallRename && strings.HasSuffix(op.Path, storetest.Hash(first).String()) {
			return unix.EIO
		}
		return nil
	}}))
	plantBare(t, p, first, storetest.Time(1).Internal()+".data", "")
	_, err := p.Open(storetest.Hash(first))
	var q *store.QuarantinedError
	if !errors.As(err, &q) || !errors.Is(err, unix.EIO) || len(ls(t, hashDir(p, first))) != 1 {
		t.Errorf("%v", err)
	}
}

// What is strange but true stays: an expiry that a POST hides, numbers with blanks
// around them, keys nobody knows.
func TestNoQuarantine(t *testing.T) {
	at := storetest.Time(1)
	for name, make := range map[string]func(p *store.Partition){
		"a strange expiry that a POST hides": func(p *store.Partition) {
			plant(t, p, first, at.Internal()+".data", "body", dataMetadata(first, at, "body", hashes.Field{Key: "X-Delete-At", Value: "soon"}))
			plant(t, p, first, storetest.Time(2).Internal()+".meta", "", metadata(first, storetest.Time(2)))
		},
		"blanks around numbers": func(p *store.Partition) {
			plant(t, p, first, at.Internal()+".data", "body", dataMetadata(first, at, "body",
				hashes.Field{Key: "X-Delete-At", Value: " 4000000000 "}, hashes.Field{Key: "Content-Length", Value: " 04 "}))
		},
		"keys nobody knows": func(p *store.Partition) {
			plant(t, p, first, at.Internal()+".data", "body", dataMetadata(first, at, "body", hashes.Field{Key: "\xff", Value: ""}))
		},
		"an expiry long past": func(p *store.Partition) {
			plant(t, p, first, at.Internal()+".data", "body", dataMetadata(first, at, "body", hashes.Field{Key: "X-Delete-At", Value: "1"}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPartition(t)
			make(p)
			if state := storetest.MustState(t, p, first); !strings.HasPrefix(state, "data ") {
				t.Error(state)
			}
		})
	}
}

// A file system without xattrs, or one that can't read them, says nothing against
// an object: nobody may conclude anything, and nothing is moved.
func TestXattrsUnreadable(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EOPNOTSUPP, unix.EIO, unix.EACCES} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			unreadable := false
			p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
				if unreadable && op.Call == store.CallGetxattr {
					return errno
				}
				return nil
			}}))
			must(t, storetest.Put(p, first, storetest.Time(1), nil))
			unreadable = true
			var q *store.QuarantinedError
			if _, err := p.Open(storetest.Hash(first)); !errors.Is(err, errno) || errors.As(err, &q) {
				t.Errorf("open: %v", err)
			}
			if err := storetest.Put(p, first, storetest.Time(2), nil); !errors.Is(err, errno) {
				t.Errorf("put: %v", err)
			}
			unreadable = false
			if state := storetest.MustState(t, p, first); !strings.HasPrefix(state, "data 1700000001.00000") {
				t.Error(state)
			}
		})
	}
}

// A plain file among the hash directories of a suffix goes to quarantine when the
// suffix is listed or hashed; a strange directory stays.
func TestSetAside(t *testing.T) {
	for name, list := range map[string]func(p *store.Partition) error{
		"listed": func(p *store.Partition) error {
			suffixes, err := p.Suffixes()
			must(t, err)
			return p.Offers(context.Background(), suffixes, ignoreOffer)
		},
		"hashed": func(p *store.Partition) error { _, err := p.Digests(context.Background(), nil, true); return err },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPartition(t)
			must(t, storetest.Put(p, first, storetest.Time(1), nil))
			suffix := filepath.Dir(hashDir(p, first))
			must(t, os.WriteFile(filepath.Join(suffix, "litter"), nil, 0o644))
			must(t, os.Mkdir(filepath.Join(suffix, "strange"), 0o755))
			must(t, list(p))
			if diff := cmp.Diff([]string{storetest.Hash(first).String(), "strange"}, ls(t, suffix)); diff != "" {
				t.Errorf("suffix (-want +got):\n%s", diff)
			}
			if names := ls(t, quarantined(p)); len(names) != 1 || !strings.HasPrefix(names[0], "litter-") {
				t.Errorf("in quarantine: %q", names)
			}
		})
	}
}

func ignoreOffer(proto.Offer) error { return nil }
