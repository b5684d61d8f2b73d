package config_test

import (
	"bufio"
	"bytes"
	"maps"
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
