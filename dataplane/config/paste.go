package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/hashes/ini"
)

// paste loads a configuration as PasteDeploy does. Source:
// paste/deploy/loadwsgi.py, ConfigLoader; common/wsgi.py, NamedConfigLoader.
type paste struct{ file *ini.File }

// object is a kind of thing that a section can be. Each group of prefixes is
// one way to spell it.
type object struct {
	prefixes  [][]string
	protocols []string // keys that name a factory
}

var (
	appObject = object{
		[][]string{{"app", "application"}, {"composite", "composit"}, {"pipeline"}, {"filter-app"}},
		[]string{"paste.app_factory", "paste.composite_factory", "paste.composit_factory"},
	}
	filterObject = object{
		[][]string{{"filter"}},
		[]string{"paste.filter_factory", "paste.filter_app_factory"},
	}
)

// context is a section that has been loaded.
type context struct {
	maker         string   // egg:swift#object, call:module:factory
	sections      []string // it, and those it uses
	global, local view

	app     *context   // of a pipeline
	filters []*context // of a pipeline
}

// conf is what the factory is called with.
func (c *context) conf() view {
	conf := maps.Clone(c.global)
	maps.Copy(conf, c.local)

	return conf
}

// maxUses bounds how far "use = another section" is followed.
const maxUses = 10

// absolute is a name that leads out of the file.
var absolute = regexp.MustCompile(`^[a-zA-Z]+:`)

// context loads the section of a name. What global holds counts before
// [DEFAULT], and what the section sets before both.
func (p paste) context(o object, name string, global view, uses int) (*context, error) {
	if scheme := absolute.FindString(name); scheme != "" {
		if scheme != "egg:" && scheme != "call:" {
			return nil, fmt.Errorf("%.64q is in another file: ringsyncd reads one", name)
		}
		c := &context{maker: name, global: view{}, local: view{}}
		maps.Copy(c.global, global)
		return c, nil
	}
	if uses > maxUses {
		return nil, fmt.Errorf("the section %.64q uses itself", name)
	}

	section, err := p.find(o, name)
	if err != nil {
		return nil, err
	}
	l, err := p.load(section, global)
	if err != nil {
		return nil, err
	}

	switch prefix, _, _ := strings.Cut(section.Name, ":"); prefix {
	case "filter-app":
		return nil, fmt.Errorf("[%s]: a filter-app is not read by ringsyncd; write a pipeline", section.Name)
	case "pipeline":
		return p.pipeline(section, l)
	}

	return p.made(o, section, l, uses)
}

// loading is what a section says.
type loading struct {
	global    view // [DEFAULT], and what was and is set
	additions view // what is set here
	local     view
}

// load sorts the keys of a section. Source: ConfigLoader.get_context.
func (p paste) load(section *ini.Section, global view) (*loading, error) {
	defaults, err := p.defaults()
	if err != nil {
		return nil, err
	}
	l := &loading{maps.Clone(defaults), view{}, view{}}
	maps.Copy(l.global, global)

	type pair struct{ local, global string }
	var gets []pair
	for _, key := range section.AllKeys() {
		name, isSet := strings.CutPrefix(key, "set ")
		from, isGet := strings.CutPrefix(key, "get ")
		if _, shadowed := defaults[key]; shadowed && !isSet && !isGet {
			continue
		}

		v, err := get(section, key)
		switch {
		case err != nil:
			return nil, err
		case isSet:
			name = ini.Strip(name)
			l.additions[name], l.global[name] = v, v
		case isGet:
			gets = append(gets, pair{ini.Strip(from), v.text})
		default:
			l.local[key] = v
		}
	}

	for _, g := range gets {
		v, ok := l.global[g.global]
		if !ok {
			return nil, fmt.Errorf("[%s] get %s: [DEFAULT] has no %.64q", section.Name, g.local, g.global)
		}
		l.local[g.local] = v
	}
	delete(l.local, "filter-with")
	delete(l.local, "require")

	return l, nil
}

