package ini_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/hashes/ini"
)

// read returns a file with the texts in it, each named by its number.
func read(t *testing.T, d ini.Dialect, texts ...string) *ini.File {
	t.Helper()
	file := ini.New(d)
	for i, text := range texts {
		if err := file.Read(fmt.Sprint(i), text); err != nil {
			t.Fatal(err)
		}
	}

	return file
}

// TestValues: what Python's parser gives for the same text in each dialect; the
// agreement on generated texts is shown in dataplane/config.
func TestValues(t *testing.T) {
	swiftConf, server := ini.Dialect{}, ini.Dialect{KeepCase: true, Nicer: true}

	for _, test := range []struct {
		what    string
		dialect ini.Dialect
		text    string
		want    string // of [s] k; "!…": the error
	}{
		{"a value", swiftConf, "[s]\nk = v\n", "v"},
		{"another case", swiftConf, "[s]\nK = v\n", "v"},
		{"another case that is kept", server, "[s]\nk=1\nK = v\n", "1"},
		{"a blank of Unicode", server, "[s]\nk =\u2003v\u00a0\u3000\n", "v"},
		{"the last byte of a letter that is a blank in Latin-1", server, "[s]\nk = voilà\n", "voilà"},
		{"a line indented by one wide blank", server, "[s]\nk = v\n\u3000w\n", "v\nw"},
		{"an indented key with a line less deep", server, "[s]\n\u3000\u3000k = v\n  l = w\n", "v"},
		{"inherited", server, "[s]\n[DEFAULT]\nk = v\n", "v"},
		{"defaults in two pieces", server, "[DEFAULT]\nj=1\n[s]\n[DEFAULT]\nk = v\n", "v"},
		{"a doubled percent sign", swiftConf, "[s]\nk = 1%%\n", "1%"},
		{"a percent sign", swiftConf, "[s]\nk = 1%\n", "1%"},
		{"a doubled percent sign, nicer", server, "[s]\nk = 1%%\n", "1%%"},
		{"a percent sign, nicer", server, "[s]\nk = 1%\n", "1%"},
		{"a reference to one, nicer", server, "[s]\nk = %(p)s\np = 1%\n", "![s] k: '%' must be followed"},
		{"a reference to two, nicer", server, "[s]\nk = %(p)s\np = 1%%\n", "1%"},
		{"a reference in another case", server, "[s]\nk = %(P)s\np = 1\n", "!%(P)s refers to nothing"},
		{"references ten deep", server, deep(9), "v"},
		{"references eleven deep", server, deep(10), "!nest deeper than 10"},
		{"references that take for ever", server, forever(), "!more than 1000 references"},
	} {
		got, _, err := read(t, test.dialect, test.text).Section("s").Get("k")
		if err != nil {
			got = "!" + err.Error()
		}
		if got != test.want && !(err != nil && test.want[0] == '!' && strings.Contains(got, test.want[1:])) {
			t.Errorf("%s: got %q, want %q", test.what, got, test.want)
		}
	}
}

// deep is a value behind n more references than one.
func deep(n int) string {
	text := "[s]\nk = %(k0)s\n"
	for i := range n {
		text += fmt.Sprintf("k%d = %%(k%d)s\n", i, i+1)
	}

	return text + fmt.Sprintf("k%d = v\n", n)
}

// forever is a value of a hundred references, nine times over, to nothing.
func forever() string {
	text := "[s]\nk = %(k0)s\n"
	for i := range 8 {
		text += fmt.Sprintf("k%d = %s\n", i, strings.Repeat(fmt.Sprintf("%%(k%d)s", i+1), 100))
	}

	return text + "k8 =\n"
}

