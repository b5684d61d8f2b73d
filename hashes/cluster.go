package hashes

import (
	"errors"
	"fmt"
	"math"

	"github.com/ringsync/ringsync/hashes/ini"
)

// Cluster is what every node of a cluster must agree on: swift.conf.
type Cluster struct {
	Secret      Secret
	Policies    []Policy // by Index; at least policy 0
	MaxFileSize int64    // bytes of an object's body
	Constraints Constraints
}

// Constraints are the limits of [swift-constraints] that concern objects.
// Replicated objects are not held to them, for they were when a client wrote
// them; a peer may do so nevertheless.
type Constraints struct {
	MaxMetaNameLength   int // bytes of a user metadata name, without its prefix
	MaxMetaValueLength  int // bytes
	MaxMetaCount        int
	MaxMetaOverallSize  int // bytes of all user metadata names and values
	MaxHeaderSize       int // bytes of any header's value
	MaxObjectNameLength int // bytes
	ExtraHeaderCount    int
}

// ErrNoSecret is returned for a swift.conf without a hash prefix or suffix.
// With a wrong one every object would be looked for in the wrong place, so
// there is no default.
var ErrNoSecret = errors.New("[swift-hash] gives neither swift_hash_path_prefix nor swift_hash_path_suffix")

// ParseSwiftConf reads swift.conf. It refuses what Swift refuses: a missing
// secret ([ErrNoSecret]), policies that contradict each other, keys that are
// there twice. Source: utils/__init__.py, validate_hash_conf;
// storage_policy.py, parse_storage_policies; constraints.py,
// reload_constraints.
func ParseSwiftConf(data []byte) (*Cluster, error) {
	file := swiftConf{ini.New(ini.Dialect{})}
	// Swift decodes the file as Latin-1, so that a secret may be any bytes.
	if err := file.Read("", string(appendLatin1(nil, string(data), 1))); err != nil {
		return nil, fmt.Errorf("swift.conf: %w", err)
	}

	c := new(Cluster)
	err := errors.Join(c.readSecret(file), c.readConstraints(file), c.readPolicies(file))
	if err != nil {
		return nil, fmt.Errorf("swift.conf: %w", err)
	}

	return c, nil
}

// Policy returns the policy of an index.
func (c *Cluster) Policy(index int) (Policy, bool) {
	for _, p := range c.Policies {
		if p.Index == index {
			return p, true
		}
	}

	return Policy{}, false
}

func (c *Cluster) readSecret(file swiftConf) error {
	section := file.named("swift-hash")
	prefix, _, err := section.get("swift_hash_path_prefix")
	if err != nil {
		return err
	}
	suffix, _, err := section.get("swift_hash_path_suffix")
	if err != nil {
		return err
	}
	if prefix == "" && suffix == "" {
		return ErrNoSecret
	}

	c.Secret = Secret{Prefix: prefix, Suffix: suffix}

	return nil
}

func (c *Cluster) readConstraints(file swiftConf) error {
	section := file.named("swift-constraints")
	k := &c.Constraints

	limits := []struct {
		key   string
		value *int
		unset int
	}{
		{"max_meta_name_length", &k.MaxMetaNameLength, 128},
		{"max_meta_value_length", &k.MaxMetaValueLength, 256},
		{"max_meta_count", &k.MaxMetaCount, 90},
		{"max_meta_overall_size", &k.MaxMetaOverallSize, 4096},
		{"max_header_size", &k.MaxHeaderSize, 8192},
		{"max_object_name_length", &k.MaxObjectNameLength, 1024},
		{"extra_header_count", &k.ExtraHeaderCount, 0},
	}
	for _, limit := range limits {
		n, err := section.integer(limit.key, int64(limit.unset))
		if err != nil {
			return err
		}
		*limit.value = int(min(n, math.MaxInt))
	}

	// 5 GiB and 2 bytes: Swift's default, just above S3's limit.
	var err error
	c.MaxFileSize, err = section.integer("max_file_size", 5<<30+2)

	return err
}

// swiftConf is a swift.conf that has been read; confSection is one of its
// sections.
type (
	swiftConf   struct{ *ini.File }
	confSection struct{ *ini.Section }
)

func (f swiftConf) named(name string) confSection { return confSection{f.Section(name)} }

// get returns a value as the bytes that it was in the file.
func (s confSection) get(key string) (value string, ok bool, err error) {
	text, ok, err := s.Get(key)
	value, _ = decodeLatin1(text) // what appendLatin1 wrote

	return value, ok, err
}

// integer returns a value as a number, unset if it is not there.
func (s confSection) integer(key string, unset int64) (int64, error) {
	text, ok, err := s.get(key)
	if !ok || err != nil {
		return unset, err
	}

	n, ok := ParsePythonInt(text, 10)
	if !ok {
		return 0, fmt.Errorf("[%s] %s: %.64q is not an integer", s.Name, key, text)
	}

	return n, nil
}
