package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringsync/ringsync/dataplane/limit"
)

const limitsText = `# of a night
[node]
out = 100M
in = 200Mi

[device sdb1]
in: 20M
[device]
out = 50M
in = 1G

[peer 10.0.0.8]
out = 0
[peer]
out = 5M

[replicator]
concurrency = 4
per_device = 0
`

// A limits file says what it says; who is named has for what he lacks what the others
// have, wherever that stands.
func TestLimits(t *testing.T) {
	got, err := ParseLimits("limits.ini", limitsText)
	if err != nil {
		t.Fatal(err)
	}
	four, none := 4, 0
	want := Limits{Bytes: limit.Limits{
		Node:    limit.Rates{Out: 100e6, In: 200 << 20},
		Device:  limit.Rates{Out: 50e6, In: 1e9},
		Devices: map[string]limit.Rates{"sdb1": {Out: 50e6, In: 20e6}},
		Peer:    limit.Rates{Out: 5e6},
		Peers:   map[string]limit.Rates{"10.0.0.8": {}},
	}, Concurrency: &four, PerDevice: &none}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is wrong is told with its file and, where it is a key's, its line; nothing of
// such a file counts.
func TestLimitsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"[node]\nout = 5\nspeed = 5\n":               "limits.ini, line 3: \"speed\" is no key of [node]",
		"[node]\n\nout = fast\n":                     "limits.ini, line 3: \"fast\" is no rate",
		"[node]\nout = 5\n  6\n":                     "limits.ini, line 2",
		"[node]\nout = -5\n":                         "limits.ini, line 2",
		"[nodes]\nout = 5\n":                         "limits.ini: [nodes] is no section",
		"[device ]\nout = 5\n":                       "limits.ini: [device ] is no section",
		"[device a/b]\nout = 5\n":                    "no device",
		"[peer 10.0.0.8:6200]\nout = 5\n":            "no peer",
		"[peer ::1]\nin=1\n[peer 0:0::1]\nin=1\n":    "twice",
		"[device a]\nin=1\n[device  a]\nin=1\n":      "twice",
		"[node]\nout = 5\nout = 6\n":                 "limits.ini, line 3",
		"[DEFAULT]\nout = 5\n":                       "limits.ini, line 2: [DEFAULT]",
		"[replicator]\nconcurrency = 0\n":            "limits.ini, line 2: concurrency",
		"[replicator]\nper_peer = many\n":            "limits.ini, line 2: per_peer",
		"[replicator]\nper_node = 1\n":               "limits.ini, line 2: \"per_node\"",
		"out = 5\n":                                  "limits.ini, line 1",
		"[replicator]\nconcurrency = %(out)s\n":      "limits.ini, line 2",
		"[node]\nout = 5\n[replicator]\nin = 5\n":    "limits.ini, line 4",
		"[node\nout = 5\n":                           "limits.ini, line 1",
		"[node]\nout = 99999999999999999999999999\n": "limits.ini, line 2",
	} {
		got, err := ParseLimits("limits.ini", text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "limits.ini") {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
		if diff := cmp.Diff(Limits{}, got); err != nil && diff != "" {
			t.Errorf("%q: something of it counts: %s", text, diff)
		}
	}
}

// Any text is refused, or says what a set takes, the same each time.
func FuzzLimits(f *testing.F) {
	f.Add(limitsText)
	f.Add("[peer fe80::1%eth0]\nout=1\n[peer ::ffff:10.0.0.1]\nin = 0.5Gi\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseLimits("f", text)
		if err != nil {
			if diff := cmp.Diff(Limits{}, got); diff != "" {
				t.Errorf("refused with %v, and yet %s", err, diff)
			}
			return
		}
		if err := limit.New(limit.Config{}).Change(got.Bytes); err != nil {
			t.Errorf("a set refuses what was read: %v", err)
		}
		again, err := ParseLimits("f", text)
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("read again: %v, %s", err, diff)
		}
	})
}
