package conformance

import "strings"

// anything stands for any text, also none, in a line that is waited for: what a
// date, a number of seconds or free wording may be.
const anything = "…"

// matches tells whether a line is what a pattern asks for.
func matches(pattern, line string) bool {
	pieces := strings.Split(pattern, anything)
	if len(pieces) == 1 {
		return pattern == line
	}
	first, last := pieces[0], pieces[len(pieces)-1]
	if !strings.HasPrefix(line, first) || !strings.HasSuffix(line[len(first):], last) {
		return false
	}
	line = line[len(first) : len(line)-len(last)]
	for _, piece := range pieces[1 : len(pieces)-1] {
		at := strings.Index(line, piece)
		if at < 0 {
			return false
		}
		line = line[at+len(piece):]
	}
	return true
}

// matchesHeader tells whether "Name: pattern" holds of a head's headers; of
// "!Name" that there is none.
func matchesHeader(pattern string, get func(name string) (string, bool)) bool {
	if name, absent := strings.CutPrefix(pattern, "!"); absent {
		_, there := get(strings.TrimSuffix(name, ":"))
		return !there
	}
	name, value, _ := strings.Cut(pattern, ":")
	got, there := get(name)
	return there && matches(strings.TrimSpace(value), got)
}
