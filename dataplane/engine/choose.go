package engine

import (
	"fmt"
	"strings"
)

// Name is what an operator calls an engine.
type Name string

const (
	// Auto stands for the best engine that this build and kernel can run.
	Auto Name = "auto"
	// Portable moves bytes with the calls that every system has.
	Portable Name = "portable"
)

var names = [...]Name{Auto, Portable}

// Choose resolves an engine's name, "" meaning auto, to the engine that will
// run and the reason for it, a sentence for the log. Auto always finds one; an
// unknown name is an error that lists the known ones.
func Choose(name string) (Name, string, error) {
	switch Name(name) {
	case "", Auto:
		return Portable, "portable: the only engine of this build", nil
	case Portable:
		return Portable, "portable: asked for by name", nil
	}
	return "", "", fmt.Errorf("engine %.64q is unknown; known are %s", name, known())
}

func known() string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}
