package conformance

import (
	"testing"

	"github.com/ringsync/ringsync/hashes"
)

// "…" stands for any text, and everything else for itself.
func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, line string
		want          bool
	}{
		{"abc", "abc", true},
		{"abc", "abcd", false},
		{"", "", true},
		{"", "x", false},
		{"…", "", true},
		{"…", "anything", true},
		{"a…", "a", true},
		{"a…c", "abbc", true},
		{"a…c", "abcd", false},
		{"a…a", "a", false}, // one letter can't be both ends
		{":ERROR: 0 '… seconds: ….lock'", ":ERROR: 0 '14.9 seconds: /srv/.lock'", true},
		{":ERROR: 0 '… seconds: ….lock'", ":ERROR: 0 '14.9 seconds: /srv/.lock' ", false},
		{"…b…d…", "abcde", true},
		{"…d…b…", "abcde", false},
		{"…bb…b", "abb", false},
	} {
		if got := matches(test.pattern, test.line); got != test.want {
			t.Errorf("%q, %q: %v", test.pattern, test.line, got)
		}
	}
}

// Headers are found by name in any case, and may have to be absent.
func TestMatchesHeader(t *testing.T) {
	get := func(name string) (string, bool) {
		if name == "Transfer-Encoding" {
			return "chunked", true
		}
		return "", false
	}
	for pattern, want := range map[string]bool{
		"Transfer-Encoding: chunked": true, "Transfer-Encoding: …": true, "Transfer-Encoding: gzip": false,
		"Content-Length: …": false, "!Content-Length:": true, "!Content-Length": true, "!Transfer-Encoding:": false,
	} {
		if matchesHeader(pattern, get) != want {
			t.Errorf("%q: not %v", pattern, want)
		}
	}
}

// A script's words become this run's, and back.
func TestWorld(t *testing.T) {
	w := newWorld("a-run1")
	w.zero = 1_700_000_000
	w.secret = hashes.Secret{Prefix: "pre", Suffix: "suf"}
	w.words["device"] = "sdb1"
	hash := hashes.Secret{Prefix: "pre", Suffix: "suf"}.Hash("/a-run1/c/o").String()
	for _, test := range []struct{ text, want string }{
		{"PUT /a/c/o%202", "PUT /a-run1/c/o%202"},
		{"{/a/c/o} @1 m:61a80", hash + " 1700000001.00000 m:61a80"},
		{"@5.25", "1700000005.25000"},
		{"@1_a", "1700000001.00000_000000000000000a"},
		{"X-Delete-At: @100s", "X-Delete-At: 1700000100"},
		{"@5+0.meta", "1700000005.00000+0.meta"},
		{"@1.data", "1700000001.00000.data"},
	} {
		got, err := w.expand(test.text)
		if err != nil || got != test.want {
			t.Errorf("%q: %q, %v, want %q", test.text, got, err, test.want)
		}
		if plain := w.plain(got); plain != test.text {
			t.Errorf("%q: back as %q", test.text, plain)
		}
	}
	w.devices = "/srv/node"
	if got := w.plain("in /srv/node/d1/objects/0/abc/" + hash + "/1700000001.00000.data"); got != "in {devices}/d1/objects/0/…/{/a/c/o}/@1.data" {
		t.Error(got)
	}
	if got, err := w.expand("/{device}/7"); err != nil || got != "/sdb1/7" {
		t.Errorf("%q, %v", got, err)
	}
	for _, alien := range []string{"1700009999.00000", "4000000000", hash[:31] + "x", "12"} {
		if got := w.plain(alien); got != alien {
			t.Errorf("%q was taken for %q", alien, got)
		}
	}
}