// defaults returns [DEFAULT], references resolved. Source:
// NicerConfigParser.defaults.
func (p paste) defaults() (view, error) {
	section, defaults := p.file.Section(ini.Default), view{}
	for _, key := range section.Keys() {
		v, err := get(section, key)
		if err != nil {
			return nil, err
		}
		if v.text == "" {
			raw, _ := section.Own(key)
			v.text = raw.Text
		}
		defaults[key] = v
	}

	return defaults, nil
}

// pipeline loads the last word of a pipeline as its app, the others as filters.
func (p paste) pipeline(section *ini.Section, l *loading) (*context, error) {
	words := strings.FieldsFunc(l.local["pipeline"].text, ini.IsBlank)
	delete(l.local, "pipeline")
	if len(words) == 0 {
		return nil, fmt.Errorf("[%s]: the pipeline is missing", section.Name)
	}
	if len(l.local) > 0 {
		return nil, fmt.Errorf("[%s] has other keys than pipeline: %.64q", section.Name, slices.Sorted(maps.Keys(l.local)))
	}

	c := &context{sections: []string{section.Name}, global: l.global, local: l.local}
	last := len(words) - 1
	var err error
	if c.app, err = p.context(appObject, words[last], l.global, 0); err != nil {
		return nil, err
	}
	if c.app.app != nil {
		return nil, fmt.Errorf("[%s] ends in another pipeline, %.64q", section.Name, words[last])
	}
	for _, word := range words[:last] {
		filter, err := p.context(filterObject, word, l.global, 0)
		if err != nil {
			return nil, err
		}
		c.filters = append(c.filters, filter)
	}

	return c, nil
}

// made finds what a section is made by: what it uses, or a factory it names.
func (p paste) made(o object, section *ini.Section, l *loading, uses int) (*context, error) {
	if use, ok := l.local["use"]; ok {
		delete(l.local, "use")
		c, err := p.context(o, use.text, l.global, uses+1)
		if err != nil {
			return nil, fmt.Errorf("[%s] use: %w", section.Name, err)
		}
		maps.Copy(c.global, l.additions)
		maps.Copy(c.local, l.local)
		c.sections = append([]string{section.Name}, c.sections...)
		return c, nil
	}

	for _, protocol := range o.protocols {
		if factory, ok := l.local[protocol]; ok {
			delete(l.local, protocol)
			return &context{maker: "call:" + factory.text, sections: []string{section.Name}, global: l.global, local: l.local}, nil
		}
	}

	return nil, fmt.Errorf("[%s] does not say what it is: it has no use = egg:…", section.Name)
}

// find returns the one section that has a name behind one of its prefixes.
// Source: ConfigLoader.find_config_section.
func (p paste) find(o object, name string) (*ini.Section, error) {
	var found []*ini.Section
	for _, prefixes := range o.prefixes {
		for _, prefix := range prefixes {
			if some := p.named(prefix, name); len(some) > 0 {
				found = append(found, some...)
				break
			}
		}
	}

	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no [%s:%.64s]", o.prefixes[0][0], name)
	case 1:
		return found[0], nil
	}

	return nil, fmt.Errorf("[%s] and [%s] are both %.64q", found[0].Name, found[1].Name, name)
}

func (p paste) named(prefix, name string) (found []*ini.Section) {
	for _, s := range p.file.Sections() {
		if rest, ok := strings.CutPrefix(s.Name, prefix+":"); ok && ini.Strip(rest) == name {
			found = append(found, s)
		}
	}

	return found
}

// filter returns what one of Swift's filters sees. One that no pipeline has
// still has its section, and without a good one [DEFAULT]: what ringsyncd
// answers does not hang on the pipeline.
func (p paste) filter(name string, filters []*context) (view, error) {
	for _, f := range filters {
		if f.maker == "egg:swift#"+name {
			return f.conf(), nil
		}
	}
	if c, err := p.context(filterObject, name, nil, 0); err == nil {
		return c.conf(), nil
	}

	return p.defaults()
}
