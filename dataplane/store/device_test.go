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

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// A store says at once what it lacks.
func TestNewRefuses(t *testing.T) {
	cluster := storetest.Cluster(t)
	for name, cfg := range map[string]store.Config{
		"no devices": {Cluster: cluster},
		"no cluster": {Devices: "/srv/node"},
	} {
		if s, err := store.New(cfg); s != nil || err == nil {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// Only what can be a device's name in a ring and in a URL is looked for.
func TestDeviceNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", "/etc", "a b", "a%2fb", "a\x00", "é", strings.Repeat("d", 256)} {
		if err := store.ValidDeviceName(name); !errors.Is(err, store.ErrDeviceName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"d1", "sda", "disk-0_1.x~", strings.Repeat("d", 255)} {
		if err := store.ValidDeviceName(name); err != nil {
			t.Error(err)
		}
	}
	s := storetest.New(t)
	must(t, os.Mkdir(filepath.Join(s.Devices(), "bad name"), 0o755))
	must(t, os.Mkdir(filepath.Join(s.Devices(), "d2"), 0o755))
	names, err := s.DeviceNames()
	slices.Sort(names)
	if err != nil || !slices.Equal(names, []string{"d1", "d2"}) {
		t.Errorf("%q, %v", names, err)
	}
	if _, err := s.Device("../d1"); !errors.Is(err, store.ErrDeviceName) {
		t.Errorf("%v", err)
	}
}

// With mount_check a directory is a device only if something is mounted there, or
// a test says so by a file named .ismount.
func TestMountCheck(t *testing.T) {
	for _, test := range []struct {
		name    string
		make    func(t *testing.T, path string)
		check   bool
		mounted bool
	}{
		{"an empty mount point", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) }, true, false},
		{"a directory that need not be mounted", func(t *testing.T, path string) { must(t, os.Mkdir(path, 0o755)) }, false, true},
		{"a stub", func(t *testing.T, path string) {
			must(t, os.Mkdir(path, 0o755))
			must(t, os.WriteFile(path+"/.ismount", nil, 0o644))
		}, true, true},
		{"a link to a mount", func(t *testing.T, path string) { must(t, os.Symlink("/proc", path)) }, true, false},
		{"a link to a stub", func(t *testing.T, path string) {
			must(t, os.Mkdir(path+"-real", 0o755))
			must(t, os.WriteFile(path+"-real/.ismount", nil, 0o644))
			must(t, os.Symlink(path+"-real", path))
		}, true, true},
		{"nothing", func(*testing.T, string) {}, true, false},
		{"nothing, unchecked", func(*testing.T, string) {}, false, false},
		{"a file", func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o644)) }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := storetest.New(t, func(c *store.Config) { c.MountCheck = test.check })
			test.make(t, filepath.Join(s.Devices(), "d2"))
			d, err := s.Device("d2")
			if (err == nil) != test.mounted || err != nil && !errors.Is(err, store.ErrUnmounted) {
				t.Errorf("%v", err)
			}
			if err == nil {
				d.Close()
			}
		})
	}
	s := storetest.New(t, func(c *store.Config) { c.Devices, c.MountCheck = "/", true })
	d, err := s.Device("proc")
	if err != nil {
		t.Fatalf("/proc is a mount: %v", err)
	}
	d.Close()
}

// Partitions are directories with canonical numbers; what else lies beside them
// is not ours.
func TestPartitions(t *testing.T) {
	s := storetest.New(t)
	d := storetest.Device(t, s)
	policy := s.Cluster().Policies[2]
	if parts, err := d.Partitions(policy); parts != nil || err != nil {
		t.Errorf("of a fresh device: %v, %v", parts, err)
	}
	for _, name := range []string{"0", "13", "4294967295", "4294967296", "013", "-1", "auditor_status_ALL.json", "x"} {
		must(t, os.MkdirAll(filepath.Join(s.Devices(), "d1", "objects-2", name), 0o755))
	}
	parts, err := d.Partitions(policy)
	slices.Sort(parts)
	if err != nil || !slices.Equal(parts, []uint32{0, 13, 4294967295}) {
		t.Errorf("%v, %v", parts, err)
	}
	p := d.Partition(policy, 13)
	if want := filepath.Join(s.Devices(), "d1/objects-2/13"); p.Path() != want || p.Number() != 13 || p.Policy().Index != 2 || p.Device() != d {
		t.Errorf("%s, want %s", p.Path(), want)
	}
}

// An object that would eat into the reserve is refused as on a full disk; a
// tombstone, which makes room, is not.
func TestReserve(t *testing.T) {
	all := store.Reserve{Percent: 100}
	for _, test := range []struct {
		name    string
		edit    func(*store.Config)
		refused bool
	}{
		{"none", func(*store.Config) {}, false},
		{"bytes to spare", func(c *store.Config) { c.Reserve = store.Reserve{Bytes: 1} }, false},
		{"more bytes than there are", func(c *store.Config) { c.Reserve = store.Reserve{Bytes: 1 << 60} }, true},
		{"all of it", func(c *store.Config) { c.Reserve = all }, true},
		{"not asked for", func(c *store.Config) { c.Reserve, c.DisableAllocate = all, true }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t, test.edit)
			err := storetest.Put(p, first, storetest.Time(1), []byte("x"))
			if (err != nil) != test.refused || err != nil && (!errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "fallocate_reserve")) {
				t.Errorf("%v", err)
			}
			must(t, storetest.Delete(p, first, storetest.Time(2)))
		})
	}
}

