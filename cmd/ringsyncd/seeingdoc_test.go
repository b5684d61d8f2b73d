package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// SEEING.md names every series, reason and flag that there is.
func TestSeeingIsWritten(t *testing.T) {
	text, err := os.ReadFile("SEEING.md")
	if err != nil {
		t.Fatal(err)
	}
	for pattern, words := range map[string]*regexp.Regexp{
		"../../dataplane/stats/*.go":           regexp.MustCompile(`"(ringsync_[a-z_]+)"`),
		"../../dataplane/seeing.go":            regexp.MustCompile(`"(ringsync_[a-z_]+)"`),
		"../../dataplane/ssync/reason.go":      regexp.MustCompile(`Reason = "([a-z_]+)"`),
		"../../dataplane/store/store.go":       regexp.MustCompile(`NoticeKind = "([a-z_]+)"`),
		"../../dataplane/replicator/status.go": regexp.MustCompile(`(?:Wait|Pass|Phase)[A-Z][a-zA-Z]* += "([a-z_]+)"`),
		"../../dataplane/recon/cached.go":      regexp.MustCompile(`case "([a-z]+)":`),
		"../../dataplane/recon/recon.go":       regexp.MustCompile(`case "([a-z0-9]+)":`),
		"../../dataplane/config/*_keys.go":     regexp.MustCompile(`Flag: ("(?:statsd|recon)-[a-z-]+")`),
		"../../cmd/ringsyncd/main.go":          regexp.MustCompile(`&o\.[a-zA-Z.]+, ("(?:log|metrics)-[a-z-]+")`),
		"../../dataplane/recon/cached*.go":     regexp.MustCompile(`= "([a-z]+\.recon)"`),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		found := 0
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range words.FindAllSubmatch(source, -1) {
				found++
				word := string(match[1])
				if flag, ok := strings.CutPrefix(word, `"`); ok {
					word = "--" + strings.TrimSuffix(flag, `"`)
				}
				if !strings.Contains(string(text), word) {
					t.Errorf("%s of %s is not in SEEING.md", word, file)
				}
			}
		}
		if found == 0 {
			t.Errorf("nothing found in %s", pattern)
		}
	}
}

// SEEING.md names every way of a body, and every reason for one.
func TestWaysAreWritten(t *testing.T) {
	text, err := os.ReadFile("SEEING.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range []string{"ways.go", "zerocopy.go"} {
		source, err := os.ReadFile("../../dataplane/engine/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range regexp.MustCompile(`\[[a-zA-Z.]+\]string\{(.*)\}`).FindAllSubmatch(source, -1) {
			for _, word := range regexp.MustCompile(`"([a-z_]+)"`).FindAllSubmatch(list[1], -1) {
				found++
				if !strings.Contains(string(text), "`"+string(word[1])+"`") {
					t.Errorf("%s of engine/%s is not in SEEING.md", word[1], file)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d words found", found)
	}
}
