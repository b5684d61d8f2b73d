package store

import (
	"errors"
	"slices"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Partition is a partition's directory on a device.
type Partition struct {
	device *Device
	policy hashes.Policy
	number uint32
	dir    string // objects-1/13, relative to the device

	settled settledDirs
}

// Number is the partition's number in the ring.
func (p *Partition) Number() uint32 { return p.number }

// Policy is the storage policy that the partition belongs to.
func (p *Partition) Policy() hashes.Policy { return p.policy }

// Device is the device that the partition is on.
func (p *Partition) Device() *Device { return p.device }

// Path is the partition's absolute path, for messages.
func (p *Partition) Path() string { return p.device.root.path + "/" + p.dir }

// Exists tells whether the partition's directory is there.
func (p *Partition) Exists() (bool, error) {
	_, err := p.root().stat(p.dir)
	if absent(err) {
		return false, nil
	}
	return err == nil, err
}

func (p *Partition) root() *root                     { return p.device.root }
func (p *Partition) store() *Store                   { return p.device.store }
func (p *Partition) suffixDir(s proto.Suffix) string { return p.dir + "/" + s.String() }
func (p *Partition) hashDir(h proto.Hash) string     { return p.suffixDir(h.Suffix()) + "/" + h.String() }
func (p *Partition) quarantineDir() string           { return "quarantined/" + p.policy.DataDir() }
func (p *Partition) chain(s proto.Suffix) []string   { return append(p.parents(), p.suffixDir(s)) }
func (p *Partition) parents() []string               { return []string{".", p.policy.DataDir(), p.dir} }
func (p *Partition) absolute(path string) string     { return p.root().path + "/" + path }
func (p *Partition) secretHash(name string) proto.Hash {
	return p.store().cfg.Cluster.Secret.Hash(name)
}

// make makes the partition's directory and the one above it.
func (p *Partition) make() error {
	_, err := p.root().makeDirs(p.policy.DataDir(), p.dir)
	return err
}

// makeDirs makes directories, outermost first, unless they exist, and tells
// whether it made the last. That one is tried first: mostly it is there, or it
// alone is missing.
func (r *root) makeDirs(paths ...string) (made bool, err error) {
	last := len(paths) - 1
	err = r.mkdir(paths[last])
	if absent(err) && last > 0 {
		if _, err = r.makeDirs(paths[:last]...); err == nil {
			err = r.mkdir(paths[last])
		}
	}
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	return err == nil, err
}

// Suffixes lists the partition's suffix directories in ascending order.
func (p *Partition) Suffixes() ([]proto.Suffix, error) {
	names, err := p.root().readDir(p.dir)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var suffixes []proto.Suffix
	for _, name := range names {
		if s, err := proto.ParseSuffix(name); err == nil {
			suffixes = append(suffixes, s)
		}
	}
	slices.Sort(suffixes)
	return suffixes, nil
}

// hashesOf lists a suffix's hash directories in ascending order, and apart from
// them the names that can't be any.
func (p *Partition) hashesOf(s proto.Suffix) (list []proto.Hash, strange []string, err error) {
	names, err := p.root().readDir(p.suffixDir(s))
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		if h, err := proto.ParseHash(name); err == nil && h.Suffix() == s {
			list = append(list, h)
		} else {
			strange = append(strange, name)
		}
	}
	slices.SortFunc(list, func(a, b proto.Hash) int { return slices.Compare(a[:], b[:]) })
	return list, strange, nil
}
