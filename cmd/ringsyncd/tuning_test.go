package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// TUNING.md has every flag of ringsyncd and of push that is about speed or memory,
// and no flag that there is not; every claim of an effect has its source.
func TestTuningIsWritten(t *testing.T) {
	written, err := os.ReadFile("TUNING.md")
	if err != nil {
		t.Fatal(err)
	}
	push, err := os.ReadFile("../ringsync/push.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("../ringsync/tuning.go")
	if err != nil {
		t.Fatal(err)
	}
	pushFlags := string(push) + string(more)
	receiving, sending, _ := strings.Cut(string(written), "## Sending")
	sending, _, _ = strings.Cut(sending, "## What has no flag")
	flag := regexp.MustCompile("(?m)^\\| `--([a-z0-9-]+)`")
	there := map[string]bool{}
	for _, m := range flag.FindAllStringSubmatch(receiving, -1) {
		there[m[1]] = true
		if newCommand().Flags().Lookup(m[1]) == nil {
			t.Errorf("ringsyncd has no --%s", m[1])
		}
	}
	for _, m := range flag.FindAllStringSubmatch(sending, -1) {
		there["push "+m[1]] = true
		if !strings.Contains(pushFlags, `, "`+m[1]+`", `) {
			t.Errorf("push has no --%s", m[1])
		}
	}
	for _, name := range []string{
		"buffers", "lanes", "direct-from", "commit-workers", "group-size", "tcp-congestion",
		"push chunk-bytes", "push buffers", "push lanes", "push read-ahead", "push direct-from", "push zero-copy-from", "push tcp-congestion",
	} {
		if !there[name] {
			t.Errorf("--%s is not in TUNING.md", name)
		}
	}
	number := regexp.MustCompile(`\d (%|×)|\d ms|GB/s|thousand/s`)
	for line := range strings.Lines(string(written)) {
		if number.MatchString(line) && !regexp.MustCompile(`prototype|thumb|sum|others measured`).MatchString(line) && strings.HasPrefix(line, "|") {
			t.Errorf("a figure without its source: %s", line)
		}
	}
}

// What is configured is what the sum at the start is of.
func TestTuningIsSummed(t *testing.T) {
	d := start(t, "--listen=127.0.0.1:0", "--mount-check=false", "--devices="+storetest.Devices(t), "--swift-dir="+swiftDir(t), "--state-dir="+t.TempDir(),
		"--group-size=2", "--buffers=16", "--max-clients=10", "--direct-from=-1")
	d.stop()
	for _, want := range []string{`"groups of sessions"=2097152`, `"buffers for bodies"=16842752`, `"text of sessions"=737280`} {
		if !strings.Contains(d.log, want) {
			t.Errorf("no %s in:\n%s", want, d.log)
		}
	}
}
