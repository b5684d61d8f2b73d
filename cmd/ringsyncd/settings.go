package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/spf13/cobra"
)

// keyFlags are the texts of the flags that were given, by their names.
type keyFlags map[string]string

// add gives a command a flag for each key that has one.
func (f keyFlags) add(cmd *cobra.Command) {
	set := cmd.Flags()
	for _, k := range config.Keys() {
		if k.Flag == "" {
			continue
		}
		if known := set.Lookup(k.Flag); known != nil { // two keys: HOST:PORT
			v := known.Value.(*keyFlag)
			v.keys = append(v.keys, k)
			known.DefValue = v.String()
			continue
		}
		set.Var(&keyFlag{given: f, keys: []config.Key{k}}, k.Flag, k.Usage)
		if k.Word() == "bool" {
			set.Lookup(k.Flag).NoOptDefVal = "true"
		}
	}
}

// keyFlag is a flag that wins over one key, or over two.
type keyFlag struct {
	given keyFlags
	keys  []config.Key
}

// Set keeps the text, if each of the keys takes it.
func (v *keyFlag) Set(text string) error {
	for _, k := range v.keys {
		if err := k.CheckFlag(text); err != nil {
			return err
		}
	}
	if v.keys[0].IsPath() { // of where we are now: a daemon goes to /
		abs, err := filepath.Abs(text)
		if err != nil {
			return err
		}
		text = abs
	}
	v.given[v.keys[0].Flag] = text
	return nil
}

// String is the default, for --help.
func (v *keyFlag) String() string {
	var defaults []string
	for _, k := range v.keys {
		defaults = append(defaults, k.FlagDefault())
	}
	return strings.Join(defaults, ":")
}

// Type stands for a value in --help.
func (v *keyFlag) Type() string { return v.keys[0].Word() }

// readSettings reads CONFIG, if there is one, and lets the flags win.
func readSettings(path string, given keyFlags) (*config.Resolved, error) {
	if path == "" {
		return config.Resolve(nil, given)
	}
	in, err := config.Read(path)
	if err != nil {
		return nil, err
	}
	f, err := config.Parse(in)
	if err != nil {
		return nil, err
	}
	return config.Resolve(f, given)
}

// tell says once what an operator should know of his file.
func tell(log *slog.Logger, s *config.Resolved, path string) {
	if path == "" {
		return
	}
	log.Info("configuration read", "file", path)
	line := func(level slog.Level, text string, keys []string) {
		if len(keys) > 0 {
			log.Log(context.Background(), level, text, "keys", strings.Join(keys, ", "))
		}
	}
	line(slog.LevelWarn, "unknown keys, are they misspelt?", s.Unknown)
	line(slog.LevelWarn, "keys without effect, as in Swift: [DEFAULT] has them too, and only 'set key = value' counts before it", s.Shadowed)
	line(slog.LevelInfo, "keys without effect in ringsyncd: 'ringsyncd keys' tells why", s.NoEffect)
	line(slog.LevelInfo, "keys that differ in ringsyncd: 'ringsyncd keys' tells how", s.Different)
}
