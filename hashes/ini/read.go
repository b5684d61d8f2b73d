package ini

import (
	"fmt"
	"strings"
	"unicode"
)

// SyntaxError tells where a text is no configuration.
type SyntaxError struct {
	File string // the name that was given to Read
	Line int    // from 1
	Text string
}

// Error names the file, if it has a name, and the line.
func (e *SyntaxError) Error() string {
	if e.File == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Text)
	}

	return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Text)
}

// reader is where the reading of a text stands.
type reader struct {
	file    *File
	name    string
	number  int // of the line
	section *Section
	seen    map[place]bool // what this text has given so far
	value   *Value         // that may go on; nil: none
	indent  int            // of its key's line, in characters
}

// place is a key of a section, or with an empty key the section.
type place struct{ section, key string }

// Read takes in a text; the name is for errors. It mirrors configparser.py,
// RawConfigParser._read, in strict mode: a section or key that one text gives
// twice is an error, as it is for Swift.
func (f *File) Read(name, text string) error {
	r := reader{file: f, name: name, seen: map[place]bool{}}

	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	for line := range strings.SplitSeq(text, "\n") {
		r.number++
		if err := r.line(line); err != nil {
			return err
		}
	}

	f.finish()

	return nil
}

// Strip takes off the blanks around s that Python's str.strip does.
func Strip(s string) string { return strings.TrimFunc(s, IsBlank) }

// IsBlank tells whether r is a blank to Python's str. Source: str.isspace.
func IsBlank(r rune) bool { return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f' }

// line takes in one line.
func (r *reader) line(line string) error {
	value := Strip(line)
	switch {
	case value == "":
		// Blank lines between two lines of a value belong to it.
		if r.value != nil {
			r.value.lines = append(r.value.lines, "")
		}
		return nil
	case value[0] == '#' || value[0] == ';':
		return nil
	}

	indent := 0
	for _, c := range line {
		if !IsBlank(c) {
			break
		}
		indent++
	}
	if r.value != nil && indent > r.indent {
		r.value.lines = append(r.value.lines, value)
		return nil
	}

	r.indent = indent
	if end := strings.LastIndexByte(value, ']'); value[0] == '[' && end > 1 {
		return r.header(value[1:end])
	}

	return r.option(value)
}

func (r *reader) header(name string) error {
	r.value = nil
	if r.section = r.file.Section(name); r.section == nil {
		r.section = r.file.newSection(name)
		r.file.sections = append(r.file.sections, r.section)
	}
	if name != Default && !r.first(place{section: name}) {
		return r.fail("section %.64q is there twice", name)
	}

	return nil
}

func (r *reader) option(line string) error {
	if r.section == nil {
		return r.fail("%.64q stands before the first section", line)
	}

	at := strings.IndexAny(line, "=:")
	if at <= 0 {
		return r.fail("%.64q is not of the form key = value", line)
	}

	key := r.file.spell(strings.TrimRightFunc(line[:at], IsBlank))
	if !r.first(place{r.section.Name, key}) {
		return r.fail("%.64q is there twice in its section", key)
	}
	r.value = &Value{File: r.name, Line: r.number, lines: []string{Strip(line[at+1:])}}
	r.section.put(key, r.value)

	return nil
}

// first tells whether this text gives p for the first time.
func (r *reader) first(p place) bool {
	again := r.seen[p]
	r.seen[p] = true

	return !again
}

func (r *reader) fail(format string, args ...any) error {
	return &SyntaxError{r.name, r.number, fmt.Sprintf(format, args...)}
}

// spell is Python's optionxform.
func (f *File) spell(key string) string {
	if f.dialect.KeepCase {
		return key
	}

	return strings.ToLower(key)
}

// finish joins the lines of the values that have been read, without the blank
// ones at their ends.
func (f *File) finish() {
	f.defaults.finish()
	for _, s := range f.sections {
		s.finish()
	}
}

func (s *Section) finish() {
	for _, v := range s.values {
		if v.lines != nil {
			v.Text = strings.TrimRightFunc(strings.Join(v.lines, "\n"), IsBlank)
			v.lines = nil
		}
	}
}
