package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/config"
)

// TestText: what is no text in UTF-8 is refused with its file and line.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"\ufeff[DEFAULT]\n":                          "f.conf, line 1: a byte order mark",
		"[DEFAULT]\r\n# caf\xe9\r\n":                 "f.conf, line 2: the byte 0xe9 is not UTF-8",
		"[DEFAULT]\nx = 1\nx = 2\n":                  `f.conf, line 3: "x" is there twice`,
		"[DEFAULT]\nx = %(y)s\n" + appSection:        "f.conf, line 2: [DEFAULT] x: %(y)s refers to nothing",
		"[app:object-server]\nuse = object-server\n": "uses itself",
	} {
		if _, err := parseText(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}

	if _, err := parseText("[DEFAULT]\n# \ufffd is a letter too\n" + mainSection + appSection); err != nil {
		t.Error(err)
	}
}

// TestRead: a directory is its *.conf files, sorted, without those that are
// hidden; what is too long, or not there, is an error that names it.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.conf": "2", "a.conf": "1", ".c.conf": "-", "d.conf.bak": "-", "e.conf/f.conf": "-"} {
		write(t, filepath.Join(dir, name), text)
	}
	in, err := config.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Input{Path: dir, Dir: true, Texts: []config.Text{{Name: dir + "/a.conf", Text: "1"}, {Name: dir + "/b.conf", Text: "2"}}}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	write(t, filepath.Join(dir, "b.conf"), strings.Repeat("#", 1<<20))
	if _, err := config.Read(dir); err == nil || !strings.Contains(err.Error(), "b.conf: a configuration of more than") {
		t.Errorf("too long: %v", err)
	}
	if _, err := config.Read(filepath.Join(dir, "e.conf")); err != nil {
		t.Error(err)
	}
	if _, err := config.Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no *.conf") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := config.Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

// TestTable: each row of the table is whole.
func TestTable(t *testing.T) {
	seen, usage := map[string]bool{}, map[string]string{}
	for _, k := range config.Keys() {
		id := k.Section + " " + k.Name
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if k.Effect != config.Same && k.Note == "" {
			t.Errorf("%s: %s, and why?", id, k.Effect)
		}
		if k.Want() == "" || k.Word() == "" || strings.ContainsAny(k.Want()+k.Note+k.Default, "\n|") {
			t.Errorf("%s: %q %q %q", id, k.Want(), k.Note, k.Word())
		}
		usage[k.Flag] += k.Usage
	}
	for flag, text := range usage {
		if text == "" && flag != "" {
			t.Errorf("--%s has no usage", flag)
		}
	}
}

// FuzzParse: a configuration is refused with an error that names the file, or
// resolves the same however its lines end.
func FuzzParse(f *testing.F) {
	f.Add("[DEFAULT]\ndevices = %(here)s/d\n" + mainSection + appSection + "set bind_port = 1\nget x = bind_port\n[object-replicator]\ninterval = 5\n")
	f.Add("[app:object-server]\nuse = x\n[app:x]\nuse = object-server\n[pipeline:main]\npipeline = a b\n")
	f.Add("[filter-app:main]\nnext = object-server\n" + appSection)

	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseText(text)
		var r *config.Resolved
		if err == nil {
			r, err = config.Resolve(file, nil)
		}
		if err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				if !strings.Contains(line, "/etc/swift/f.conf") && !strings.Contains(line, ": line ") {
					t.Errorf("%q names no file: %q", text, line)
				}
				break
			}
			return
		}

		unix := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
		again, err := parseText(strings.ReplaceAll(unix, "\n", "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		other, err := config.Resolve(again, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Settings, other.Settings, cmp.AllowUnexported(config.Settings{})); diff != "" {
			t.Errorf("(-any +CRLF):\n%s", diff)
		}
		if diff := cmp.Diff(r.Told, other.Told); diff != "" {
			t.Errorf("told (-any +CRLF):\n%s", diff)
		}
	})
}
