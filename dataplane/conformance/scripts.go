package conformance

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed testdata/receiver testdata/sender testdata/receiver-2013 testdata/sender-2013
var files embed.FS

// Scripts returns the scripts of a seat whose names a pattern of package path
// fits, "*" for all; those of 2013 come last. A pattern without a slash is held
// against the name behind the folder.
func Scripts(seat Seat, pattern string) ([]*Script, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	var scripts []*Script
	for _, folder := range []string{string(seat), string(seat) + "-2013"} {
		entries, err := fs.ReadDir(files, "testdata/"+folder)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			name := folder + "/" + strings.TrimSuffix(e.Name(), ".txt")
			if !fits(pattern, name) {
				continue
			}
			text, err := files.ReadFile("testdata/" + folder + "/" + e.Name())
			if err != nil {
				return nil, err
			}
			s, err := Parse(name, text)
			if err != nil {
				return nil, err
			}
			scripts = append(scripts, s)
		}
	}
	return scripts, nil
}

func fits(pattern, name string) bool {
	if !strings.Contains(pattern, "/") {
		name = path.Base(name)
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

// Text is a script as it is written.
func Text(name string) (string, error) {
	text, err := files.ReadFile("testdata/" + name + ".txt")
	return string(text), err
}
