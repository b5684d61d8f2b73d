package verify

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
)

// InspectConfig says how a hash directory is judged.
type InspectConfig struct {
	Cluster    *hashes.Cluster // nil: without swift.conf names are not held against their directory
	Policy     int             // of a directory whose path does not tell
	PartPower  int             // of the ring; negative: unknown, and the partition is not checked
	ReclaimAge time.Duration   // reclaim_age
	MD5        bool            // read the body and hold it against its ETag
	Now        time.Time
}

// Inspect reads one hash directory and judges it. It changes nothing: no file is
// removed, nothing put to quarantine. An error means that the directory could
// not be read; what is wrong in it is told by the Inspection.
func Inspect(ctx context.Context, cfg InspectConfig, p Place) (*Inspection, error) {
	names, err := listNames(p.Dir, maxFiles)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	in := &inspector{ctx: ctx, cfg: cfg, place: p, policy: cfg.policyOf(p, names)}
	in.out = &Inspection{Path: p.Dir, Hash: p.Hash.String(), Policy: in.policy.Index, Kind: in.policy.Kind.String(), Partition: p.Partition, Files: []InspectedFile{}}
	in.choice = hashes.Choose(names, in.policy)
	in.checkPlace()
	for _, name := range names {
		in.file(name)
	}
	in.summarize()
	return in.out, ctx.Err()
}

// policyOf is the policy that the directory belongs to; without swift.conf the
// file names tell of which kind it is.
func (c *InspectConfig) policyOf(p Place, names []string) hashes.Policy {
	index := c.Policy
	if p.Policy >= 0 {
		index = p.Policy
	}
	if c.Cluster != nil {
		if policy, known := c.Cluster.Policy(index); known {
			return policy
		}
	}
	policy := hashes.Policy{Index: index}
	if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "#") }) {
		policy.Kind, policy.Fragments = hashes.ErasureCoding, maxFiles
	}
	return policy
}

// inspector is one inspection under way.
type inspector struct {
	ctx    context.Context
	cfg    InspectConfig
	place  Place
	policy hashes.Policy
	choice hashes.Choice
	out    *Inspection
	body   int64 // of the .data that counts
}

func (in *inspector) problem(format string, args ...any) {
	in.out.Problems = append(in.out.Problems, fmt.Sprintf(format, args...))
}

func (in *inspector) remark(format string, args ...any) {
	in.out.Remarks = append(in.out.Remarks, fmt.Sprintf(format, args...))
}

// checkPlace holds the directories above against the hash.
func (in *inspector) checkPlace() {
	p, suffix := in.place, in.place.Hash.Suffix().String()
	if p.Quarantined {
		in.remark("in quarantine: nobody serves it from here")
	}
	if p.Suffix != "" && p.Suffix != suffix {
		in.problem("it lies in suffix %s, its own is %s", plain(p.Suffix), suffix)
	}
	if p.Partition != "" && in.cfg.PartPower >= 0 {
		if own := fmt.Sprint(p.Hash.Partition(in.cfg.PartPower)); p.Partition != own {
			in.problem("it lies in partition %s, its own is %s", plain(p.Partition), own)
		}
	}
	if c := in.cfg.Cluster; c == nil {
		in.remark("without swift.conf names are not held against their directory")
	} else if _, known := c.Policy(in.policy.Index); !known {
		in.remark("swift.conf has no policy %d", in.policy.Index)
	}
}

// file reads one name and takes its problems for the directory's if it counts.
func (in *inspector) file(name string) {
	f := InspectedFile{Name: name, Role: in.roleOf(name)}
	in.readFile(&f, filepath.Join(in.place.Dir, name))
	for _, text := range f.problems {
		if in.counts(&f) {
			in.problem("%s: %s", plain(name), text)
		} else {
			in.remark("%s: %s", plain(name), text)
		}
	}
	if f.Role == RoleUnexpected {
		in.remark("%s: a name that no Swift writes", plain(name))
	}
	in.out.Files = append(in.out.Files, f)
}

// counts tells whether what is wrong with a file is wrong with the object.
func (in *inspector) counts(f *InspectedFile) bool {
	tombstone := in.choice.Tombstone
	return f.Role == RoleCounts || f.Role == RoleNotJudged || f.Role == RoleReclaim && tombstone != nil && tombstone.Name == f.Name
}

// roleOf is what a file is to its directory.
func (in *inspector) roleOf(name string) string {
	is := func(f hashes.File) bool { return f.Name == name }
	c := in.choice
	switch {
	case in.policy.Kind == hashes.ErasureCoding:
		if _, ok := hashes.ParseFile(name, in.policy); !ok {
			return RoleUnexpected
		}
		return RoleNotJudged
	case slices.Contains(c.Unexpected, name):
		return RoleUnexpected
	case slices.ContainsFunc(c.Obsolete, is):
		return RoleObsolete
	case slices.ContainsFunc(c.Removable(in.cfg.Now, in.cfg.ReclaimAge), is):
		return RoleReclaim
	}
	for _, f := range []*hashes.File{c.Data, c.Meta, c.CType, c.Tombstone} {
		if f != nil && f.Name == name {
			return RoleCounts
		}
	}
	return RoleNoEffect
}

// plain prints a name from a disk: as it is where that can do no harm.
func plain(s string) string {
	if len(s) < 256 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return s
	}
	return fmt.Sprintf("%.256q", s)
}
