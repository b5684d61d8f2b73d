package engine

import (
	"errors"
	"fmt"
	"strings"
)

// Name is what an operator calls an engine.
type Name string

const (
	// Auto stands for the best engine that this build and kernel can run.
	Auto Name = "auto"
	// Uring is Sendfile, and lets large bodies land by rings of the kernel.
	Uring Name = "uring"
	// Sendfile lets the kernel send bodies from the page cache.
	Sendfile Name = "sendfile"
	// Portable moves bytes with the calls that every system has.
	Portable Name = "portable"
)

var names = [...]Name{Auto, Uring, Sendfile, Portable}

// Choose resolves an engine's name, "" meaning auto, to the engine that will
// run and the reason for it, a sentence for the log. Auto always finds one, unless
// the process has no descriptor left. An engine that can't run here is an error
// that says why, an unknown name one that lists the known ones.
func Choose(name string) (Name, string, error) {
	switch Name(name) {
	case "", Auto:
		return choose()
	case Uring:
		works, why, err := probeUring()
		if err == nil && !works {
			err = errors.New(why)
		}
		if err != nil {
			return "", "", fmt.Errorf("engine %s: %w", name, err)
		}
		return Uring, "uring: asked for by name; " + why, nil
	case Sendfile:
		if err := canSendfile(); err != nil {
			return "", "", fmt.Errorf("engine %s: %w", name, err)
		}
		return Sendfile, "sendfile: asked for by name", nil
	case Portable:
		return Portable, "portable: asked for by name", nil
	}
	return "", "", fmt.Errorf("engine %.64q is unknown; known are %s", name, known())
}

// choose finds the best that runs.
func choose() (Name, string, error) {
	works, why, err := probeUring()
	if err != nil {
		return "", "", fmt.Errorf("engine %s: %w", Auto, err)
	}
	if works {
		return Uring, "uring: " + why, nil
	}
	if err := canSendfile(); err != nil {
		return Portable, fmt.Sprintf("portable: %s; sendfile: %v", why, err), nil
	}
	return Sendfile, "sendfile: " + why, nil
}

func known() string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}
