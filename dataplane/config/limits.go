package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/hashes/ini"
)

// Limits is what a limits file says:
//
//	[node]                   of all that this node sends (out) and receives (in)
//	out = 100M
//	[device]                 of each device
//	[device sdb1]            of this one, instead; what it lacks is [device]'s
//	[peer]                   of each peer
//	[peer 10.0.0.8]
//	[replicator]             concurrency, per_device, per_peer
//
// Rates are those of limit.ParseRate.
type Limits struct {
	Bytes limit.Limits
	// Of [replicator]; nil: not said.
	Concurrency, PerDevice, PerPeer *int
}

// LimitsError is what is wrong with a limits file, and where.
type LimitsError struct {
	File string
	Line int
	Err  error
}

func (e *LimitsError) Error() string { return fmt.Sprintf("%s, line %d: %v", e.File, e.Line, e.Err) }

// Unwrap is why.
func (e *LimitsError) Unwrap() error { return e.Err }

// ReadLimits reads a limits file. What it does not know is an error.
func ReadLimits(path string) (Limits, error) {
	text, err := readFile(path, maxBytes)
	if err != nil {
		return Limits{}, err
	}
	return ParseLimits(path, text)
}

// ParseLimits reads the text of a limits file.
func ParseLimits(name, text string) (l Limits, err error) {
	file := ini.New(ini.Dialect{})
	if err := file.Read(name, text); err != nil {
		return l, err
	}
	if keys := file.Section(ini.Default).Keys(); len(keys) > 0 {
		v, _ := file.Section(ini.Default).Own(keys[0])
		return l, &LimitsError{v.File, v.Line, errors.New("[DEFAULT] means nothing here")}
	}
	l.Bytes.Devices, l.Bytes.Peers = map[string]limit.Rates{}, map[string]limit.Rates{}
	for _, section := range inOrder(file) {
		if err := l.section(section); err != nil {
			var placed *LimitsError
			if !errors.As(err, &placed) {
				err = fmt.Errorf("%s: %w", name, err)
			}
			return Limits{}, err
		}
	}
	if err := limit.New(limit.Config{}).Change(l.Bytes); err != nil {
		return Limits{}, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// inOrder puts sections that others inherit from before those.
func inOrder(file *ini.File) (sections []*ini.Section) {
	for _, s := range file.Sections() {
		if !strings.Contains(s.Name, " ") {
			sections = append(sections, s)
		}
	}
	for _, s := range file.Sections() {
		if strings.Contains(s.Name, " ") {
			sections = append(sections, s)
		}
	}
	return sections
}

func (l *Limits) section(s *ini.Section) error {
	kind, of, named := strings.Cut(s.Name, " ")
	of = strings.TrimSpace(of)
	switch {
	case s.Name == "replicator":
		return l.bounds(s)
	case s.Name == "node":
		return rates(s, &l.Bytes.Node)
	case s.Name == "device":
		return rates(s, &l.Bytes.Device)
	case s.Name == "peer":
		return rates(s, &l.Bytes.Peer)
	case kind == "device" && named && of != "":
		return namedRates(s, l.Bytes.Devices, of, l.Bytes.Device)
	case kind == "peer" && named && of != "":
		return namedRates(s, l.Bytes.Peers, of, l.Bytes.Peer)
	}
	return fmt.Errorf("[%.64s] is no section of a limits file: node, device, device NAME, peer, peer ADDRESS, replicator", s.Name)
}

func namedRates(s *ini.Section, all map[string]limit.Rates, of string, others limit.Rates) error {
	if _, twice := all[of]; twice {
		return fmt.Errorf("[%.64s] is there twice", s.Name)
	}
	err := rates(s, &others)
	all[of] = others
	return err
}

func rates(s *ini.Section, to *limit.Rates) error {
	return each(s, func(key, text string) (err error) {
		switch key {
		case "out":
			to.Out, err = limit.ParseRate(text)
		case "in":
			to.In, err = limit.ParseRate(text)
		default:
			err = fmt.Errorf("%.64q is no key of [%.64s]: out, in", key, s.Name)
		}
		return err
	})
}

func (l *Limits) bounds(s *ini.Section) error {
	return each(s, func(key, text string) error {
		least, to := 1, &l.Concurrency
		switch key {
		case "concurrency":
		case "per_device":
			least, to = 0, &l.PerDevice
		case "per_peer":
			to = &l.PerPeer
		default:
			return fmt.Errorf("%.64q is no key of [replicator]: concurrency, per_device, per_peer", key)
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < least {
			return fmt.Errorf("%s = %.32q: a number, at least %d", key, text, least)
		}
		*to = &n
		return nil
	})
}

// each reads the keys of a section; an error gets its line.
func each(s *ini.Section, read func(key, text string) error) error {
	for _, key := range s.Keys() {
		v, _ := s.Own(key)
		if err := read(key, v.Text); err != nil {
			return &LimitsError{v.File, v.Line, err}
		}
	}
	return nil
}
