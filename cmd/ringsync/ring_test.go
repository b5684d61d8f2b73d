package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// ring shows a ring with what each device has, and where a partition and a name
// belong, by a file or by a policy's name.
func TestRing(t *testing.T) {
	conf := swiftDir(t)
	devices := ringtest.Devices(4)
	devices[1], devices[2].Weight, devices[3].Meta, devices[3].Name = nil, 300, "\x1b[31m", "$(reboot)"
	rows := [][]uint16{{0, 2, 2, 3}, {2, 3, 2, 2}, {3, 0}}
	file := filepath.Join(conf, "object.ring.gz")
	ringtest.Write(t, file, ringtest.Encode(t, devices, rows, map[string]any{"version": 41, "next_part_power": 3}))

	for _, args := range [][]string{{"ring", file}, {"ring", "--swift-dir=" + conf}, {"ring", "--swift-dir", conf, "--policy=0"}, {"ring", "--swift-dir", conf, "--policy=GOLD"}} {
		out, err := execute(t, args...)
		if err != nil {
			t.Fatal(args, err)
		}
		for _, want := range []string{
			"version     41, format 1", "partitions  4, partition power 2", "way to partition power 3", "replicas    2.5", "devices     3 in 3 zones of 1 regions",
			"2   1       2     10.0.0.2:6200  10.1.0.2:6300  sd2        300.00  5         -16.67", `"\x1b[31m"`,
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%q: no %q in\n%s", args, want, out)
			}
		}
	}

	name := "/a/c/o 1"
	h := storetest.Hash(name)
	out, err := execute(t, "ring", file, name, "--swift-dir="+conf, "--json")
	if place := placeOf(t, out); err != nil || place.Hash != h.String() || place.Partition != h.Partition(2) || place.Name != name {
		t.Errorf("%v: %s", err, out)
	}
	out, err = execute(t, "ring", file, "--partition=1", "--all", "--json")
	place := placeOf(t, out)
	if err != nil || len(place.Primaries) != 3 || len(place.Handoffs) != 0 || place.Partition != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if p := place.Primaries; p[0].ID != 2 || p[1].ID != 3 || p[2].ID != 0 || p[0].Directory != "sd2/objects/1" || p[0].SSH == "" || p[1].SSH != "" {
		t.Errorf("%+v", p)
	}
	if out, err := execute(t, "ring", file, "--swift-dir="+conf, "a", "c", "o"); err != nil || !strings.Contains(out, "primary  10.0.0.") || strings.Contains(out, `"http://10.0.0.3:6200/$(reboot)`) {
		t.Errorf("%v: %s", err, out)
	}

	other := filepath.Join(conf, "container.ring.gz")
	ringtest.Write(t, other, ringtest.Encode(t, ringtest.Devices(1), [][]uint16{{0}}, nil))
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no such file", []string{"ring", conf + "/object-9.ring.gz"}, "no such file"},
		{"no ring", []string{"ring", plain(t, "x.gz")}, "not a gzip file"},
		{"no such policy", []string{"ring", "--swift-dir", conf, "--policy=9"}, `--policy "9"`},
		{"a policy and a file", []string{"ring", file, "--policy=0"}, "--policy chooses"},
		{"a partition of another ring", []string{"ring", file, "--partition=4"}, "0 to 3"},
		{"a partition and a name", []string{"ring", file, "--partition=0", "/a/c/o"}, "not both"},
		{"no name", []string{"ring", file, "//c/o", "--swift-dir", conf}, "is not a name"},
		{"a container with a slash", []string{"ring", file, "a", "c/d", "o", "--swift-dir", conf}, "is not a name"},
		{"a name without the secret", []string{"ring", file, "/a/c/o", "--swift-dir", t.TempDir()}, "--swift-dir"},
		{"an object in a ring of containers", []string{"ring", other, "/a/c/o", "--swift-dir", conf}, "containers places no object"},
		{"a container in a ring of objects", []string{"ring", file, "/a/c", "--swift-dir", conf}, "objects places no container"},
	} {
		if _, err := execute(t, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func placeOf(t *testing.T, text string) *ringPlace {
	t.Helper()
	p := new(ringPlace)
	if err := json.Unmarshal([]byte(text), p); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

// plain is a file that is none of ours.
func plain(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("not a ring"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// What ring says of a place is what swift-get-nodes says, line for line: partition,
// hash, nodes in order, and the lines for a shell; of objects, of another policy's,
// of containers and accounts.
func TestRingAsSwiftGetNodes(t *testing.T) {
	swift, conf := peertest.Require(t), peertest.SwiftDir(t)
	built, err := swift.BuildRings(t.Context(), conf, []int{0, 4, 16})
	if err != nil {
		t.Fatal(err)
	}
	var asked, ours [][]string
	for path := range built {
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := func(name string) string {
			other := filepath.Join(filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), ".ring.gz"), name)
			if err := os.MkdirAll(filepath.Dir(other), 0o755); err != nil {
				t.Fatal(err)
			}
			ringtest.Write(t, other, file)
			return other
		}
		for _, args := range [][]string{
			{at("object.ring.gz"), "/AUTH_a/c/o"}, {at("object.ring.gz"), "AUTH_a", "c", "d//é?%41;#"}, {at("object-3.ring.gz"), "-a", "/AUTH_a/c/\"o'$x"},
			{at("container.ring.gz"), "AUTH_a/c d"}, {at("account.ring.gz"), "/AUTH_b"},
		} {
			asked = append(asked, args)
			own := append([]string{"ring", "--swift-dir=" + conf, "--json"}, args...)
			for i := range own {
				if own[i] == "-a" {
					own[i] = "--all"
				}
			}
			ours = append(ours, own)
		}
		asked = append(asked, []string{at("object-3.ring.gz"), "-p", "5"})
		ours = append(ours, []string{"ring", at("object-3.ring.gz"), "--partition=5", "--json"})
	}
	said, err := swift.GetNodes(t.Context(), conf, asked...)
	if err != nil || len(said) != len(asked) {
		t.Fatal(len(said), err)
	}
	for i, text := range said {
		out, err := execute(t, ours[i]...)
		if err != nil {
			t.Errorf("%q: %v", ours[i], err)
			continue
		}
		if diff := cmp.Diff(telling(text), asSwiftTells(placeOf(t, out))); diff != "" {
			t.Errorf("%q (-Swift +ours): %s", asked[i], diff)
		}
	}
}

// telling keeps the lines of swift-get-nodes that tell something. Without a name
// its lines of curl ask for nothing.
func telling(text string) (lines []string) {
	named := !strings.Contains(text, "Hash     \tNone")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, start := range []string{"Partition", "Hash", "Server:Port", "curl", "ssh"} {
			if strings.HasPrefix(line, start) && (named || start != "curl") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// asSwiftTells puts a place into the lines of swift-get-nodes. Source: info.py,
// print_ring_locations.
func asSwiftTells(p *ringPlace) (lines []string) {
	hash := p.Hash
	if hash == "" {
		hash = "None"
	}
	lines = append(lines, "Partition\t"+strconv.Itoa(int(p.Partition)), "Hash     \t"+hash)
	each := func(line func(*shownNode) string, handoff string) {
		for i := range p.Primaries {
			lines = append(lines, line(&p.Primaries[i]))
		}
		for i := range p.Handoffs {
			lines = append(lines, line(&p.Handoffs[i])+handoff)
		}
	}
	each(func(n *shownNode) string {
		return "Server:Port Device\t" + n.IP + ":" + strconv.Itoa(n.Port) + " " + n.Device
	}, "\t [Handoff]")
	if p.Name != "" {
		each(func(n *shownNode) string { return n.Curl }, " # [Handoff]")
	}
	each(func(n *shownNode) string { return n.SSH }, " # [Handoff]")
	return lines
}
