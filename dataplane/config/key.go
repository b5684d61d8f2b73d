package config

import "errors"

// Key is a row of the table: one key of object-server.conf.
type Key struct {
	Section string // where it is written, as a rule
	Name    string
	Default string // Swift's, as one would write it; "": none
	Effect  Effect
	Note    string // why it has no effect, or what happens instead
	Flag    string // that wins over it; "": none
	Usage   string // of the flag

	kind
	part      part   // who reads it
	unwritten string // what counts where nothing is written, if not Default
	or        bool   // an empty value counts as none, as with Python's "or"
}

// Effect is what ringsyncd does with a key.
type Effect int

// The effects.
const (
	Same    Effect = iota // what Swift does
	None                  // nothing: the value is checked, and that is all
	Differs               // something else
)

// String is how the effect reads in KEYS.md.
func (e Effect) String() string { return [...]string{"as Swift", "no effect", "differs"}[e] }

// The sections that have keys of ours.
const (
	sectionDefault     = "DEFAULT"
	sectionServer      = "app:object-server"
	sectionHealthcheck = "filter:healthcheck"
	sectionRecon       = "filter:recon"
	sectionReplicator  = "object-replicator"
)

// Keys returns the table, in the order of KEYS.md.
func Keys() []Key { return table(new(Settings)) }

// Want says what values the key takes.
func (k *Key) Want() string { return k.want }

// Word stands for a value of the flag in --help.
func (k *Key) Word() string { return k.word }

// FlagDefault is what counts where neither file nor flag say anything.
func (k *Key) FlagDefault() string {
	if k.unwritten != "" {
		return k.unwritten
	}

	return k.Default
}

// IsPath tells that the value is a path.
func (k *Key) IsPath() bool { return k.path }

// CheckFlag fails if text is no value for the key's flag.
func (k *Key) CheckFlag(text string) error {
	if k.set(text, true) {
		return nil
	}

	return errors.New(k.wanted(true) + " is expected")
}

func (k *Key) wanted(flag bool) string {
	if flag && k.flagWant != "" {
		return k.flagWant
	}

	return k.want
}

func (k *Key) set(text string, flag bool) bool {
	if flag && k.flag != nil {
		return k.flag(text)
	}

	return k.parse(text)
}

// table returns all keys, whose values go to s.
func table(s *Settings) []Key {
	var keys []Key
	for _, group := range []struct {
		section string
		part    part
		keys    []Key
	}{
		{sectionDefault, wsgi, addressKeys(s)},
		{sectionDefault, wsgi, processKeys(s)},
		{sectionDefault, wsgi, logKeys(s)},
		{sectionDefault, app, diskKeys(s)},
		{sectionServer, app, replicationKeys(s)},
		{sectionServer, app, clientKeys(s)},
		{sectionHealthcheck, healthcheck, healthcheckKeys(s)},
		{sectionRecon, recon, reconKeys(s)},
		{sectionReplicator, replicator, replicatorKeys(&s.Replicator, s)},
		{sectionReplicator, replicator, rsyncKeys()},
	} {
		for _, k := range group.keys {
			k.Section, k.part = group.section, group.part
			keys = append(keys, k)
		}
	}

	return keys
}
