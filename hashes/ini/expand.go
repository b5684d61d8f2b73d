package ini

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxDepth is how deep references may nest: MAX_INTERPOLATION_DEPTH.
	maxDepth = 10

	// maxValueBytes and maxReferences bound a value, so that a short file can
	// neither grow into a huge one nor take for ever through its references.
	// Python has no such limits; no value of Swift's comes near.
	maxValueBytes = 64 << 10
	maxReferences = 1000
)

var errPercent = errors.New("'%' must be followed by '%' or '(key)s'")

// Get returns a value, own or inherited, with its references resolved. A nil
// section has none. Source: configparser.py, BasicInterpolation.
func (s *Section) Get(key string) (value string, ok bool, err error) {
	raw, ok := s.Lookup(key)
	if !ok {
		return "", false, nil
	}
	if s.file.dialect.Nicer && !strings.Contains(raw.Text, "%(") {
		return raw.Text, true, nil
	}

	e := expansion{section: s}
	if value, err = e.expand(raw.Text, 1); err != nil {
		return "", false, fmt.Errorf("[%s] %s: %w", s.Name, key, err)
	}

	return value, true, nil
}

// References returns the keys that a value's text refers to.
func References(text string) (keys []string) {
	for {
		_, after, found := strings.Cut(text, "%(")
		key, tail, closed := strings.Cut(after, ")s")
		if !found || !closed {
			return keys
		}
		keys, text = append(keys, key), tail
	}
}

// expansion is the work on one value.
type expansion struct {
	section    *Section
	references int // resolved so far
}

// expand resolves %(key)s and %%. Python 3 refuses any other '%'. For Python 2
// it was text as long as there was no reference in the same value; so it is
// here for swift.conf, where a secret of then must not become another.
func (e *expansion) expand(value string, depth int) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("references nest deeper than %d", maxDepth)
	}

	var out strings.Builder
	for rest := value; rest != ""; {
		text, after, found := strings.Cut(rest, "%")
		out.WriteString(text)
		if !found {
			break
		}

		word, tail, err := e.reference(after, depth)
		if errors.Is(err, errPercent) && !e.section.file.dialect.Nicer && !strings.Contains(value, "%(") {
			return value, nil
		}
		if err != nil {
			return "", err
		}
		out.WriteString(word)
		rest = tail

		if out.Len() > maxValueBytes {
			return "", fmt.Errorf("the value is longer than %d bytes", maxValueBytes)
		}
	}

	return out.String(), nil
}

// reference resolves what follows a '%', and returns what follows that.
func (e *expansion) reference(after string, depth int) (word, tail string, err error) {
	if tail, ok := strings.CutPrefix(after, "%"); ok {
		return "%", tail, nil
	}

	key, tail, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
	tail, typed := strings.CutPrefix(tail, "s")
	if !strings.HasPrefix(after, "(") || !closed || !typed || key == "" {
		return "", "", errPercent
	}
	if e.references++; e.references > maxReferences {
		return "", "", fmt.Errorf("the value has more than %d references", maxReferences)
	}

	value, ok := e.section.Lookup(e.section.file.spell(key))
	if !ok {
		return "", "", fmt.Errorf("%%(%.64s)s refers to nothing", key)
	}
	if !strings.Contains(value.Text, "%") {
		return value.Text, tail, nil
	}
	word, err = e.expand(value.Text, depth+1)

	return word, tail, err
}