// Room for a large body is taken beforehand, unless that is turned off; a file
// system that can't is no reason to refuse it, a full one is.
func TestPreallocation(t *testing.T) {
	for _, test := range []struct {
		name  string
		size  int
		errno unix.Errno
		edit  func(*store.Config)
		calls int
		want  error
	}{
		{"a small body", 1<<20 - 1, 0, nil, 0, nil},
		{"a large one", 1 << 20, 0, nil, 1, nil},
		{"turned off", 1 << 20, 0, func(c *store.Config) { c.DisableAllocate = true }, 0, nil},
		{"not supported", 1 << 20, unix.EOPNOTSUPP, nil, 1, nil},
		{"no room", 1 << 20, unix.ENOSPC, nil, 1, unix.ENOSPC},
		{"no quota", 1 << 20, unix.EDQUOT, nil, 1, unix.EDQUOT},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls := 0
			p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call != store.CallAllocate {
					return nil
				}
				if calls++; test.errno != 0 {
					return test.errno
				}
				return nil
			}}), func(c *store.Config) {
				if test.edit != nil {
					test.edit(c)
				}
			})
			err := storetest.Put(p, first, storetest.Time(1), make([]byte, test.size))
			if !errors.Is(err, test.want) || calls != test.calls {
				t.Errorf("%d calls, %v", calls, err)
			}
		})
	}
}

// A device filled under another secret is recognised before anything is moved.
func TestCheckSecret(t *testing.T) {
	other := func(c *store.Config) { c.Cluster.Secret.Prefix = "another" }
	for _, test := range []struct {
		name   string
		filled func(*store.Config) // configuration of who filled it
		more   func(*store.Config)
		ok     bool
	}{
		{"its own", func(*store.Config) {}, nil, true},
		{"another's", other, nil, false},
		{"both", other, func(*store.Config) {}, true},
		{"empty", nil, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := storetest.New(t)
			for i, edit := range []func(*store.Config){test.filled, test.more} {
				if edit == nil {
					continue
				}
				fill(t, s.Devices(), i, edit)
			}
			err := storetest.Device(t, s).CheckSecret(context.Background())
			if (err == nil) != test.ok || err != nil && !strings.Contains(err.Error(), "swift_hash_path_prefix") {
				t.Errorf("%v", err)
			}
			if names := ls(t, filepath.Join(s.Devices(), "d1", "quarantined")); names != nil {
				t.Errorf("quarantined: %q", names)
			}
		})
	}
}

// fill puts a few objects by the secret that edit sets.
func fill(t *testing.T, devices string, partition int, edit func(*store.Config)) {
	var secret hashes.Secret
	s := storetest.New(t, func(c *store.Config) {
		c.Devices = devices
		edit(c)
		secret = c.Cluster.Secret
	})
	p := storetest.Device(t, s).Partition(s.Cluster().Policies[0], uint32(partition))
	for i := range 5 {
		name := fmt.Sprintf("/a/c/o%d", i)
		h, ts := secret.Hash(name), storetest.Time(1)
		w, err := p.Put(h, ts, 0)
		must(t, err)
		must(t, w.Seal(name, ts, dataMetadata(name, ts, "")))
		must(t, p.Commit(context.Background(), []*store.Writer{w})[0])
	}
}

// A partition's offers come ascending, with the times of the file names; what
// can't be listed is told at the end.
func TestOffers(t *testing.T) {
	unreadable := ""
	p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if unreadable != "" && op.Call == store.CallReadDir && filepath.Base(op.Path) == unreadable {
			return unix.EIO
		}
		return nil
	}}))
	kin := sibling(first)
	must(t, storetest.Put(p, first, storetest.Time(1), nil))
	must(t, storetest.Post(p, first, storetest.Time(3), hashes.Field{Key: "Content-Type", Value: "t"}))
	must(t, storetest.Put(p, kin, storetest.Time(2), nil))
	must(t, storetest.Delete(p, second, storetest.Time(4)))
	must(t, os.MkdirAll(filepath.Join(p.Path(), "fff"), 0o755))
	must(t, os.WriteFile(filepath.Join(p.Path(), "not-a-suffix"), nil, 0o644))

	suffixes, err := p.Suffixes()
	must(t, err)
	list := func() (got []proto.Offer, err error) {
		err = p.Offers(context.Background(), suffixes, func(o proto.Offer) error { got = append(got, o); return nil })
		return got, err
	}
	at := storetest.Time
	want := []proto.Offer{
		{Hash: storetest.Hash(kin), Data: at(2), Meta: at(2), CType: at(2)},
		{Hash: storetest.Hash(first), Data: at(1), Meta: at(3), CType: at(3)},
		{Hash: storetest.Hash(second), Data: at(4), Meta: at(4), CType: at(4)},
	}
	slices.SortFunc(want, func(a, b proto.Offer) int {
		return strings.Compare(a.Hash.Suffix().String()+a.Hash.String(), b.Hash.Suffix().String()+b.Hash.String())
	})
	got, err := list()
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(p.Path(), "fff")); !os.IsNotExist(err) || !slices.Contains(invalid(t, p), 0xfff) {
		t.Errorf("the empty suffix: %v, invalid %v", err, invalid(t, p))
	}

	unreadable = storetest.Hash(kin).String()
	got, err = list()
	var missing *store.UnreadableError
	if !errors.As(err, &missing) || !errors.Is(err, unix.EIO) || len(got) != 2 {
		t.Errorf("one unreadable: %d offers, %v", len(got), err)
	}
	stop := errors.New("stop")
	if err := p.Offers(context.Background(), suffixes, func(proto.Offer) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}
