package interop_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/recon"
)

// reconNode is a devices directory, a swift directory and a cache directory with
// something in each.
func reconNode(t *testing.T, r *rig) (devices, cache string) {
	t.Helper()
	devices, cache = peertest.Devices(t), t.TempDir()
	for _, dir := range []string{"d1/quarantined/objects/a", "d1/quarantined/objects/b", "d1/quarantined/objects-2/c", "d1/quarantined/containers/d", "a b"} {
		must(t, os.MkdirAll(filepath.Join(devices, dir), 0o755))
	}
	write(t, filepath.Join(devices, "d1", ".ismount"), "")
	write(t, filepath.Join(devices, "file"), "")
	write(t, filepath.Join(r.swiftDir, "account.ring.gz"), "not a ring, but summed")
	write(t, filepath.Join(r.swiftDir, "object.ring.gz"), "nor this")
	write(t, filepath.Join(cache, "object.recon"), `{"async_pending": 7, "async_pending_last": 1795414437.8179164, "object_replication_time": 0.00076598326365153, `+
		`"object_auditor_stats_ALL": {"d1": {"passes": 3, "name": "d\u00e9"}}, "replication_stats": {"attempted": 3}, "expired_last_pass": null}`+"\n")
	write(t, filepath.Join(cache, "container.recon"), `{"container_updater_sweep": 1.5}`)
	write(t, filepath.Join(cache, "account.recon"), `["no object"]`)
	write(t, filepath.Join(cache, "drive.recon"), `{"drive_audit_errors"`)
	return devices, cache
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// Each question of swift-recon, and some that nobody asks, gets the same status,
// type and JSON from us as from Swift's middleware over the same tree. What
// changes from one moment to the next is compared by its keys and types.
func TestReconAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	devices, cache := reconNode(t, r)
	ours, err := recon.New(recon.Config{Devices: devices, SwiftDir: r.swiftDir, CachePath: cache, Policies: r.cluster.Policies, Version: "1"})
	must(t, err)

	moving := []string{"mem", "load", "sockstat", "time", "version", "diskusage"}
	fixed := []string{
		"async", "replication", "replication/object", "replication/account", "replication/container", "devices", "updater/container", "updater/object",
		"auditor/object", "auditor/account", "auditor/container", "expirer/object", "unmounted", "mounted", "quarantined", "ringmd5", "swiftconfmd5",
		"driveaudit", "sharding", "relinker", "reconstruction/object", "devices/whatever",
		"", "nothing", "replication/", "replication/proxy", "updater/account", "auditor", "expirer", "expirer/account", "reconstruction", "a%20b/%C3%A9%25", "auditor/object/x",
	}
	var targets []string
	for _, q := range slices.Concat(moving, fixed) {
		targets = append(targets, "/recon/"+q)
	}
	theirs, err := r.swift.Recon(context.Background(), r.swiftDir, devices, cache, targets)
	must(t, err)
	for i, target := range targets {
		t.Run(target, func(t *testing.T) {
			got, want := ours.Answer(target), theirs[i]
			if got.Status != want.Status || got.ContentType != want.Type {
				t.Errorf("%d %s, and Swift's %d %s", got.Status, got.ContentType, want.Status, want.Type)
			}
			if want.Status != 200 {
				if string(got.Body) != want.Body {
					t.Errorf("%q, and Swift's %q", got.Body, want.Body)
				}
				return
			}
			a, b := parsed(t, string(got.Body)), parsed(t, want.Body)
			if target == "/recon/mounted" { // other tests mount and unmount meanwhile
				a, b = lasting(a), lasting(b)
			}
			if i < len(moving) {
				a, b = shape(a), shape(b)
			}
			if target == "/recon/updater/object" { // Swift has these two since 2.35.0
				delete(a.(map[string]any), "object_updater_stats")
				delete(a.(map[string]any), "object_updater_last")
			}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Errorf("Swift's, and ours:\n%s", diff)
			}
		})
	}
}

// lasting leaves out what is mounted below the directories of tests.
func lasting(mounts any) any {
	return slices.DeleteFunc(mounts.([]any), func(m any) bool {
		path, _ := m.(map[string]any)["path"].(string)
		return strings.HasPrefix(path, os.TempDir()+"/") || strings.HasPrefix(path, "/dev/shm/")
	})
}

// parsed sorts what is in no order: lists of devices.
func parsed(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	sortLists(v)
	return v
}

func sortLists(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			sortLists(inner)
		}
	case []any:
		text := func(v any) string { b, _ := json.Marshal(v); return string(b) }
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	}
}

// shape keeps keys and the kinds of values.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		keys := map[string]any{}
		for key := range maps.Keys(v) {
			keys[key] = shape(v[key])
		}
		return keys
	case []any:
		list := []any{}
		for _, element := range v {
			list = append(list, shape(element))
		}
		return list
	case string:
		return "text"
	case float64:
		return "number"
	}
	return v
}

// A cache file that Swift and we update in turns holds what both wrote, and is
// byte for byte what Swift alone would have made of it.
func TestReconCache(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	updates := []map[string]any{
		{"replication_stats": map[string]any{"attempted": 3, "failure_nodes": map[string]any{}, "rsync": 0}, "replication_last": 1795414437.8179164, "small": 0.00001, "big": 1.5e22, "text": "é\u007f\x01\"\\🙂"},
		{"replication_stats": map[string]any{"attempted": 4, "success": true}, "none": nil, "whole": 2, "list": []any{1, "a", map[string]any{}}},
		{"replication_stats": map[string]any{"rsync": map[string]any{}, "b": map[string]any{"c": 1}}, "text": map[string]any{"now": "an object"}},
		{"text": map[string]any{}, "never there": map[string]any{}, "replication_last": map[string]any{"a": map[string]any{}}},
	}
	alone, shared := filepath.Join(t.TempDir(), "object.recon"), filepath.Join(t.TempDir(), "object.recon")
	for i, values := range updates {
		errors, err := r.swift.DumpReconCache(context.Background(), r.swiftDir, alone, values)
		must(t, err)
		if i%2 == 0 {
			must(t, recon.Update(context.Background(), shared, values))
		} else {
			more, err := r.swift.DumpReconCache(context.Background(), r.swiftDir, shared, values)
			must(t, err)
			errors = append(errors, more...)
		}
		if len(errors) > 0 {
			t.Fatal(errors)
		}
		want, err := os.ReadFile(alone)
		must(t, err)
		got, err := os.ReadFile(shared)
		must(t, err)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("after update %d, Swift's and the shared one:\n%s", i, diff)
		}
	}
}
