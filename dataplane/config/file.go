package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ringsync/ringsync/hashes/ini"
)

// File is a configuration that has been read.
type File struct {
	path  string
	ini   *ini.File // as PasteDeploy reads it
	views [parts]view

	// apps are the sections that make up the server, outermost first.
	apps []string
}

// part is a part of Swift that has a view of its own.
type part int

const (
	wsgi        part = iota // run_wsgi, which listens: appconfig(name='object-server')
	app                     // ObjectController: loadapp
	healthcheck             // the filter of that name
	recon                   // the filter of that name
	replicator              // the daemon
	parts
)

// view is the dictionary that a part of Swift is given.
type view map[string]value

// value is one of its values, references resolved.
type value struct {
	text string
	at   origin
}

// origin is where a value was written.
type origin struct {
	section, key string // the key as written: "set log_name"
	file         string
	line         int
}

func (o origin) String() string {
	if o.line == 0 {
		return fmt.Sprintf("[%s] %s", o.section, o.key)
	}

	return fmt.Sprintf("%s, line %d: [%s] %s", o.file, o.line, o.section, o.key)
}

// swiftObject is what Swift's object server is made by.
var swiftObject = []string{"egg:swift#object", "call:swift.obj.server:app_factory"}

// Parse takes a configuration apart as Swift would. The errors name the file,
// and the line where there is one.
func Parse(in *Input) (*File, error) {
	for _, text := range in.Texts {
		if err := checkText(text); err != nil {
			return nil, err
		}
	}

	f := &File{path: in.Path}
	if err := f.readServer(in); err != nil {
		return nil, err
	}

	return f, f.readReplicator(in)
}

// checkText refuses what Python refuses as text.
func checkText(t Text) error {
	if strings.HasPrefix(t.Text, "\ufeff") {
		return &ini.SyntaxError{File: t.Name, Line: 1, Text: "a byte order mark (EF BB BF) stands before the first section: " +
			"save the file without it; Swift refuses it as well"}
	}
	for i, c := range t.Text {
		if c != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(t.Text[i:]); size == 1 {
			line := 1 + strings.Count(strings.ReplaceAll(t.Text[:i], "\r\n", "\n"), "\n")
			return &ini.SyntaxError{File: t.Name, Line: line, Text: fmt.Sprintf("the byte 0x%02x is not UTF-8", t.Text[i])}
		}
	}

	return nil
}

// read reads the texts with the defaults that PasteDeploy gives.
func read(in *Input, d ini.Dialect) (*ini.File, error) {
	here := in.Path
	if !in.Dir {
		here = here[:max(1, strings.LastIndexByte(here, '/'))]
	}

	file := ini.New(d)
	file.SetDefault("here", here)
	file.SetDefault("__file__", in.Path)
	for _, t := range in.Texts {
		if err := file.Read(t.Name, t.Text); err != nil {
			return nil, err
		}
	}

	return file, nil
}

// readServer finds what the object server and its filters see. Source: wsgi.py,
// run_wsgi and loadapp.
func (f *File) readServer(in *Input) (err error) {
	if f.ini, err = read(in, ini.Dialect{KeepCase: true, Nicer: true}); err != nil {
		return err
	}

	p := paste{f.ini}
	server, err := p.context(appObject, "object-server", nil, 0)
	if err != nil {
		return f.name(err)
	}
	f.views[wsgi] = server.conf()

	name := value{text: "object-server"}
	if v, ok := f.views[wsgi]["log_name"]; ok {
		name = v
	}
	f.ini.SetDefault("log_name", name.text)

	main, err := p.context(appObject, "main", view{"log_name": name}, 0)
	if err != nil {
		return f.name(err)
	}
	made, filters := main, []*context(nil)
	if main.app != nil {
		made, filters = main.app, main.filters
	}
	f.views[app] = made.conf()
	f.apps = append(server.sections, made.sections...)

	for _, c := range []*context{server, made} {
		if c.app != nil {
			continue // a pipeline is made by none
		}
		if err := f.checkMaker(c); err != nil {
			return err
		}
	}
	if f.views[healthcheck], err = p.filter("healthcheck", filters); err == nil {
		f.views[recon], err = p.filter("recon", filters)
	}

	return f.name(err)
}

// name has an error name the file, if it does not name a line of it.
func (f *File) name(err error) error {
	if _, placed := errors.AsType[*referenceError](err); placed || err == nil {
		return err
	}

	return fmt.Errorf("%s: %w", f.path, err)
}

// checkMaker refuses another object server than Swift's own: its disks would be
// somebody else's.
func (f *File) checkMaker(c *context) error {
	maker := strings.Map(func(r rune) rune {
		if ini.IsBlank(r) {
			return -1
		}
		return r
	}, c.maker)
	for _, known := range swiftObject {
		if maker == known {
			return nil
		}
	}

	return fmt.Errorf("%s: the server is made by %.64q, not by egg:swift#object: the disks of another object server are not ringsyncd's to write",
		f.path, c.maker)
}

// readReplicator finds what the replicator sees, if there is a section for it.
// Source: utils, readconf; %(here)s, which that does not know, is resolved too.
func (f *File) readReplicator(in *Input) error {
	const name = "object-replicator"
	if f.ini.Section(name) == nil {
		return nil
	}

	file, err := read(in, ini.Dialect{Nicer: true})
	if err != nil {
		return err
	}
	section := file.Section(name)
	f.views[replicator] = view{}
	for _, key := range section.AllKeys() {
		v, err := get(section, key)
		if err != nil {
			return err
		}
		f.views[replicator][key] = v
	}

	return nil
}

// get returns a value of a section, and where it was written.
func get(s *ini.Section, key string) (value, error) {
	raw, own := s.Own(key)
	at := origin{section: s.Name, key: key}
	if !own {
		raw, _ = s.Lookup(key)
		at.section = ini.Default
	}
	at.file, at.line = raw.File, raw.Line

	text, _, err := s.Get(key)
	if err != nil {
		return value{}, &referenceError{at, err}
	}

	return value{text, at}, nil
}

// referenceError is a value whose references cannot be resolved.
type referenceError struct {
	at  origin
	err error
}

func (e *referenceError) Error() string {
	return fmt.Sprintf("%s, line %d: %v", e.at.file, e.at.line, e.err)
}

func (e *referenceError) Unwrap() error { return e.err }
