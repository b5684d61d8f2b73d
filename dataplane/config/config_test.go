package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/config"
)

const (
	appSection  = "[app:object-server]\nuse = egg:swift#object\n"
	mainSection = "[pipeline:main]\npipeline = healthcheck recon object-server\n" +
		"[filter:healthcheck]\nuse = egg:swift#healthcheck\n[filter:recon]\nuse = egg:swift#recon\n"
)

// parseText parses one text as /etc/swift/f.conf.
func parseText(text string) (*config.File, error) {
	const name = "/etc/swift/f.conf"

	return config.Parse(&config.Input{Path: name, Texts: []config.Text{{Name: name, Text: text}}})
}

func resolve(t *testing.T, text string, flags map[string]string) *config.Resolved {
	t.Helper()
	f, err := parseText(text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := config.Resolve(f, flags)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

// TestPasteDeploy: what the server sees of a key that stands in several places.
// Each row is what Swift's own loader gives (TestRealRules asks it).
func TestPasteDeploy(t *testing.T) {
	for _, test := range []struct{ what, text, want string }{
		{"[DEFAULT] counts before a plain key", "[DEFAULT]\ndevices = /default\n" + mainSection + appSection + "devices = /plain\n", "/default"},
		{"set counts before [DEFAULT]", "[DEFAULT]\ndevices = /default\n" + mainSection + appSection + "set devices = /set\n", "/set"},
		{"a plain key that [DEFAULT] lacks counts", mainSection + appSection + "devices = /plain\n", "/plain"},
		{"and then before set", mainSection + appSection + "devices = /plain\nset devices = /set\n", "/plain"},
		{"set in the pipeline counts before [DEFAULT]", "[DEFAULT]\ndevices = /default\n[pipeline:main]\npipeline = object-server\nset devices = /pipe\n" + appSection, "/pipe"},
		{"set in the app before that", "[pipeline:main]\npipeline = object-server\nset devices = /pipe\n" + appSection + "set devices = /set\n", "/set"},
		{"get takes another key", "[DEFAULT]\nx = /x\n" + mainSection + appSection + "get devices = x\n", "/x"},
		{"a section that is used", "[pipeline:main]\npipeline = object-server\n[app:object-server]\nuse = base\n[app:base]\nuse = egg:swift#object\ndevices = /base\n", "/base"},
		{"here is the file's directory", mainSection + appSection + "devices = %(here)s/node\n", "/etc/swift/node"},
	} {
		if got := resolve(t, test.text, nil).Devices; got != test.want {
			t.Errorf("%s: got %q, want %q", test.what, got, test.want)
		}
	}
}

// TestOrder: default, [DEFAULT], the section, a flag: each counts before those
// named earlier.
func TestOrder(t *testing.T) {
	const def, set = "[DEFAULT]\nreplication_lock_timeout = 2\n", "set replication_lock_timeout = 3\n"
	flag := map[string]string{"replication-lock-timeout": "4"}

	for _, test := range []struct {
		text   string
		flags  map[string]string
		want   time.Duration
		source config.Source
	}{
		{mainSection + appSection, nil, 15 * time.Second, config.FromDefault},
		{def + mainSection + appSection, nil, 2 * time.Second, config.FromFile},
		{def + mainSection + appSection + set, nil, 3 * time.Second, config.FromFile},
		{def + mainSection + appSection + set, flag, 4 * time.Second, config.FromFlag},
	} {
		r := resolve(t, test.text, test.flags)
		if r.LockTimeout != test.want || r.Source("replication_lock_timeout") != test.source {
			t.Errorf("%s from %d, want %s from %d", r.LockTimeout, r.Source("replication_lock_timeout"), test.want, test.source)
		}
	}

	r, err := config.Resolve(nil, flag)
	if err != nil || r.LockTimeout != 4*time.Second || r.BindPort != 6200 {
		t.Errorf("without a file: %+v, %v", r, err)
	}
}

// TestSettings: values as Swift's functions read them.
func TestSettings(t *testing.T) {
	get := func(text string) *config.Resolved {
		return resolve(t, "[DEFAULT]\n"+text+"\n"+mainSection+appSection, nil)
	}

	for _, test := range []struct {
		text      string
		got, want any
	}{
		{"", get("").Concurrency, 0},
		{"replication_concurrency = 4", get("replication_concurrency = 4").Concurrency, 4},
		{"replication_concurrency =", get("replication_concurrency =").Concurrency, 0},
		{"", get("").PerDevice, 1},
		{"replication_one_per_device = no", get("replication_one_per_device = no").PerDevice, 0},
		{"replication_one_per_device = T", get("replication_one_per_device = T").PerDevice, 1},
		{"both", get("replication_one_per_device = no\nreplication_concurrency_per_device = 3").PerDevice, 3},
		{"replication_failure_threshold = 0", get("replication_failure_threshold = 0").FailureThreshold, 1},
		{"replication_failure_ratio =", get("replication_failure_ratio =").FailureRatio, 1.0},
		{"an empty nice_priority", get("nice_priority =\nionice_class =\nlog_level =").Source("nice_priority"), config.FromDefault},
		{"mount_check = maybe", get("mount_check = maybe").MountCheck, false},
		{"mount_check = Yes", get("mount_check = Yes").MountCheck, true},
		{"client_timeout = 1_0.5e0", get("client_timeout = 1_0.5e0").ClientTimeout, 10500 * time.Millisecond},
		{"fallocate_reserve = 2.5%", get("fallocate_reserve = 2.5%").FallocateReserve, config.Reserve{Percent: 2.5}},
		{"fallocate_reserve = 1_000", get("fallocate_reserve = 1_000").FallocateReserve, config.Reserve{Bytes: 1000}},
		{"devices = srv", get("devices = srv").Devices, "/srv"},
		{"workers = AUTO", get("workers = AUTO").Source("workers"), config.FromFile},
		{"log_level = Warning", get("log_level = Warning").Log.Level.String(), "WARN"},
		{"allowed_headers", len(get("").AllowedHeaders), 9},
		{"recon_cache_path of the filters", get("recon_cache_path = /r").ReconCachePath, "/r"},
	} {
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
	}

	if nice := get("nice_priority = -5").NicePriority; nice == nil || *nice != -5 {
		t.Errorf("nice_priority: %v", nice)
	}
	if nice := get("").NicePriority; nice != nil {
		t.Errorf("nice_priority that is not written: %v", *nice)
	}
}

// TestReplicator: its section's own keys count, in any case, and run_pause where
// there is no interval.
func TestReplicator(t *testing.T) {
	const top = "[DEFAULT]\nconcurrency = 2\nnode_timeout = 3\n" + mainSection + appSection
	if r := resolve(t, top, nil).Replicator; r.Configured || r.Concurrency != 1 || r.NodeTimeout != 10*time.Second {
		t.Errorf("without a section: %+v", r)
	}

	r := resolve(t, top+"[object-replicator]\nCONCURRENCY = 5\nrun_pause = 7\nsync_method = ssync\nhandoff_delete = 2\nx = %(here)s\n", nil).Replicator
	if !r.Configured || r.Concurrency != 5 || r.NodeTimeout != 3*time.Second || r.Interval != 7*time.Second || r.SyncMethod != "ssync" || r.HandoffDelete != 2 {
		t.Errorf("%+v", r)
	}
	if r := resolve(t, top+"[object-replicator]\nrun_pause = 7\ninterval = 8\n", nil).Replicator; r.Interval != 8*time.Second {
		t.Errorf("interval %s", r.Interval)
	}
}

// Who the node is in the ring, its replicator reads in a section of its own, and
// --listen has the last word. Source: replicator.py, ObjectReplicator.__init__.
func TestWhoWeAre(t *testing.T) {
	const own = "[object-replicator]\nbind_ip = 10.0.0.8\nbind_port = 6300\n"
	for _, row := range []struct {
		text   string
		listen bool
		ip     string
		port   int
		ring   string
	}{
		{"[DEFAULT]\nbind_ip = 10.0.0.7\nbind_port = 6201\nring_ip = 10.0.0.9\n", false, "10.0.0.7", 6201, "10.0.0.9"},
		{"[DEFAULT]\nbind_ip = 10.0.0.7\n" + own, false, "10.0.0.8", 6300, ""},
		{own + "ring_ip = 10.0.0.9\n", false, "10.0.0.8", 6300, "10.0.0.9"},
		{"[DEFAULT]\nbind_ip = 10.0.0.7\nbind_port = 6201\n", false, "10.0.0.7", 6201, ""},
		{own, true, "10.0.0.1", 6400, ""},
		{own + "servers_per_port = 2\n", false, "10.0.0.8", 0, ""},
		{"", false, "0.0.0.0", 6200, ""},
	} {
		flags := map[string]string{}
		if row.listen {
			flags["listen"] = "10.0.0.1:6400"
		}
		if r := resolve(t, row.text+mainSection+appSection, flags).Replicator; r.BindIP != row.ip || r.BindPort != row.port || r.RingIP != row.ring {
			t.Errorf("%q: %s:%d, ring_ip %q", row.text, r.BindIP, r.BindPort, r.RingIP)
		}
	}
}

// TestBadValues: each names file, line, section, key, value and what is wanted;
// all of them at once.
func TestBadValues(t *testing.T) {
	f, err := parseText("[DEFAULT]\nbind_port = 66000\nconn_timeout = soon\n" + mainSection + appSection +
		"set replication_concurrency = -1\nreclaim_age = 1.5\nset log_level = loud\n[object-replicator]\nsync_method = carrier pigeon\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Resolve(f, map[string]string{"client-timeout": "-3s", "mount-check": "maybe"})
	if _, ok := errors.AsType[*config.ValueError](err); !ok {
		t.Errorf("%v", err)
	}

	want := []string{
		`/etc/swift/f.conf, line 2: [DEFAULT] bind_port = "66000": an integer from 1 to 65535 is expected`,
		`/etc/swift/f.conf, line 3: [DEFAULT] conn_timeout = "soon": a number of seconds is expected`,
		`/etc/swift/f.conf, line 12: [app:object-server] set replication_concurrency = "-1": an integer of at least 0 is expected`,
		`/etc/swift/f.conf, line 13: [app:object-server] reclaim_age = "1.5": a whole number of seconds is expected`,
		`/etc/swift/f.conf, line 14: [app:object-server] set log_level = "loud": debug, info, notice, warning, error or critical is expected`,
		`/etc/swift/f.conf, line 16: [object-replicator] sync_method = "carrier pigeon": rsync or ssync is expected`,
		`--client-timeout = "-3s": a number of seconds is expected`,
		`--mount-check = "maybe": true or false is expected`,
	}
	got := strings.Split(err.Error(), "\n")
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNotOurs: files that are another server's are refused, and why.
func TestNotOurs(t *testing.T) {
	for text, want := range map[string]string{
		"[DEFAULT]\nservers_per_port = 2\n" + mainSection + appSection:                          "line 2: [DEFAULT] servers_per_port = \"2\": ringsyncd listens on one address",
		"[DEFAULT]\ncert_file = /c\n" + mainSection + appSection:                                "speaks no TLS",
		"[DEFAULT]\nrequire_proxy_protocol = on\n" + mainSection + appSection:                   "PROXY",
		mainSection + appSection + "replication_server = false\n":                               "answers clients only",
		"[pipeline:main]\npipeline = object-server\n[app:object-server]\nuse = egg:x#y\n":       `made by "egg:x#y"`,
		"[pipeline:main]\npipeline = object-server\n[app:object-server]\nuse = config:b#y\n":    "another file",
		"[pipeline:main]\npipeline = proxy-server\n[app:proxy-server]\nuse = egg:swift#proxy\n": "no [app:object-server]",
		appSection: "no [app:main]",
	} {
		f, err := parseText(text)
		if err == nil {
			_, err = config.Resolve(f, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "/etc/swift/f.conf") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}

	if _, err := config.Resolve(nil, map[string]string{"listen": "here"}); err == nil || err.Error() != `--listen = "here": HOST:PORT is expected` {
		t.Errorf("a flag for two keys: %v", err)
	}
	flags := map[string]string{"listen": "127.0.0.1:0"}
	r := resolve(t, "[DEFAULT]\nservers_per_port = 2\n"+mainSection+appSection, flags)
	if r.BindIP != "127.0.0.1" || r.BindPort != 0 {
		t.Errorf("--listen beside servers_per_port: %s:%d", r.BindIP, r.BindPort)
	}
}

// TestTold: what an operator is told once.
func TestTold(t *testing.T) {
	r := resolve(t, "[DEFAULT]\nbind_port = 6201\ndevices = /srv/node\nmount_chek = false\nmine = 1\nx = %(mine)s\nobjects_per_second = 9\nworkers = 8\nstatsd_user_label_a = b\n"+
		mainSection+"recon_cache_pth = /r\n"+appSection+"devices = /elsewhere\nset bind_port = 6202\nset replication_concurency = 1\nset replication_concurrency = 2\nx = 5\n"+
		"[object-replicator]\nConcurrency = 2\nintervall = 3\n[object-auditor]\nanything = 1\n[object-replicater]\n[filter:other]\nz = 1\n", nil)

	want := config.Told{
		Unknown: []string{"[filter:recon] recon_cache_pth", "[app:object-server] replication_concurency", "[app:object-server] x",
			"[object-replicator] intervall", "[object-replicater]", "[DEFAULT] mount_chek", "[DEFAULT] x"},
		Shadowed:  []string{"[app:object-server] devices", "[app:object-server] x"},
		NoEffect:  []string{"[DEFAULT] workers"},
		Different: []string{"[app:object-server] replication_concurrency"},
	}
	if diff := cmp.Diff(want, r.Told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.BindPort != 6202 || r.Devices != "/srv/node" {
		t.Errorf("%d, %s", r.BindPort, r.Devices)
	}
}
