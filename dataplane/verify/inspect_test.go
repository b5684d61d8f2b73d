package verify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// young is a moment when the tests' timestamps are young.
var young = storetest.Time(100).Time()

// scene is a device with one object, whose hash directory is dir.
type scene struct{ devices, dir string }

func (s scene) file(name string) string { return filepath.Join(s.dir, name) }

func newScene(t *testing.T) scene {
	t.Helper()
	s := storetest.New(t)
	if err := storetest.Put(storetest.Partition(t, s), name, storetest.Time(1), []byte("the body"), hashes.Field{Key: "X-Object-Meta-A", Value: "b"}); err != nil {
		t.Fatal(err)
	}
	h := storetest.Hash(name)
	return scene{s.Devices(), filepath.Join(s.Devices(), "d1/objects/0", h.Suffix().String(), h.String())}
}

// plant writes a file with metadata, as another daemon might have left it.
func (s scene) plant(t *testing.T, file, body string, md hashes.Metadata) {
	t.Helper()
	must(t, os.WriteFile(s.file(file), []byte(body), 0o600))
	pickle := hashes.AppendMetadata(nil, md)
	must(t, unix.Setxattr(s.file(file), "user.swift.metadata", pickle, 0))
	must(t, unix.Setxattr(s.file(file), "user.swift.metadata_checksum", []byte(hashes.Checksum(pickle)), 0))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func stamped(ts string, more ...hashes.Field) hashes.Metadata {
	return append(hashes.Metadata{{Key: "X-Timestamp", Value: ts}, {Key: "name", Value: name}}, more...)
}

func inspect(t *testing.T, path string, edit ...func(*verify.InspectConfig)) *verify.Inspection {
	t.Helper()
	cfg := verify.InspectConfig{Cluster: storetest.Cluster(t), PartPower: -1, ReclaimAge: 7 * 24 * time.Hour, MD5: true, Now: young}
	for _, e := range edit {
		e(&cfg)
	}
	place, err := verify.PlaceOf(path)
	must(t, err)
	in, err := verify.Inspect(context.Background(), cfg, place)
	must(t, err)
	return in
}

const (
	data = "1700000001.00000.data"
	late = "1700000050.00000"
)

// Each thing that can be wrong, or only strange, in a hash directory is told as
// what it is.
func TestInspect(t *testing.T) {
	other := hashes.Metadata{{Key: "X-Timestamp", Value: late}, {Key: "name", Value: "/a/c/other"}}
	for _, test := range []struct {
		name    string
		change  func(t *testing.T, s scene)
		state   string
		verdict string // its beginning
		remark  string // in one of them
	}{
		{"an object", func(*testing.T, scene) {}, "object", "sound: an object of 8 bytes, written 2023-11-14 22:13:21.00000 UTC; the body fits its ETag", ""},
		{"a POST", func(t *testing.T, s scene) { s.plant(t, late+".meta", "", stamped(late)) }, "object", "sound: an object of 8 bytes, written 2023-11-14 22:13:21.00000 UTC, its metadata 2023-11-14 22:14:10", ""},
		{"a POST with a content type", func(t *testing.T, s scene) {
			s.plant(t, late+"+0.meta", "", stamped(late, hashes.Field{Key: "Content-Type-Timestamp", Value: late}))
		}, "object", "sound", ""},
		{"another content type's time", func(t *testing.T, s scene) {
			s.plant(t, late+"+0.meta", "", stamped(late, hashes.Field{Key: "Content-Type-Timestamp", Value: "1700000049.00000"}))
		}, "object", "not sound: " + late + "+0.meta: metadata: Content-Type-Timestamp is 1700000049.00000, and", ""},
		{"a tombstone over it", func(t *testing.T, s scene) { s.plant(t, late+".ts", "", stamped(late)) }, "tombstone", "sound: deleted 2023-11-14 22:14:10.00000 UTC, kept until 2023-11-21", ""},
		{"nothing", func(t *testing.T, s scene) { must(t, os.Remove(s.file(data))) }, "nothing", "no object", ""},
		{"a flipped bit", func(t *testing.T, s scene) { flip(t, s.file(data)) }, "object", "not sound: " + data + ": the body's MD5 is ", ""},
		{"a body cut short", func(t *testing.T, s scene) { must(t, os.Truncate(s.file(data), 3)) }, "object", "not sound: " + data + ": 3 bytes, and its metadata says 8, and 1 more", ""},
		{"no metadata", func(t *testing.T, s scene) {
			must(t, unix.Removexattr(s.file(data), "user.swift.metadata"))
		}, "object", "not sound: " + data + ": no metadata", ""},
		{"no checksum", func(t *testing.T, s scene) {
			must(t, unix.Removexattr(s.file(data), "user.swift.metadata_checksum"))
		}, "object", "sound", ""},
		{"another checksum", func(t *testing.T, s scene) {
			must(t, unix.Setxattr(s.file(data), "user.swift.metadata_checksum", []byte("\x1b[31m"), 0))
		}, "object", `not sound: ` + data + `: metadata does not match its checksum "\x1b[31m"`, ""},
		{"no pickle", func(t *testing.T, s scene) {
			must(t, unix.Setxattr(s.file(data), "user.swift.metadata", []byte("cos\nsystem\n"), 0))
			must(t, unix.Removexattr(s.file(data), "user.swift.metadata_checksum"))
		}, "object", "not sound: " + data + ": ", ""},
		{"a stranger's name", func(t *testing.T, s scene) { s.plant(t, late+".meta", "", other) }, "object", "not sound: " + late + `.meta: its name "/a/c/other" hashes to `, ""},
		{"no name", func(t *testing.T, s scene) {
			s.plant(t, late+".meta", "", hashes.Metadata{{Key: "X-Timestamp", Value: late}})
		}, "object", "not sound: " + late + ".meta: metadata without a name", ""},
		{"another time", func(t *testing.T, s scene) { s.plant(t, late+".meta", "", stamped("1700000049.00000")) }, "object", "not sound: " + late + ".meta: metadata: X-Timestamp is 1700000049.00000", ""},
		{"no time", func(t *testing.T, s scene) { s.plant(t, late+".meta", "", stamped("yesterday")) }, "object", "not sound: " + late + ".meta: metadata: X-Timestamp: ", ""},
		{"a bad expiry", func(t *testing.T, s scene) {
			s.plant(t, late+".meta", "", stamped(late, hashes.Field{Key: "X-Delete-At", Value: "soon"}))
		}, "object", "not sound: " + late + `.meta: metadata: X-Delete-At "soon"`, ""},
		{"expired", func(t *testing.T, s scene) {
			s.plant(t, late+".meta", "", stamped(late, hashes.Field{Key: "X-Delete-At", Value: "1700000060"}))
		}, "object", "sound", "expired at 2023-11-14 22:14:20"},
		{"an obsolete file that is bad", func(t *testing.T, s scene) { s.plant(t, "1700000000.50000.data", "", nil) }, "object", "sound", "1700000000.50000.data: metadata without a name"},
		{"a name that no Swift writes", func(t *testing.T, s scene) { must(t, os.WriteFile(s.file("a\n\x1b[31m"), nil, 0o600)) }, "object", "sound", `"a\n\x1b[31m": a name that no Swift writes`},
		{"a link", func(t *testing.T, s scene) {
			must(t, os.Rename(s.file(data), s.file("x")))
			must(t, os.Symlink("x", s.file(data)))
		}, "object", "not sound: " + data + ": open: too many levels of symbolic links", "x: a name"},
		{"a pipe", func(t *testing.T, s scene) {
			must(t, os.Remove(s.file(data)))
			must(t, unix.Mkfifo(s.file(data), 0o600))
		}, "object", "not sound: " + data + ": no plain file, but p", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			test.change(t, s)
			before := snapshot(t, s.devices)
			in := inspect(t, s.dir)
			if in.State != test.state || !strings.HasPrefix(in.Verdict, test.verdict) || in.Sound != strings.HasPrefix(test.verdict, "sound") {
				t.Errorf("%s, %v, %s\nwant %s, %s", in.State, in.Sound, in.Verdict, test.state, test.verdict)
			}
			if all := strings.Join(in.Remarks, "\n"); !strings.Contains(all, test.remark) || test.remark == "" && all != "" {
				t.Errorf("remarks %q, want %q", all, test.remark)
			}
			if diff := cmp.Diff(before, snapshot(t, s.devices)); diff != "" {
				t.Errorf("something was changed:\n%s", diff)
			}
			if text, err := json.Marshal(in); err != nil || strings.ContainsFunc(in.Verdict+string(text), unicode.IsControl) {
				t.Errorf("%v: %q", err, text)
			}
		})
	}
}

