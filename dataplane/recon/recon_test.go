package recon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// node is a Recon over fresh directories.
func node(t *testing.T) *Recon {
	t.Helper()
	r, err := New(Config{Devices: t.TempDir(), SwiftDir: t.TempDir(), CachePath: t.TempDir(), Proc: t.TempDir(), Version: "ringsync"})
	if err != nil {
		t.Fatal(err)
	}
	return r
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

// What /proc says comes out in Swift's words; a line of another make is passed
// over.
func TestProc(t *testing.T) {
	r := node(t)
	write(t, r.cfg.Proc+"/meminfo", "MemTotal:       16 kB\nHugepages:    0\nno colon\n")
	write(t, r.cfg.Proc+"/loadavg", "0.10 1.01 2.00 1/123 4567\n")
	write(t, r.cfg.Proc+"/mounts", "/dev/sda /srv/node/a\\040b xfs rw 0 0\nshort line\n")
	write(t, r.cfg.Proc+"/net/sockstat", "sockets: used 9\nTCP: inuse 5 orphan 1 tw 2 alloc 7 mem 3\nTCP:\n\n")
	write(t, r.cfg.Proc+"/net/sockstat6", "TCP6: inuse 4\nUDP6: inuse 9\n")
	memory := strconv.Itoa(3 * os.Getpagesize())
	for check, want := range map[string]string{
		"mem":      `{"Hugepages": "0", "MemTotal": "16 kB"}`,
		"load":     `{"15m": 2.0, "1m": 0.1, "5m": 1.01, "processes": 4567, "tasks": "1/123"}`,
		"mounted":  `[{"device": "/dev/sda", "path": "/srv/node/a\\040b"}]`,
		"sockstat": `{"orphan": 1, "tcp6_in_use": 4, "tcp_in_use": 5, "tcp_mem_allocated_bytes": ` + memory + `, "time_wait": 2}`,
		"version":  `{"version": "ringsync"}`,
	} {
		if got := r.Answer("/recon/" + check + "?a=b"); string(got.Body) != want || got.Status != 200 || got.Err != nil {
			t.Errorf("%s: %d %s, %v; want %s", check, got.Status, got.Body, got.Err, want)
		}
	}
}

// Where something can't be read the answer is 500 or says null, and the error
// names it.
func TestUnreadable(t *testing.T) {
	r := node(t)
	write(t, r.cfg.CachePath+"/drive.recon", "no JSON")
	write(t, r.cfg.CachePath+"/account.recon", `["no object"]`)
	write(t, r.cfg.CachePath+"/container.recon", `{} {}`)
	write(t, r.cfg.Proc+"/loadavg", "0.1 much 2 3 4")
	r.cfg.Devices += "/gone"
	for _, test := range []struct {
		check  string
		status int
		body   string
		err    string
	}{
		{"mem", 500, "Internal server error.", "meminfo"},
		{"load", 500, "Internal server error.", "much"},
		{"unmounted", 500, "Internal server error.", "gone"},
		{"diskusage", 500, "Internal server error.", "gone"},
		{"quarantined", 500, "Internal server error.", "gone"},
		{"devices", 200, `{"` + r.cfg.Devices + `": null}`, "gone"},
		{"driveaudit", 200, `{"drive_audit_errors": null}`, "drive.recon"},
		{"replication/account", 200, `{"replication_last": null, "replication_stats": null, "replication_time": null}`, "not a JSON object"},
		{"updater/container", 200, `{"container_updater_sweep": null}`, "something behind"},
		{"async", 200, `{"async_pending": null, "async_pending_last": null}`, "no such file"},
		{"sockstat", 200, "{}", ""},
		{"ringmd5", 200, "{}", ""},
		{"swiftconfmd5", 200, `{"` + r.cfg.SwiftDir + `/swift.conf": null}`, ""},
	} {
		got := r.Answer("/recon/" + test.check)
		if got.Status != test.status || string(got.Body) != test.body {
			t.Errorf("%s: %d %s", test.check, got.Status, got.Body)
		}
		if (got.Err == nil) != (test.err == "") || got.Err != nil && !strings.Contains(got.Err.Error(), test.err) {
			t.Errorf("%s: error %v, want %q in it", test.check, got.Err, test.err)
		}
	}
}

// A file or a directory that is larger than it can ever be is not read.
func TestTooLarge(t *testing.T) {
	r := node(t)
	write(t, r.cfg.Proc+"/meminfo", strings.Repeat("A: 1\n", maxProc/5+1))
	cache := filepath.Join(r.cfg.CachePath, ObjectFile)
	write(t, cache, "")
	if err := os.Truncate(cache, maxCache+1); err != nil {
		t.Fatal(err)
	}
	for _, check := range []string{"mem", "async"} {
		if got := r.Answer("/recon/" + check); got.Err == nil || !strings.Contains(got.Err.Error(), "larger") {
			t.Errorf("%s: %s, %v", check, got.Body, got.Err)
		}
	}
	for i := range maxNames + 1 {
		write(t, filepath.Join(r.cfg.Devices, strconv.Itoa(i)), "")
	}
	if got := r.Answer("/recon/devices"); got.Err == nil || !strings.Contains(string(got.Body), "null") {
		t.Errorf("%.100s, %v", got.Body, got.Err)
	}
}

// Devices are told by whether something is mounted there, and by the room on it.
func TestDevices(t *testing.T) {
	r := node(t)
	for _, dir := range []string{"d1", "d2", "not a device"} {
		if err := os.Mkdir(filepath.Join(r.cfg.Devices, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, r.cfg.Devices+"/d1/.ismount", "")
	write(t, r.cfg.Devices+"/a file", "")
	if got, want := string(r.Answer("/recon/unmounted").Body), `[{"device": "d2", "mounted": false}, {"device": "not a device", "mounted": false}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var usage []struct {
		Device            string
		Mounted           bool
		Size, Used, Avail any
	}
	answer := r.Answer("/recon/diskusage")
	if err := json.Unmarshal(answer.Body, &usage); err != nil || len(usage) != 3 {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	d1 := usage[0]
	size, _ := d1.Size.(float64)
	used, _ := d1.Used.(float64)
	avail, _ := d1.Avail.(float64)
	if d1.Device != "d1" || !d1.Mounted || size <= 0 || used+avail != size {
		t.Errorf("%+v", d1)
	}
	if usage[1].Mounted || usage[1].Size != "" {
		t.Errorf("%+v", usage[1])
	}
}

// Floats come out as Python's repr prints them.
func TestFloat(t *testing.T) {
	var got []string
	for _, f := range []float64{0, 1, -2, 0.1, 1e-4, 1e-5, 1e15, 1e16, 1.5e300, 1795414437.8179164} {
		got = append(got, string(appendFloat(nil, f)))
	}
	want := []string{"0.0", "1.0", "-2.0", "0.1", "0.0001", "1e-05", "1000000000000000.0", "1e+16", "1.5e+300", "1795414437.8179164"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever is asked: a status, and JSON where that is 200. What is no UTF-8 in a
// name goes out as Python's lone surrogates.
func FuzzAnswer(f *testing.F) {
	r, err := New(Config{Devices: f.TempDir(), SwiftDir: f.TempDir(), CachePath: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	for _, target := range []string{"/recon/mem", "/recon/", "/recon/auditor/object", "/recon/%00", "/recon/\xff?x", "", "/"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		a := r.Answer(target)
		switch {
		case !slices.Contains([]int{200, 404, 500}, a.Status):
			t.Errorf("%d", a.Status)
		case a.Status == 200 && !json.Valid(a.Body):
			t.Errorf("no JSON: %q", a.Body)
		case a.Status == 404 && strings.ContainsFunc(string(a.Body), func(r rune) bool { return r < ' ' || r > '~' }):
			t.Errorf("not quoted: %q", a.Body)
		}
	})
}

// Every text of /proc is read without harm, and what comes of it is JSON.
func FuzzProc(f *testing.F) {
	f.Add("TCP: inuse 5 orphan 1 tw 2 alloc 7 mem 3\nTCP6: inuse 4\n")
	f.Add("0.10 1.01 2.00 1/123 4567\n")
	f.Add("/dev/sda / xfs rw 0 0\nMemTotal: 1 kB\n: \n")
	f.Fuzz(func(t *testing.T, text string) {
		stat := map[string]any{}
		addSockstat(stat, text)
		all := []any{stat, parseMem(text), parseMounts(text)}
		if load, err := parseLoad(text); err == nil {
			all = append(all, load)
		}
		if out := appendJSON(nil, all); !json.Valid(out) {
			t.Errorf("no JSON: %q", out)
		}
	})
}

// What has been read is written as JSON that reads back as the same.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a": [1, 2.5, -0, 1e5, true, null, "\u00e9\ud83d\ude42\n"], "": {}}`))
	f.Add([]byte("\"\xff\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := parseJSON(text)
		if err != nil {
			return
		}
		out := appendJSON(nil, v)
		again, err := parseJSON(out)
		if err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Error(diff)
		}
	})
}
