package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/hashes/ini"
)

// Told is what the operator should know of a file that is good. Each entry is
// "[section] key"; an empty list needs no line.
type Told struct {
	// Unknown are keys and sections that neither Swift nor ringsyncd knows: most
	// likely misspelt.
	Unknown []string

	// Shadowed are plain keys of the server's section that have no effect, since
	// [DEFAULT] has them too: "set key = value" was meant.
	Shadowed []string

	// NoEffect and Different are the server's keys that are written in the file
	// and that ringsyncd does not treat as Swift does.
	NoEffect, Different []string
}

// daemons are the sections that belong to daemons which stay Python's, and
// daemonKeys those of their keys that may as well stand in [DEFAULT].
func daemons() []string {
	return []string{"object-reconstructor", "object-updater", "object-auditor", "object-expirer", "object-relinker"}
}

func daemonKeys() []string {
	return []string{
		"reconstructor_workers", "handoffs_only", "rebuild_handoff_node_count", "max_objects_per_revert",
		"quarantine_threshold", "quarantine_age", "request_node_count", "write_legacy_ec_crc",
		"files_per_second", "bytes_per_second", "zero_byte_files_per_second", "log_time", "object_size_stats",
		"rsync_tempfile_timeout", "watchers",
		"updater_workers", "objects_per_second", "slowdown", "report_interval", "max_objects_per_container_per_second",
		"per_container_ratelimit_buckets", "max_deferred_updates", "async_tracker_max_entries", "async_tracker_dump_count",
		"tasks_per_second", "dequeue_from_legacy", "internal_client_conf_path", "request_tries", "processes", "process",
		"round_robin_task_cache_size", "delay_reaping",
	}
}

// sectionPrefixes are those of PasteDeploy, and of the auditor's watchers.
func sectionPrefixes() []string {
	return []string{"app:", "application:", "composite:", "composit:", "pipeline:", "filter-app:", "filter:", "server:", "object-auditor:"}
}

// tell goes through all that is written.
func (f *File) tell() Told {
	var t Told
	keys := Keys()
	referred := f.referred()

	for _, s := range append(f.ini.Sections(), f.ini.Section(ini.Default)) {
		if s.Name != ini.Default && !knownSection(s.Name) {
			t.Unknown = append(t.Unknown, fmt.Sprintf("[%.64s]", s.Name))
		}
		known := f.knownKeys(s.Name, keys)
		for _, key := range s.Keys() {
			name, plain := bare(key)
			if known != nil && !known(name) && !slices.Contains(referred, name) {
				t.Unknown = append(t.Unknown, entry(s.Name, name))
			}
			if plain && slices.Contains(f.apps, s.Name) && f.shadowed(s, name) {
				t.Shadowed = append(t.Shadowed, entry(s.Name, name))
			}
		}
	}

	for _, k := range keys {
		v, ok := f.value(&k)
		if !ok || k.part == replicator || v.at.line == 0 {
			continue
		}
		name, _ := bare(v.at.key)
		switch k.Effect {
		case None:
			t.NoEffect = append(t.NoEffect, entry(v.at.section, name))
		case Differs:
			t.Different = append(t.Different, entry(v.at.section, name))
		}
	}

	return t
}

// shadowed tells whether [DEFAULT] has another value for a plain key of s.
func (f *File) shadowed(s *ini.Section, key string) bool {
	theirs, ok := f.ini.Section(ini.Default).Own(key)
	ours, _ := s.Own(key)

	return ok && theirs.Text != ours.Text
}

func entry(section, key string) string { return fmt.Sprintf("[%.64s] %.64s", section, key) }

// bare takes "set " and "get " off a key.
func bare(key string) (name string, plain bool) {
	for _, verb := range []string{"set ", "get "} {
		if name, ok := strings.CutPrefix(key, verb); ok {
			return ini.Strip(name), false
		}
	}

	return key, true
}

// referred are the keys that some value refers to: they are the file's own.
func (f *File) referred() (keys []string) {
	for _, s := range append(f.ini.Sections(), f.ini.Section(ini.Default)) {
		for _, key := range s.Keys() {
			v, _ := s.Own(key)
			keys = append(keys, ini.References(v.Text)...)
		}
	}

	return keys
}

func knownSection(name string) bool {
	for _, prefix := range sectionPrefixes() {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}

	return name == sectionReplicator || slices.Contains(daemons(), name)
}

// knownKeys tells which keys a section may have; nil for a section that is not
// ringsyncd's business.
func (f *File) knownKeys(section string, keys []Key) func(name string) bool {
	fold := func(name string) string { return name }
	var others []string
	switch {
	case section == ini.Default:
		others = append(daemonKeys(), "here", "__file__")
	case slices.Contains(f.apps, section):
		section, others = sectionServer, []string{"use", "require", "filter-with", "paste.app_factory"}
	case section == sectionHealthcheck, section == sectionRecon:
		others = []string{"use", "require", "filter-with", "paste.filter_factory"}
	case section == sectionReplicator:
		fold = strings.ToLower
	default:
		return nil
	}

	return func(name string) bool {
		name = fold(name)
		if slices.Contains(others, name) || strings.HasPrefix(name, "statsd_user_label_") {
			return true
		}
		return slices.ContainsFunc(keys, func(k Key) bool {
			return k.Name == name && (k.Section == section || k.Section == ini.Default || section == ini.Default)
		})
	}
}