// What ringsync keeps beside a body is shown, and is no fault of the object's: a digest
// that is another body's, or not this one's, is a remark.
func TestInspectBeside(t *testing.T) {
	const etag = "10b79ba3a9c1aa4fd1ccc8d18d2ff6cf" // no body's here
	for _, test := range []struct {
		name, sum, shown, remark string
		unchecked                bool
	}{
		{"nothing", "", "", "", false},
		{"a mark", "", "", "", true},
		{"the digest", "1 %016x 8 ETAG", "%016x", "", false},
		{"not the digest", "1 00000000000000ff 8 ETAG", "00000000000000ff", "and not the stored one", false},
		{"of another length", "1 %016x 9 ETAG", "", "is of another body", false},
		{"of another ETag", "1 %016x 8 " + etag, "", "is of another body", false},
		{"of another form", "\x1b 2", "", `"\x1b 2" is of another body`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			real := fmt.Sprintf("%016x", xxhash.Sum64String("the body"))
			fill := strings.NewReplacer("%016x", real, "ETAG", hashes.Checksum([]byte("the body")))
			if test.sum != "" {
				must(t, unix.Setxattr(s.file(data), hashes.StoredSumXattr, []byte(fill.Replace(test.sum)), 0))
			}
			if test.unchecked {
				must(t, unix.Setxattr(s.file(data), hashes.UncheckedXattr, []byte("1"), 0))
			}
			in := inspect(t, s.dir)
			f := in.Files[0]
			if !in.Sound || f.StoredSum != fill.Replace(test.shown) || f.Unchecked != test.unchecked {
				t.Errorf("%v, xxhash64 %q, unchecked %v", in.Sound, f.StoredSum, f.Unchecked)
			}
			if all := strings.Join(in.Remarks, "\n"); !strings.Contains(all, test.remark) || test.remark == "" && all != "" {
				t.Errorf("remarks %q, want %q", all, test.remark)
			}
		})
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("T"), 0)
	must(t, err)
	must(t, f.Close())
}

