package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// inspect shows a sound object and ends well, by its path and by its name; what
// is damaged ends in an error. Nothing that the disk says reaches a terminal raw.
func TestInspect(t *testing.T) {
	s := storetest.New(t)
	if err := storetest.Put(storetest.Partition(t, s), "/a/c/\x1b[31m", storetest.Time(1), []byte("abc"), hashes.Field{Key: "X-Object-Meta-A\x07", Value: "b\xff\n"}); err != nil {
		t.Fatal(err)
	}
	h, device, conf := storetest.Hash("/a/c/\x1b[31m"), filepath.Join(s.Devices(), "d1"), "--swift-dir="+swiftDir(t)
	dir := filepath.Join(device, "objects/0", h.Suffix().String(), h.String())
	for _, args := range [][]string{{dir}, {filepath.Join(dir, storetest.Time(1).Internal()+".data")}, {device, "/a/c/\x1b[31m"}, {device, "/a/c/\x1b[31m", "--part-power=0"}} {
		out, err := execute(t, append([]string{"inspect", conf, "--md5"}, args...)...)
		if err != nil || !strings.Contains(out, "sound: an object of 3 bytes") || !strings.Contains(out, `"/a/c/\x1b[31m"`) || !strings.Contains(out, `"b\xff\n"`) || strings.ContainsAny(out, "\x1b\x07") || !utf8.ValidString(out) {
			t.Errorf("%q: %v: %q", args, err, out)
		}
	}
	out, err := execute(t, "inspect", dir, conf, "--json")
	var said struct {
		Sound bool
		Files []struct {
			Role     string
			Metadata []struct{ Key, Value, Hex string }
		}
	}
	if unmarshal := json.Unmarshal([]byte(out), &said); err != nil || unmarshal != nil || !said.Sound || len(said.Files) != 1 || said.Files[0].Role != "counts" {
		t.Fatalf("%v, %v: %s", err, unmarshal, out)
	}
	if !strings.Contains(out, `"hex":"62ff0a"`) {
		t.Errorf("a value that is no UTF-8 is lost: %s", out)
	}
	if err := os.Truncate(filepath.Join(dir, storetest.Time(1).Internal()+".data"), 1); err != nil {
		t.Fatal(err)
	}
	if out, err := execute(t, "inspect", dir, conf); err != errUnsound || !strings.Contains(out, "problem: ") || !strings.Contains(out, "not sound: ") {
		t.Errorf("%v: %s", err, out)
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no swift.conf", []string{dir, "--swift-dir=" + t.TempDir()}, "--swift-dir= does without"},
		{"a name without swift.conf", []string{device, "/a/c/o", "--swift-dir="}, "only with swift.conf"},
		{"no such object", []string{device, "/a/c/o", conf}, "--policy"},
		{"no such policy", []string{device, "/a/c/o", conf, "--policy=9"}, "--policy 9"},
		{"no hash directory", []string{device, conf}, "no hash directory"},
		{"a ring too large", []string{dir, conf, "--part-power=33"}, "0 to 32"},
	} {
		if _, err := execute(t, append([]string{"inspect"}, test.args...)...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if out, err := execute(t, "inspect", dir, "--swift-dir="); err != errUnsound || !strings.Contains(out, "without swift.conf") {
		t.Errorf("%v: %s", err, out)
	}
}

// What ringsync keeps beside a body is printed.
func TestInspectBeside(t *testing.T) {
	s := storetest.New(t)
	p := storetest.Partition(t, s)
	for _, err := range []error{
		storetest.PutSummed(p, "/a/c/summed", storetest.Time(1), []byte("abc")),
		storetest.PutUnchecked(p, "/a/c/unchecked", storetest.Time(1), []byte("abc")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	device, conf := filepath.Join(s.Devices(), "d1"), "--swift-dir="+swiftDir(t)
	for name, want := range map[string]string{"/a/c/summed": "  xxh64    44bc2cf5ad770999, stored", "/a/c/unchecked": "  unchecked: "} {
		out, err := execute(t, "inspect", device, name, conf)
		if err != nil || strings.Count(out, "xxh64")+strings.Count(out, "unchecked: ") != 1 || !strings.Contains(out, want) {
			t.Errorf("%v: %s", err, out)
		}
	}
	if out, err := execute(t, "verify", device, device, conf); err != nil || !strings.Contains(out, "2 bodies are marked as received unchecked") {
		t.Errorf("%v: %s", err, out)
	}
}
