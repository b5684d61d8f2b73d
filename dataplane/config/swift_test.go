package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/dataplane/config"
)

// loaded is what Swift made of a configuration.
type loaded struct {
	Refused                         string
	ReplicatorRefused               string `json:"replicator_refused"`
	Server, App, Recon, Healthcheck map[string]string
	Replicator                      map[string]string
}

// load has Swift's own code load configurations.
func load(t *testing.T, swift *peer.Swift, paths []string) []loaded {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), swift.Python, "-B", "testdata/loader.py")
	cmd.Stdin = strings.NewReader(strings.Join(paths, "\n") + "\n")
	cmd.Env = append(os.Environ(), "PYTHONUTF8=1")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaint.String())
	}

	var all []loaded
	for lines := json.NewDecoder(bytes.NewReader(out)); lines.More(); {
		var one loaded
		if err := lines.Decode(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if len(all) != len(paths) {
		t.Fatalf("%d answers to %d configurations", len(all), len(paths))
	}

	return all
}

// TestAgreesWithSwift: whatever a configuration holds, each part of Swift sees in
// it what we say it does, and what Swift's server refuses we refuse.
func TestAgreesWithSwift(t *testing.T) {
	swift := peertest.Require(t)
	count := 600
	if os.Getenv("RINGSYNC_FULL") == "1" {
		count = 20000
	}

	var paths []string
	dir := t.TempDir()
	for i := range count {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		path := filepath.Join(dir, fmt.Sprintf("%d.conf", i))
		if i%5 > 0 {
			write(t, path, generate(r))
		} else { // a directory
			path = filepath.Join(dir, fmt.Sprintf("%d.d", i))
			write(t, filepath.Join(path, "1.conf"), generate(r))
			write(t, filepath.Join(path, "2.conf"), generate(r))
			write(t, filepath.Join(path, ".3.conf"), "not read")
			write(t, filepath.Join(path, "4.conf~"), "not read")
		}
		paths = append(paths, path)
	}

	accepted := 0
	for i, swifts := range load(t, swift, paths) {
		accepted += compare(t, paths[i], swifts)
	}
	if accepted < count/3 {
		t.Errorf("only %d of %d configurations were good ones: the generator shows too little", accepted, count)
	}
	t.Logf("%d of %d configurations were good ones", accepted, count)
}

// compare holds our reading of a configuration against Swift's; 1 if both took it.
func compare(t *testing.T, path string, swifts loaded) int {
	t.Helper()
	f, err := parse(path)
	if swifts.Refused != "" || swifts.ReplicatorRefused != "" && swifts.ReplicatorRefused != noReplicator(path) {
		if err == nil {
			t.Errorf("%s: Swift says %s %s, we accept it:\n%s", path, swifts.Refused, swifts.ReplicatorRefused, contents(path))
		}
		return 0
	}
	if err != nil {
		t.Errorf("%s: Swift accepts it, we say %v:\n%s", path, err, contents(path))
		return 0
	}

	views := map[string]map[string]string{"server": swifts.Server, "app": swifts.App, "replicator": swifts.Replicator}
	if swifts.Recon != nil { // it is in the pipeline
		views["recon"] = swifts.Recon
	}
	if swifts.Healthcheck != nil {
		views["healthcheck"] = swifts.Healthcheck
	}
	for name, want := range views {
		got := f.View(name)
		if name == "replicator" && got != nil && got["log_name"] == "" {
			delete(want, "log_name") // readconf's own default
			delete(got, "log_name")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s (-Swift +ours):\n%s\n%s", path, name, diff, contents(path))
		}
	}

	return 1
}

func noReplicator(path string) string {
	return "ValueError: Unable to find object-replicator config section in " + path
}

func parse(path string) (*config.File, error) {
	in, err := config.Read(path)
	if err != nil {
		return nil, err
	}

	return config.Parse(in)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// contents shows a configuration in a failure.
func contents(path string) string {
	in, err := config.Read(path)
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	for _, text := range in.Texts {
		for line := range strings.SplitAfterSeq(text.Text, "\n") {
			fmt.Fprintf(&out, "\t%q\n", line)
		}
	}

	return out.String()
}

// TestRealRules: PasteDeploy's rules, one by one, each as Swift has them.
func TestRealRules(t *testing.T) {
	swift := peertest.Require(t)
	const app, main = "[app:object-server]\nuse = egg:swift#object\n", "[pipeline:main]\npipeline = recon object-server\n[filter:recon]\nuse = egg:swift#recon\n"

	var paths []string
	dir := t.TempDir()
	for i, text := range []string{
		"[DEFAULT]\ndevices = /default\n" + main + app + "devices = /plain\n",
		"[DEFAULT]\ndevices = /default\n" + main + app + "set devices = /set\n",
		main + app + "devices = /plain\n",
		main + app + "devices = /plain\nset devices = /set\n",
		"[DEFAULT]\ndevices = /default\n" + main + app + "devices = /plain\nx = %(devices)s\nset y = %(devices)s\n",
		"[DEFAULT]\ndevices = %(here)s/d\n" + main + app + "get x = devices\n",
		"[DEFAULT]\nset devices = /default\n" + main + app,
		"[DEFAULT]\ndevices = /default\n" + main + "[pipeline:main]\n" + app,
		"[DEFAULT]\nlog_name = a\n[pipeline:main]\npipeline = object-server\nset log_name = b\nset devices = /pipeline\n" + app + "log_name = c\n",
		"[pipeline:main]\npipeline = object-server\nextra = 1\n" + app,
		"[pipeline:main]\npipeline = nothing object-server\n" + app,
		"[app:object-server]\nuse = base\nset x = outer\ny = outer\n[app:base]\nuse = egg:swift#object\nset x = inner\ny = inner\nz = inner\n[app:main]\nuse = base\n",
		app + "[app: object-server]\nuse = egg:swift#object\n" + main,
		main + "[app:object-server]\npaste.app_factory = swift.obj.server:app_factory\n",
		main + "[app:object-server]\ndevices = /d\n",
		app,
		main,
		"[DEFAULT]\nDevices = /upper\nbind_port = 1\n" + main + app + "BIND_PORT = 2\n[object-replicator]\nCONCURRENCY = 3\n",
		"[DEFAULT]\ndevices = /default\n" + main + app + "[object-replicator]\ndevices = /plain\nset x = 1\n",
		"[DEFAULT]\nfallocate_reserve = 1%\nx = %(fallocate_reserve)s\n" + main + app,
		"[DEFAULT]\nx =\ny = %(x)s\n" + main + app,
		main + app + "[app:object-server]\nz = 1\n",
		main + app + "set = 1\nset\tx = 2\n",
		main + app + "require = swift\nfilter-with = recon\n",
	} {
		path := filepath.Join(dir, fmt.Sprintf("%d.conf", i))
		write(t, path, text)
		paths = append(paths, path)
	}
	for i, swifts := range load(t, swift, paths) {
		compare(t, paths[i], swifts)
	}
}