// snapshot is everything on a device that a reader could have changed, times of
// access included.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		all[path] = fmt.Sprint(st.Ino, st.Mode, st.Size, st.Mtim, st.Ctim)
		if !d.IsDir() {
			all[path] += fmt.Sprint(st.Atim)
		}
		return nil
	}))
	return all
}

// Which file counts, which is obsolete, and which may be reclaimed is told for
// each, by the age that it has.
func TestRoles(t *testing.T) {
	s := newScene(t)
	s.plant(t, "1700000000.50000.data", "", nil)
	s.plant(t, late+".meta", "", stamped(late))
	s.plant(t, "1700000040.00000.meta", "", stamped("1700000040.00000"))
	must(t, os.WriteFile(s.file("README"), nil, 0o600))
	roles := func(in *verify.Inspection) map[string]string {
		all := map[string]string{}
		for _, f := range in.Files {
			all[f.Name] = f.Role
		}
		return all
	}
	want := map[string]string{
		"1700000000.50000.data": verify.RoleObsolete, data: verify.RoleCounts, late + ".meta": verify.RoleCounts,
		"1700000040.00000.meta": verify.RoleObsolete, "README": verify.RoleUnexpected,
	}
	if diff := cmp.Diff(want, roles(inspect(t, s.dir))); diff != "" {
		t.Error(diff)
	}
	must(t, os.Remove(s.file(data)))
	must(t, os.Remove(s.file("1700000000.50000.data")))
	want = map[string]string{late + ".meta": verify.RoleNoEffect, "1700000040.00000.meta": verify.RoleObsolete, "README": verify.RoleUnexpected}
	if diff := cmp.Diff(want, roles(inspect(t, s.dir))); diff != "" {
		t.Error(diff)
	}
	s.plant(t, "1700000060.00000.ts", "", stamped("1700000060.00000"))
	old := inspect(t, s.dir, func(c *verify.InspectConfig) { c.Now = young.Add(30 * 24 * time.Hour) })
	if roles(old)["1700000060.00000.ts"] != verify.RoleReclaim || !old.Sound || !strings.Contains(old.Verdict, "whoever looks next removes it") {
		t.Errorf("%v, %s", roles(old), old.Verdict)
	}
}

