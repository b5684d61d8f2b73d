package hashes

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/hashes/ini"
	"github.com/ringsync/ringsync/proto"
)

const (
	policySection = "storage-policy:"

	// legacyName is the policy of clusters that were there before policies.
	legacyName = "Policy-0"
)

// readPolicies reads the [storage-policy:N] sections. Source:
// storage_policy.py, parse_storage_policies and StoragePolicyCollection.
func (c *Cluster) readPolicies(file swiftConf) error {
	for _, section := range file.Sections() {
		number, ok := strings.CutPrefix(section.Name, policySection)
		if !ok {
			continue
		}

		p, err := readPolicy(confSection{section}, number)
		if err != nil {
			return fmt.Errorf("[%.64s]: %w", section.Name, err)
		}
		c.Policies = append(c.Policies, p)
	}

	slices.SortFunc(c.Policies, func(a, b Policy) int { return cmp.Compare(a.Index, b.Index) })

	return c.settlePolicies()
}

// settlePolicies supplies what may be left out and checks the policies against
// each other.
func (c *Cluster) settlePolicies() error {
	if len(c.Policies) == 0 {
		c.Policies = []Policy{{Name: legacyName}}
	}
	if len(c.Policies) == 1 && !c.Policies[0].Deprecated {
		c.Policies[0].Default = true
	}

	if err := c.checkUnique(); err != nil {
		return err
	}

	defaults, enabled := 0, 0
	for _, p := range c.Policies {
		if p.Default {
			defaults++
		}
		if !p.Deprecated {
			enabled++
		}
	}

	switch {
	case c.Policies[0].Index != 0:
		return errors.New("there are storage policies, but none has the index 0")
	case enabled == 0:
		return errors.New("every storage policy is deprecated")
	case defaults != 1:
		return fmt.Errorf("%d storage policies are the default, one must be", defaults)
	default:
		return nil
	}
}

// checkUnique compares the policies' indexes and, in any case, their names.
func (c *Cluster) checkUnique() error {
	names := map[string]bool{}
	for i, p := range c.Policies {
		if i > 0 && p.Index == c.Policies[i-1].Index {
			return fmt.Errorf("two storage policies have the index %d", p.Index)
		}

		for _, name := range append([]string{p.Name}, p.Aliases...) {
			folded := proto.LowerASCII(name)
			if names[folded] {
				return fmt.Errorf("two storage policies have the name %q", name)
			}
			names[folded] = true
		}
	}

	return nil
}

// readPolicy reads one section. Source: storage_policy.py,
// BaseStoragePolicy.from_config.
func readPolicy(section confSection, number string) (Policy, error) {
	index, ok := ParsePythonInt(number, 10)
	if !ok || index < 0 || index > math.MaxInt32 {
		return Policy{}, fmt.Errorf("%.64q is not an index", number)
	}

	options, err := section.resolved()
	if err != nil {
		return Policy{}, err
	}

	p := Policy{
		Index:      int(index),
		Name:       options["name"],
		Default:    proto.IsTrue(options["default"]),
		Deprecated: proto.IsTrue(options["deprecated"]),
	}
	if p.Kind, err = kindOf(options); err != nil {
		return Policy{}, err
	}
	if err := checkOptions(options, p.Kind); err != nil {
		return Policy{}, err
	}
	if p.Default && p.Deprecated {
		return Policy{}, errors.New("a deprecated policy cannot be the default")
	}
	if p.Kind == ErasureCoding {
		if p.Fragments, err = readFragments(section, options); err != nil {
			return Policy{}, err
		}
	}

	return p, p.addNames(options["aliases"])
}

// resolved returns all values of a section, inherited ones too.
func (s confSection) resolved() (map[string]string, error) {
	keys := s.AllKeys()
	options := make(map[string]string, len(keys))
	for _, key := range keys {
		value, _, err := s.get(key)
		if err != nil {
			return nil, err
		}
		options[key] = value
	}

	return options, nil
}

func kindOf(options map[string]string) (Kind, error) {
	text, ok := options["policy_type"]
	if !ok {
		return Replication, nil
	}

	for _, kind := range []Kind{Replication, ErasureCoding} {
		if text == kind.String() {
			return kind, nil
		}
	}

	return 0, fmt.Errorf("policy_type %.64q is unknown", text)
}

// checkOptions refuses an option that the kind of policy does not have: a
// misspelt one would be a policy other than the operator meant.
func checkOptions(options map[string]string, kind Kind) error {
	for key := range options {
		switch key {
		case "name", "aliases", "policy_type", "default", "deprecated", "diskfile_module":
			continue
		case "ec_type", "ec_num_data_fragments", "ec_num_parity_fragments",
			"ec_object_segment_size", "ec_duplication_factor":
			if kind == ErasureCoding {
				continue
			}
		}

		return fmt.Errorf("option %.64q is unknown", key)
	}

	return nil
}

// readFragments checks the options of an erasure code and returns k+m. Source:
// storage_policy.py, ECStoragePolicy.
func readFragments(section confSection, options map[string]string) (int, error) {
	if options["ec_type"] == "" {
		return 0, errors.New("ec_type is missing")
	}

	numbers := map[string]int64{}
	for key, unset := range map[string]int64{
		"ec_num_data_fragments":   0,
		"ec_num_parity_fragments": 0,
		"ec_object_segment_size":  1 << 20,
		"ec_duplication_factor":   1,
	} {
		n, err := section.integer(key, unset)
		if err != nil {
			return 0, err
		}
		if n <= 0 || n > math.MaxInt32 {
			return 0, fmt.Errorf("%s must be a positive number", key)
		}
		numbers[key] = n
	}

	return int(numbers["ec_num_data_fragments"] + numbers["ec_num_parity_fragments"]), nil
}

// addNames checks the policy's name and adds its aliases, a list with commas.
// Source: storage_policy.py, _validate_policy_name.
func (p *Policy) addNames(aliases string) error {
	if err := p.checkName(p.Name); err != nil {
		return err
	}

	for alias := range strings.SplitSeq(aliases, ",") {
		alias = ini.Strip(alias)
		if alias == "" || alias == p.Name {
			continue
		}
		if err := p.checkName(alias); err != nil {
			return err
		}
		p.Aliases = append(p.Aliases, alias)
	}

	return nil
}

// checkName allows what can stand in a header.
func (p *Policy) checkName(name string) error {
	const allowed = "-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

	switch {
	case name == "":
		return errors.New("name is missing")
	case strings.Trim(name, allowed) != "":
		return fmt.Errorf("name %.64q has other characters than letters, digits and dashes", name)
	case p.Index != 0 && strings.EqualFold(name, legacyName):
		return fmt.Errorf("name %q is reserved for the policy with index 0", name)
	default:
		return nil
	}
}
