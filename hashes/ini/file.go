package ini

import "slices"

// Dialect is what a program has told Python's parser. The zero value is
// ConfigParser() as it is, with which Swift reads swift.conf.
type Dialect struct {
	// KeepCase leaves the case of keys alone (optionxform = str). Else they are
	// in lower case.
	KeepCase bool

	// Nicer is Swift's NicerInterpolation: a value without any "%(" stands for
	// itself, whatever percent signs it has. Source: utils/config.py.
	Nicer bool
}

// Default is the section whose values all others inherit.
const Default = "DEFAULT"

// File is what has been read.
type File struct {
	dialect  Dialect
	sections []*Section
	byName   map[string]*Section // the defaults too
	defaults *Section
}

// Section is a section; its keys are spelt as the dialect has them.
type Section struct {
	Name   string
	file   *File
	keys   []string
	values map[string]*Value
}

// Value is what stands behind a key, references unresolved.
type Value struct {
	Text string // lines are joined by "\n"
	File string // the name that was given to Read; "" if it was not read
	Line int    // of the key, from 1

	lines []string // of the text being read
}

// New returns a file in which nothing has been read.
func New(d Dialect) *File {
	f := &File{dialect: d, byName: map[string]*Section{}}
	f.defaults = f.newSection(Default)

	return f
}

func (f *File) newSection(name string) *Section {
	s := &Section{Name: name, file: f, values: map[string]*Value{}}
	f.byName[name] = s

	return s
}

// Section returns a section by its exact name, nil if there is none. [DEFAULT]
// is always there.
func (f *File) Section(name string) *Section { return f.byName[name] }

// Sections returns all sections but [DEFAULT], in the order in which they came.
func (f *File) Sections() []*Section { return slices.Clip(f.sections) }

// SetDefault gives [DEFAULT] a value for a key that it lacks.
func (f *File) SetDefault(key, text string) {
	if _, ok := f.defaults.values[key]; !ok {
		f.defaults.put(key, &Value{Text: text})
	}
}

// Keys returns the keys that stand in the section itself, in their order.
func (s *Section) Keys() []string { return s.keys }

// AllKeys returns the section's own keys and then those it inherits, in their
// order. Source: configparser.py, RawConfigParser.options.
func (s *Section) AllKeys() []string {
	keys := slices.Clone(s.keys)
	if s == s.file.defaults {
		return keys
	}
	for _, key := range s.file.defaults.keys {
		if _, own := s.values[key]; !own {
			keys = append(keys, key)
		}
	}

	return keys
}

// Own returns a value that stands in the section itself.
func (s *Section) Own(key string) (Value, bool) {
	if v, ok := s.values[key]; ok {
		return *v, true
	}

	return Value{}, false
}

// Lookup returns a value of the section, its own or inherited. A nil section
// has none.
func (s *Section) Lookup(key string) (Value, bool) {
	if s == nil {
		return Value{}, false
	}
	if v, ok := s.Own(key); ok {
		return v, true
	}

	return s.file.defaults.Own(key)
}

func (s *Section) put(key string, v *Value) {
	if _, ok := s.values[key]; !ok {
		s.keys = append(s.keys, key)
	}
	s.values[key] = v
}
