package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// asCommand makes the test's own binary be ringsync, for tests that start it.
const asCommand = "RINGSYNC_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// node serves a fresh device d1.
func node(t *testing.T) (address, devices string) {
	t.Helper()
	s := storetest.New(t)
	return nodetest.Start(t, dataplane.Config{Store: s}).Address, s.Devices()
}

func readReport(t *testing.T, out string) conformance.Report {
	t.Helper()
	var reports []conformance.Report
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 {
		t.Fatalf("%v: %.300s", err, out)
	}
	return reports[0]
}

// A receiver is judged over the wire, and its disk too where that is named.
func TestConformanceReceiver(t *testing.T) {
	address, devices := node(t)
	args := []string{"conformance", "--receiver", address, "--device", "d1", "--partition", "3", "--swift-dir", swiftDir(t)}
	out, err := execute(t, append(args, "--only", "d[ie]*", "--json")...)
	wireOnly := readReport(t, out)
	if err != nil || wireOnly.Count(conformance.LeftOut) == 0 || wireOnly.Count(conformance.Pass) == 0 || wireOnly.Implementation != address {
		t.Errorf("%v: %s", err, wireOnly.Summary())
	}
	out, err = execute(t, append(args, "--only", "d[ie]*", "--devices", devices, "--name", "ours", "--json")...)
	if all := readReport(t, out); err != nil || all.Count(conformance.LeftOut) != 0 || all.Implementation != "ours" {
		t.Errorf("%v: %s", err, all.Summary())
	}
	if found, _ := filepath.Glob(filepath.Join(devices, "d1/objects/3/*/*/*.ts")); len(found) == 0 {
		t.Error("nothing was written to partition 3")
	}
	out, err = execute(t, append(args, "--only", "put", "--device", "d9")...)
	if err == nil || !strings.Contains(out, "fail ") || !strings.Contains(out, "507") {
		t.Errorf("a device that is not there: %v: %s", err, out)
	}
}

// A sender is any command; here it is our own push.
func TestConformanceSender(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := fmt.Sprintf("%s=1 %s push --to {host}:{port} --devices {devices} --device {device} --partition {partition} --swift-dir {swift_dir} --verb {verb}", asCommand, self)
	args := []string{"conformance", "--swift-dir", swiftDir(t), "--only", "offer-[dmn]*", "--sender"}
	out, err := execute(t, append(args, command)...)
	if err != nil || !strings.Contains(out, "pass      sender/offer-meta\n") || !strings.Contains(out, "pass      sender-2013/offer-meta\n") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = execute(t, append(args, "false {port} {devices}")...)
	if err == nil || !strings.Contains(err.Error(), "scripts failed") || !strings.Contains(out, "a sender that gave up") || !strings.Contains(out, "left out  sender-2013/offer-meta\n") {
		t.Errorf("%v: %s", err, out)
	}
}

// Saved reports are put side by side; those of one implementation into a column
// for each seat.
func TestConformanceCompare(t *testing.T) {
	dir := t.TempDir()
	save := func(name string, results ...conformance.Result) string {
		text, err := json.Marshal([]conformance.Report{{Implementation: name, Seat: conformance.Receiver, Results: results}})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := save("one", conformance.Result{Script: "receiver/a", Title: "What a shows.", Status: conformance.Pass, Heard: []string{"yes"}},
		conformance.Result{Script: "receiver/b", Status: conformance.LeftOut, Reason: "needs more"})
	two := save("two", conformance.Result{Script: "receiver/a", Title: "What a shows.", Status: conformance.Differs, Chosen: []conformance.Chosen{{As: "others", Why: "they must"}}, Heard: []string{"no"}},
		conformance.Result{Script: "receiver/b", Title: "What b shows.", Status: conformance.Fail, Line: 3, Want: "this", Got: "that"})
	out, err := execute(t, "conformance", "--compare", one, two)
	for _, want := range []string{
		"| script | one | two |", "| receiver/a | pass | as others |", "| receiver/b | left out | **fail** |",
		"one as receiver: 1 pass, 0 differs, 0 fail, 1 left out", "two does as others: they must", "fails at line 3: wanted this, got that", "  yes\n", "  no\n",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: no %q in:\n%s", err, want, out)
		}
	}
	if _, err := execute(t, "conformance", "--compare", filepath.Join(swiftDir(t), "swift.conf")); err == nil || !strings.Contains(err.Error(), "no report") {
		t.Error(err)
	}
}

// Wrong words are refused in a sentence that names them; --list tells what there
// is, and --self needs nobody else.
func TestConformanceUsage(t *testing.T) {
	conf := swiftDir(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "one of --receiver"},
		{"two at once", []string{"--self", "--swift"}, "one of --receiver"},
		{"a file for nothing", []string{"--self", "x"}, "--compare takes the files"},
		{"compare without files", []string{"--compare"}, "--compare takes the files"},
		{"no device", []string{"--receiver", "127.0.0.1:1"}, "needs --device"},
		{"a sender without a port", []string{"--sender", "true"}, "--sender"},
		{"a pattern that is none", []string{"--sender", "true {port} {devices}", "--only", "["}, "--only"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := execute(t, append([]string{"conformance", "--swift-dir", conf}, test.args...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
		})
	}
	if out, err := execute(t, "conformance", "--self", "--only", "put-empty"); err != nil || strings.Count(out, "pass  ") != 2 {
		t.Errorf("%v: %s", err, out)
	}
	out, err := execute(t, "conformance", "--list", "--only", "put-large")
	if err != nil || !strings.Contains(out, "receiver/put-large\n    A body") || !strings.Contains(out, "sender/put-large\n") {
		t.Errorf("%v: %s", err, out)
	}
}