// Fragments are read each by itself; which of them count is not judged.
func TestInspectFragments(t *testing.T) {
	s := newScene(t)
	dir := filepath.Join(s.devices, "d1/objects-1/0", filepath.Base(filepath.Dir(s.dir)), filepath.Base(s.dir))
	must(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	must(t, os.Rename(s.dir, dir))
	ec := scene{s.devices, dir}
	must(t, os.Rename(ec.file(data), ec.file("1700000001.00000#1#d.data")))
	in := inspect(t, dir)
	if in.State != "fragments" || !in.Sound || in.Policy != 1 || in.Files[0].Role != verify.RoleNotJudged || *in.Files[0].Fragment != 1 || !in.Files[0].Durable {
		t.Errorf("%+v", in)
	}
	without := inspect(t, dir, func(c *verify.InspectConfig) { c.Cluster = nil })
	if without.State != "fragments" || !without.Sound || !strings.Contains(strings.Join(without.Remarks, ""), "without swift.conf") {
		t.Errorf("%+v", without)
	}
	flip(t, ec.file("1700000001.00000#1#d.data"))
	if in := inspect(t, dir); in.Sound {
		t.Errorf("%+v", in)
	}
}

// A hash directory is found by its path, a file's in it, its path in quarantine
// or out of any tree, and by the object's name; a wrong place is told.
func TestPlaces(t *testing.T) {
	s := newScene(t)
	hash, device := filepath.Base(s.dir), filepath.Join(s.devices, "d1")
	cluster := storetest.Cluster(t)
	for _, power := range []int{-1, 0} {
		place, err := verify.PlaceFor(device, name, cluster.Secret, cluster.Policies[0], power)
		if err != nil || place.Dir != s.dir || place.Partition != "0" || place.Policy != 0 {
			t.Errorf("power %d: %+v, %v", power, place, err)
		}
	}
	for _, wrong := range []struct {
		name  string
		power int
		want  string
	}{{"/a/c/gone", -1, "in no partition"}, {name, 4, "in no partition"}, {"a/c", -1, "not an object name"}} {
		if _, err := verify.PlaceFor(device, wrong.name, cluster.Secret, cluster.Policies[0], wrong.power); err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	if place, err := verify.PlaceOf(s.file(data)); err != nil || place.Dir != s.dir {
		t.Errorf("%+v, %v", place, err)
	}
	if in := inspect(t, s.dir, func(c *verify.InspectConfig) { c.PartPower = 4 }); in.Sound || !strings.Contains(in.Verdict, "partition 0, its own is") {
		// the name is /a/c/o, whose partition of 16 is not 0
		t.Error(in.Verdict)
	}
	moved := func(to string) string {
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		must(t, os.Rename(s.dir, to))
		s.dir = to
		return to
	}
	if in := inspect(t, moved(filepath.Join(device, "objects/0/fff", hash))); in.Sound || !strings.Contains(in.Verdict, "suffix") {
		t.Error(in.Verdict)
	}
	if in := inspect(t, moved(filepath.Join(device, "quarantined/objects-2", hash+"-"+strings.Repeat("a", 32)))); !in.Sound || in.Policy != 2 || !strings.Contains(in.Remarks[0], "quarantine") {
		t.Errorf("%+v", in)
	}
	if in := inspect(t, moved(filepath.Join(s.devices, "copy", hash)), func(c *verify.InspectConfig) { c.Policy = 2 }); !in.Sound || in.Policy != 2 || in.Partition != "" {
		t.Errorf("%+v", in)
	}
	for _, path := range []string{device, filepath.Join(device, "objects", "gone"), "/"} {
		if place, err := verify.PlaceOf(path); err == nil {
			t.Errorf("%s: %+v", path, place)
		}
	}
}

// Whatever stands in a hash directory's xattrs, somebody gets a verdict that a
// terminal can show.
func FuzzInspect(f *testing.F) {
	cluster, err := hashes.ParseSwiftConf([]byte(storetest.SwiftConf))
	if err != nil {
		f.Fatal(err)
	}
	dir := filepath.Join(f.TempDir(), storetest.Hash(name).String())
	if err := os.Mkdir(dir, 0o755); err != nil {
		f.Fatal(err)
	}
	f.Add(data, "abc", hashes.AppendMetadata(nil, stamped(late, hashes.Field{Key: "Content-Length", Value: "3"})), []byte("x"))
	f.Add("1700000001.00000_a+0.meta", "", []byte("\x80\x02}."), []byte{})
	f.Add("a\x1b", "", []byte("(dp0\n."), []byte("\x1b"))
	f.Fuzz(func(t *testing.T, file, body string, pickle, sum []byte) {
		if len(file) > 200 || len(pickle) > 4000 || len(sum) > 4000 {
			return
		}
		path := filepath.Join(dir, strings.NewReplacer("/", "-", "\x00", "-").Replace(file))
		if os.WriteFile(path, []byte(body), 0o600) != nil {
			return
		}
		defer os.Remove(path)
		unix.Setxattr(path, "user.swift.metadata", pickle, 0)
		unix.Setxattr(path, "user.swift.metadata_checksum", sum, 0)
		place, err := verify.PlaceOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		in, err := verify.Inspect(t.Context(), verify.InspectConfig{Cluster: cluster, PartPower: 4, MD5: true, Now: young}, place)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range append(append(in.Remarks, in.Problems...), in.Verdict) {
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q", text)
			}
		}
	})
}
