package hashes

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// This file reads a configuration file as Python's configparser does. It is
// not left to a library because an object's place hangs on every byte of two
// values: ini libraries for Go give meaning to backquotes, triple quotes and
// Unicode blanks, and Python does not.
//
//	[section]                what follows the last ']' is ignored
//	key = value              or key : value; keys in any case
//	  continued              deeper than its key: one more line of the value
//	# comment, ; comment     only as whole lines
//
// The text is taken as Latin-1, that is as bytes.

// iniFile is a file's sections in order; [DEFAULT] is among them all.
type iniFile struct {
	sections []*iniSection
	defaults map[string]string
}

// iniSection is a section; keys are in lower case.
type iniSection struct {
	name   string
	values map[string]string
}

// iniDefault is the section whose values all others inherit.
const iniDefault = "DEFAULT"

// iniBlanks are the blanks of Latin-1 text in Python.
const iniBlanks = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0"

// iniReader is where the reading of a file stands.
type iniReader struct {
	file    *iniFile
	section map[string]string
	seen    map[string]bool // section headers met
	key     string          // whose value may go on; "": none
	indent  int             // of the key's line
}

// parseIni mirrors configparser.py, RawConfigParser._read, in strict mode: a
// section or key given twice is an error, as it is for Swift.
func parseIni(data []byte) (*iniFile, error) {
	file := &iniFile{defaults: map[string]string{}}
	r := iniReader{file: file, seen: map[string]bool{}}

	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}

	file.finish()

	return file, nil
}

// line takes in one line.
func (r *iniReader) line(line string) error {
	value := trimBlanks(line)
	switch {
	case value == "":
		// Blank lines between two lines of a value belong to it.
		if r.key != "" {
			r.section[r.key] += "\n"
		}
		return nil
	case value[0] == '#' || value[0] == ';':
		return nil
	}

	indent := len(line) - len(trimLeftBlanks(line))
	if r.key != "" && indent > r.indent {
		r.section[r.key] += "\n" + value
		return nil
	}

	r.indent = indent
	if end := strings.LastIndexByte(value, ']'); value[0] == '[' && end > 1 {
		return r.header(value[1:end])
	}

	return r.option(value)
}

func (r *iniReader) header(name string) error {
	r.key = ""
	if name == iniDefault {
		r.section = r.file.defaults
		return nil
	}
	if r.seen[name] {
		return fmt.Errorf("section %.64q is there twice", name)
	}

	r.seen[name] = true
	r.section = map[string]string{}
	r.file.sections = append(r.file.sections, &iniSection{name, r.section})

	return nil
}

func (r *iniReader) option(line string) error {
	if r.section == nil {
		return fmt.Errorf("%.64q stands before the first section", line)
	}

	at := strings.IndexAny(line, "=:")
	if at <= 0 {
		return fmt.Errorf("%.64q is not of the form key = value", line)
	}

	key := proto.LowerASCII(trimBlanks(line[:at]))
	if _, twice := r.section[key]; twice {
		return fmt.Errorf("%.64q is there twice in its section", key)
	}
	r.key = key
	r.section[key] = trimBlanks(line[at+1:])

	return nil
}

// finish takes blank lines off the ends of values and hands the defaults down.
func (f *iniFile) finish() {
	trimValues(f.defaults)
	for _, s := range f.sections {
		trimValues(s.values)
		own := s.values
		s.values = maps.Clone(f.defaults)
		maps.Copy(s.values, own)
	}
}

func trimValues(values map[string]string) {
	for key, value := range values {
		values[key] = trimRightBlanks(value)
	}
}

// section returns a section by its exact name, nil if there is none.
func (f *iniFile) section(name string) *iniSection {
	for _, s := range f.sections {
		if s.name == name {
			return s
		}
	}

	return nil
}

// get returns a value with its references resolved. A nil section has none.
func (s *iniSection) get(key string) (value string, ok bool, err error) {
	if s == nil {
		return "", false, nil
	}
	if value, ok = s.values[key]; !ok {
		return "", false, nil
	}
	if value, err = s.expand(value, 0); err != nil {
		return "", false, fmt.Errorf("[%s] %s: %w", s.name, key, err)
	}

	return value, true, nil
}

const (
	// iniDepth is how deep references may nest; MAX_INTERPOLATION_DEPTH.
	iniDepth = 10
	// iniValueBytes bounds a value, so that a short file cannot grow into a
	// huge one through its references.
	iniValueBytes = 64 << 10
)

var errIniPercent = errors.New("'%' must be followed by '%' or '(key)s'")

// expand resolves %(key)s and %%. Python 3 refuses any other '%'; for Python 2
// it was text as long as there was no reference in the same value, and so it
// is here. Source: configparser.py, BasicInterpolation.
func (s *iniSection) expand(value string, depth int) (string, error) {
	if depth > iniDepth {
		return "", fmt.Errorf("references nest deeper than %d", iniDepth)
	}

	var out strings.Builder
	for rest := value; rest != ""; {
		text, after, found := strings.Cut(rest, "%")
		out.WriteString(text)
		if !found {
			break
		}

		word, tail, err := s.reference(after, depth)
		if errors.Is(err, errIniPercent) && !strings.Contains(value, "%(") {
			return value, nil
		}
		if err != nil {
			return "", err
		}
		out.WriteString(word)
		rest = tail

		if out.Len() > iniValueBytes {
			return "", fmt.Errorf("the value is longer than %d bytes", iniValueBytes)
		}
	}

	return out.String(), nil
}

// reference resolves what follows a '%', and returns what follows that.
func (s *iniSection) reference(after string, depth int) (word, tail string, err error) {
	if tail, ok := strings.CutPrefix(after, "%"); ok {
		return "%", tail, nil
	}

	key, tail, closed := strings.Cut(strings.TrimPrefix(after, "("), ")")
	tail, typed := strings.CutPrefix(tail, "s")
	if !strings.HasPrefix(after, "(") || !closed || !typed || key == "" {
		return "", "", errIniPercent
	}

	value, ok := s.values[proto.LowerASCII(key)]
	if !ok {
		return "", "", fmt.Errorf("%%(%.64s)s refers to nothing", key)
	}
	word, err = s.expand(value, depth+1)

	return word, tail, err
}

// The blanks of Latin-1 are bytes here, so package strings, which reads UTF-8,
// cannot trim them.

func trimBlanks(s string) string { return trimRightBlanks(trimLeftBlanks(s)) }

func trimLeftBlanks(s string) string {
	for s != "" && strings.IndexByte(iniBlanks, s[0]) >= 0 {
		s = s[1:]
	}

	return s
}

func trimRightBlanks(s string) string {
	for s != "" && strings.IndexByte(iniBlanks, s[len(s)-1]) >= 0 {
		s = s[:len(s)-1]
	}

	return s
}
