package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxBytes bounds a configuration; Swift's sample, comments and all, has
	// 40 kB.
	maxBytes = 1 << 20

	// maxFiles bounds the files of a directory.
	maxFiles = 1000
)

// Input is the text of a configuration.
type Input struct {
	Path  string // absolute: the file, or the directory
	Dir   bool
	Texts []Text // in the order in which they count: later ones win
}

// Text is one file.
type Text struct{ Name, Text string }

// Read reads a configuration file, or of a directory every *.conf whose name
// begins with no dot, in the order of their names. Source: utils, read_conf_dir.
// Swift skips a file of the directory that it may not read; here that is an
// error, since half a configuration is another one.
func Read(path string) (*Input, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	at, err := os.Stat(abs)
	if err != nil {
		return nil, err
	}

	in, names := &Input{Path: abs, Dir: at.IsDir()}, []string{abs}
	if in.Dir {
		if names, err = confFiles(abs); err != nil {
			return nil, err
		}
	}

	rest := int64(maxBytes)
	for _, name := range names {
		text, err := readFile(name, rest)
		if err != nil {
			return nil, err
		}
		rest -= int64(len(text))
		in.Texts = append(in.Texts, Text{name, text})
	}

	return in, nil
}

func confFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}

	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || !strings.HasSuffix(e.Name(), ".conf") {
			continue
		}
		names = append(names, filepath.Join(dir, e.Name()))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s: no *.conf in this directory", dir)
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("%s: more than %d *.conf in this directory", dir, maxFiles)
	}

	return names, nil
}

func readFile(name string, limit int64) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()

	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: a configuration of more than %d bytes", name, maxBytes)
	}

	return string(text), err
}
