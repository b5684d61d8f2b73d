package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// patient is a configuration over a fresh d1 and a state directory.
func patient(t *testing.T, edit ...func(*store.Config)) Config {
	t.Helper()
	state := t.TempDir()
	s := storetest.New(t, append(edit, func(c *store.Config) { c.StateDir = state })...)
	return Config{Store: s, Cluster: s.Cluster(), StateDir: state}
}

func examined(t *testing.T, cfg Config) *Report {
	t.Helper()
	r, err := Examine(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	list := []string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A good device is told with its file system and room, and nothing is written to
// it unless that is asked for; then what it takes is told, and nothing is left.
func TestExamine(t *testing.T) {
	cfg := patient(t)
	device := filepath.Join(cfg.Store.Devices(), "d1")
	if err := os.Mkdir(filepath.Join(device, "objects-2"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := examined(t, cfg)
	if len(r.Devices) != 1 || len(r.Problems) != 0 {
		t.Fatalf("%+v", r)
	}
	d := r.Devices[0]
	if d.FileSystem == "" || d.Options == "" || d.Bytes == 0 || d.Free == 0 || d.Probe != nil || !cmp.Equal(d.Data, []string{"objects-2"}) {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff([]string{"objects-2"}, names(t, device)); diff != "" {
		t.Errorf("without --probe:\n%s", diff)
	}
	want := []Policy{{0, "gold", "replication", true}, {1, "ec", "erasure_coding", false}, {2, "silver", "replication", true}}
	if diff := cmp.Diff(want, r.Policies); diff != "" {
		t.Error(diff)
	}
	if r.Kernel == "" || r.Engine == "" || r.Why == "" || len(r.Limits) != 2 || r.Limits[0].Soft == 0 || r.State.Error != "" {
		t.Errorf("%+v", r)
	}

	cfg.Probe = true
	p := examined(t, cfg).Devices[0].Probe
	if p == nil || p.Xattr < enoughXattr || !p.Sync { // what storetest asks of a file system
		t.Errorf("%+v", p)
	}
	if left := names(t, filepath.Join(device, "tmp")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// What keeps a device from being used is a problem of its name.
func TestProblems(t *testing.T) {
	cfg := patient(t)
	cfg.MountCheck, cfg.Engine, cfg.StateDir = true, "warp", ""
	if err := os.WriteFile(filepath.Join(cfg.Store.Devices(), "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("gone", filepath.Join(cfg.Store.Devices(), "link")); err != nil {
		t.Fatal(err)
	}
	r := examined(t, cfg)
	all := strings.Join(r.Problems, "\n")
	for _, want := range []string{`"warp"`, "device d1: not mounted: peers are told 507", "device link: stat "} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing in:\n%s", want, all)
		}
	}
	if strings.Contains(all, "device file") || !strings.Contains(r.State.Error, "forgotten at a restart") {
		t.Errorf("%s; state %+v", all, r.State)
	}
	if err := os.WriteFile(filepath.Join(cfg.Store.Devices(), "d1", ".ismount"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(examined(t, cfg).Problems, "\n"); strings.Contains(all, "d1") {
		t.Error(all)
	}
	if _, err := Examine(Config{Store: storetest.New(t, func(c *store.Config) { c.Devices = filepath.Join(t.TempDir(), "gone") })}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no devices directory: %v", err)
	}
	empty := storetest.New(t, func(c *store.Config) { c.Devices = t.TempDir() })
	if r := examined(t, Config{Store: empty, Cluster: empty.Cluster()}); len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "no device in") {
		t.Errorf("%q", r.Problems)
	}
}

// A suspect device is told with the reason, and looking at it changes nothing;
// Clear takes the mark away, once, and the device is used again by who runs.
func TestClear(t *testing.T) {
	broken := true
	cfg := patient(t, func(c *store.Config) {
		c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
			if broken && op.Call == store.CallSync {
				return errors.New("the disk says no")
			}
			return nil
		}}
	})
	if _, err := Clear(cfg.Store, "d1"); err == nil || !strings.Contains(err.Error(), "no suspect mark") {
		t.Errorf("%v", err)
	}
	if err := storetest.Put(storetest.Partition(t, cfg.Store), "/a/c/o", storetest.Time(1), nil); err == nil {
		t.Fatal("a failed fsync went unnoticed")
	}
	broken = false
	for range 2 {
		d := examined(t, cfg).Devices[0]
		if !strings.Contains(d.Suspect, "the disk says no") || len(d.Problems) != 1 || filepath.Dir(d.Mark) != cfg.StateDir {
			t.Errorf("%+v", d)
		}
	}
	other := storetest.New(t, func(c *store.Config) { c.Devices, c.StateDir = cfg.Store.Devices(), cfg.StateDir })
	mark, err := Clear(other, "d1") // another process
	if err != nil || !strings.Contains(mark.Reason, "the disk says no") || len(names(t, cfg.StateDir)) != 0 {
		t.Errorf("%+v, %v", mark, err)
	}
	if d, err := cfg.Store.Device("d1"); err != nil {
		t.Errorf("who ran all the while: %v", err)
	} else {
		d.Close()
	}
	for _, name := range []string{"d1", "../x", ""} {
		if _, err := Clear(other, name); err == nil {
			t.Errorf("%q was cleared", name)
		}
	}
}

// The mark of an earlier mount is a remark, and stays for who opens the device.
func TestStaleMark(t *testing.T) {
	cfg := patient(t)
	mark, _, err := cfg.Store.Mark("d1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mark.Path, []byte("1 long ago\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := examined(t, cfg).Devices[0]
	if d.Suspect != "" || len(d.Problems) != 0 || len(d.Remarks) == 0 || !strings.Contains(d.Remarks[0], "long ago") {
		t.Errorf("%+v", d)
	}
	if len(names(t, cfg.StateDir)) != 1 {
		t.Error("the mark has gone")
	}
}

// A device that hangs is told of, and holds up nobody.
func TestHanging(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	d := patiently(time.Millisecond, Device{Name: "d1"}, func(d Device) Device { <-never; return d })
	if len(d.Problems) != 1 || !strings.Contains(d.Problems[0], "hangs") || d.Name != "d1" {
		t.Errorf("%+v", d)
	}
}

// What a file system lacks is told as what follows from it.
func TestJudge(t *testing.T) {
	var d Device
	d.judge(&Probe{Xattr: 2048})
	if len(d.Problems) != 0 || len(d.Remarks) != 4 || !strings.Contains(d.Remarks[0], "2048") {
		t.Errorf("%+v", d)
	}
	d = Device{}
	d.judge(&Probe{TmpFile: true, Direct: true, Allocate: true})
	if len(d.Problems) != 1 || len(d.Remarks) != 0 {
		t.Errorf("%+v", d)
	}
}

// Mounts are read with the kernel's quoting undone, and whatever fields there
// are.
func TestMountinfo(t *testing.T) {
	got := parseMountinfo("36 35 98:0 / /srv/node/a rw,noatime master:1 propagate_from:2 - xfs /dev/s\\040da rw,attr2\n" +
		"37 35 0:9 / / ro - tmpfs none rw\nx y - z\n\n38 - - - - - -\n")
	want := []mount{{36, "xfs", "/dev/s da", "rw,noatime,attr2"}, {37, "tmpfs", "none", "ro,rw"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mount{})); diff != "" {
		t.Error(diff)
	}
}

// No text makes more mounts than it has lines, and wherever it is cut between two of
// them, the parts make the same ones.
func FuzzMountinfo(f *testing.F) {
	f.Add("36 35 98:0 / /a rw - xfs /dev/sda\\040 rw\\04\n")
	f.Add("\\777\\ - \\")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(parseMountinfo(text)); n > strings.Count(text, "\n")+1 {
			t.Errorf("%d mounts", n)
		}
		lines := slices.Collect(strings.Lines(text))
		var parts []mount
		for _, line := range lines {
			parts = append(parts, parseMountinfo(line)...)
		}
		if diff := cmp.Diff(parseMountinfo(text), parts, cmp.AllowUnexported(mount{})); diff != "" {
			t.Errorf("-whole +line by line:\n%s", diff)
		}
		if got := unescape(text); len(got) > len(text) || !strings.Contains(text, `\`) && got != text {
			t.Errorf("%q", got)
		}
	})
}