// TestTexts: later texts go on with the sections of earlier ones, and each value
// tells where it was written last.
func TestTexts(t *testing.T) {
	file := read(t, ini.Dialect{},
		"[DEFAULT]\nd = 0\n[a]\nx = 1\ny = 1\n  and on\n",
		"# nothing here\n\n[b]\n[a]\nz = 2\nx = 2\n[DEFAULT]\ne = 2\n")

	a := file.Section("a")
	if diff := cmp.Diff([]string{"x", "y", "z", "d", "e"}, a.AllKeys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x", "y", "z"}, a.Keys()); diff != "" {
		t.Errorf("own keys (-want +got):\n%s", diff)
	}
	if n := len(file.Sections()); n != 2 {
		t.Errorf("%d sections", n)
	}

	for key, want := range map[string]string{"x": "2 at 1:6", "y": "1\nand on at 0:5", "z": "2 at 1:5", "d": "0 at 0:2"} {
		v, _ := a.Lookup(key)
		if got := fmt.Sprintf("%s at %s:%d", v.Text, v.File, v.Line); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}

	if _, ok := a.Own("d"); ok {
		t.Error("an inherited key is its own")
	}
	file.SetDefault("d", "not this")
	file.SetDefault("f", "this")
	if d, f := rawText(a, "d"), rawText(a, "f"); d != "0" || f != "this" {
		t.Errorf("d is %q, f is %q", d, f)
	}
}

func rawText(s *ini.Section, key string) string {
	v, _ := s.Lookup(key)

	return v.Text
}

// TestSyntaxErrors: the first bad line is named.
func TestSyntaxErrors(t *testing.T) {
	for text, line := range map[string]int{
		"k = v\n":               1,
		"[s]\nk\n":              2,
		"[s]\n = v\n":           2,
		"[s]\nk=v\nk: w\n":      3,
		"[s]\nk=v\n\n[s]\n":     4,
		"[DEFAULT]\nk=v\nK=v\n": 3,
		"\ufeff[s]\n":           1,
		"[]\n":                  1,
	} {
		err := ini.New(ini.Dialect{}).Read("f", text)
		syntax, ok := errors.AsType[*ini.SyntaxError](err)
		if !ok || syntax.Line != line || !strings.HasPrefix(err.Error(), fmt.Sprintf("f, line %d: ", line)) {
			t.Errorf("%q: got %v, want line %d", text, err, line)
		}
	}
}

func TestReferences(t *testing.T) {
	want := []string{"here", "b"}
	if diff := cmp.Diff(want, ini.References("%(here)s/x%%%(b)s%(c)d %(")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzRead: what is read and written out again reads the same, whatever ends its
// lines; and no value grows without bound.
func FuzzRead(f *testing.F) {
	f.Add("[DEFAULT]\na = 1%\n[s] x\nset k: %(a)s%%\n\n  # c\n  more\n\n;c\nl =\n", true, true)
	f.Add("[a]b]\n[x = y\n [b\n  c]\r\nK=\u00a0\u1680v\x1c\r[DEFAULT]\r", false, true)
	f.Add(deep(10), true, false)

	f.Fuzz(func(t *testing.T, text string, keepCase, nicer bool) {
		d := ini.Dialect{KeepCase: keepCase, Nicer: nicer}
		file := ini.New(d)
		if err := file.Read("f", text); err != nil {
			return
		}

		written := write(file)
		for _, ends := range []string{"\n", "\r\n", "\r"} {
			again := ini.New(d)
			if err := again.Read("f", strings.ReplaceAll(written, "\n", ends)); err != nil {
				t.Fatalf("%v in %q", err, written)
			}
			if diff := cmp.Diff(written, write(again)); diff != "" {
				t.Errorf("with %q (-once +twice):\n%s", ends, diff)
			}
		}

		for _, s := range append(file.Sections(), file.Section(ini.Default)) {
			for _, key := range s.AllKeys() {
				value, ok, err := s.Get(key)
				if raw := rawText(s, key); err == nil && (!ok || len(value) > max(len(raw), 128<<10)) {
					t.Errorf("[%s] %s: %d bytes of %q", s.Name, key, len(value), raw)
				}
			}
		}
	})
}

// write writes a file out in its simplest form.
func write(file *ini.File) string {
	var out strings.Builder
	for _, s := range append(file.Sections(), file.Section(ini.Default)) {
		fmt.Fprintf(&out, "[%s]\n", s.Name)
		for _, key := range s.Keys() {
			fmt.Fprintf(&out, "%s = %s\n", key, strings.ReplaceAll(rawText(s, key), "\n", "\n\t"))
		}
	}

	return out.String()
}
