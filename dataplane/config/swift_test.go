package config_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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

// TestEveryKeyOfSwift: the table has each key that the installed Swift's server
// and replicator read. The keys are looked up in its source.
func TestEveryKeyOfSwift(t *testing.T) {
	swift := peertest.Require(t)
	known := knownKeys()
	// Not written by operators: PasteDeploy's, and the semaphore's way in.
	for _, name := range []string{"__file__", "__name__", "replication_semaphore", "swift-hash", "reseller_prefix"} {
		known[name] = true
	}

	read := keysRead(t, swift, "obj/server.py", "obj/replicator.py", "obj/diskfile.py", "common/daemon.py", "common/wsgi.py",
		"common/base_storage_server.py", "common/middleware/recon.py", "common/middleware/healthcheck.py",
		"common/statsd_client.py", "common/utils.py", "common/utils/__init__.py", "common/utils/logs.py", "common/utils/config.py")
	if len(read) < 90 {
		t.Errorf("only %d keys were found in Swift's source: %q", len(read), slices.Sorted(maps.Keys(read)))
	}
	for _, name := range slices.Sorted(maps.Keys(read)) {
		if !known[name] {
			t.Errorf("%s, which %s reads, is not in the table", name, read[name])
		}
	}
}

// TestKeysOfDaemons: a key of [DEFAULT] that another daemon reads is not unknown.
func TestKeysOfDaemons(t *testing.T) {
	swift := peertest.Require(t)
	const good = "[app:object-server]\nuse = egg:swift#object\n[app:main]\nuse = object-server\n"

	for name, where := range keysRead(t, swift, "obj/reconstructor.py", "obj/auditor.py", "obj/updater.py", "obj/expirer.py") {
		if name == "__file__" {
			continue
		}
		f, err := config.Parse(&config.Input{Path: "/f", Texts: []config.Text{{Name: "/f", Text: "[DEFAULT]\n" + name + " = 1\n" + good}}})
		if err != nil {
			t.Fatal(err)
		}
		if told := f.Tell(); len(told.Unknown) > 0 {
			t.Errorf("%q, which %s reads", told.Unknown, where)
		}
	}
}

func knownKeys() map[string]bool {
	known := map[string]bool{}
	for _, k := range config.Keys() {
		known[k.Name] = true
	}

	return known
}

// readsKey matches the ways in which Swift's code reads a key of a conf.
var readsKey = regexp.MustCompile(`conf(?:\.get\(\s*|\[)['"]([\w-]+)['"]|['"](\w+)['"] (?:not )?in conf\b`)

// keysRead finds the keys that files of Swift read, and where.
func keysRead(t *testing.T, swift *peer.Swift, files ...string) map[string]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), swift.Python, "-B", "-c", "import swift; print(swift.__path__[0])").Output()
	if err != nil {
		t.Fatal(err)
	}

	read, found := map[string]string{}, 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), file))
		if err != nil {
			continue // utils was one file once, and is a package now
		}
		found++
		for _, m := range readsKey.FindAllSubmatch(text, -1) {
			read[string(m[1])+string(m[2])] = file
		}
	}
	if found < len(files)/2 {
		t.Fatalf("%d of the files %q in %s", found, files, out)
	}

	return read
}

// TestSample: every key of the sample that Swift ships is known, commented out
// or not, and its values are those we take for the defaults.
func TestSample(t *testing.T) {
	peertest.Require(t)
	var sample []byte
	for _, path := range []string{"/usr/share/doc/swift-object/examples/object-server.conf", "/etc/swift/object-server.conf"} {
		if sample, _ = os.ReadFile(path); sample != nil {
			break
		}
	}
	if sample == nil {
		t.Skip("this Swift came without its sample of object-server.conf")
	}

	f, err := config.Parse(&config.Input{Path: "/f", Texts: []config.Text{{Name: "/f", Text: uncommented(sample)}}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := config.Resolve(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unknown) > 0 {
		t.Errorf("unknown: %q", r.Unknown)
	}

	if r.Concurrency != 4 {
		t.Errorf("replication_concurrency is written, and is %d", r.Concurrency)
	}
	defaults, err := config.Resolve(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defaults.Concurrency = 4                                                          // written in the sample
	defaults.Replicator.NodeTimeout = 3 * time.Second                                 // what [DEFAULT] says
	defaults.Log.Name, defaults.Replicator.LogName = r.Log.Name, r.Replicator.LogName // Debian's own
	defaults.Replicator.Configured = true
	defaults.Replicator.RingIP = "<bind_ip>"
	if diff := cmp.Diff(defaults.Settings, r.Settings, cmpopts.IgnoreUnexported(config.Settings{})); diff != "" {
		t.Errorf("(-defaults +sample):\n%s", diff)
	}
}

// uncommented has the keys of a sample count that stand behind a '#'; those with
// an empty value stay what they are.
func uncommented(sample []byte) string {
	key := regexp.MustCompile(`^# ?((?:set )?[a-z_]+ = \S.*)$`) // no prose

	var out strings.Builder
	seen, section := map[string]bool{}, ""
	for lines := bufio.NewScanner(bytes.NewReader(sample)); lines.Scan(); {
		line := lines.Text()
		if m := key.FindStringSubmatch(line); m != nil && !strings.Contains(m[1], "<whatever") {
			line = strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
		}
		if strings.HasPrefix(line, "[") {
			section = line
		}
		name, _, _ := strings.Cut(line, " =")
		if strings.Contains(line, "=") && line[0] != '#' && seen[section+name] {
			continue
		}
		seen[section+name] = true
		out.WriteString(line + "\n")
	}

	return out.String()
}
