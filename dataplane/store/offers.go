package store

import (
	"context"
	"fmt"

	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// UnreadableError tells what could not be listed, and so was not offered. What
// could be was.
type UnreadableError struct{ Errs []error }

func (e *UnreadableError) Error() string {
	text := "not offered: " + e.Errs[0].Error()
	if more := len(e.Errs) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

func (e *UnreadableError) Unwrap() []error { return e.Errs }

// maxUnreadable bounds what is kept of a dying disk's complaints.
const maxUnreadable = 16

// add keeps err unless it is one that tells of nothing lost.
func (e *UnreadableError) add(err error) {
	if err != nil && !absent(err) && len(e.Errs) < maxUnreadable {
		e.Errs = append(e.Errs, err)
	}
}

// Offers lists what a partition has in some suffixes, ascending by suffix and
// then by hash, with the times that the file names give. Directories are tidied
// on the way and strange ones put to quarantine. What can't be read is passed
// over, and told at the end as *UnreadableError; an error of yield ends the list
// at once. Source: diskfile.py, yield_hashes.
func (p *Partition) Offers(ctx context.Context, suffixes []proto.Suffix, yield func(proto.Offer) error) error {
	var unreadable UnreadableError
	for _, s := range suffixes {
		list, others, err := p.hashesOf(s)
		unreadable.add(err)
		for _, name := range others {
			unreadable.add(p.setAside(s, name))
		}
		held := false
		for _, h := range list {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			o, there, err := p.Offer(h)
			unreadable.add(err)
			if !there {
				continue
			}
			held = true
			if err := yield(o); err != nil {
				return err
			}
		}
		if !held { // with something in it, it is not empty
			unreadable.add(p.dropEmpty(ctx, s))
		}
	}
	if len(unreadable.Errs) > 0 {
		return &unreadable
	}
	return nil
}

// Offer lists one hash; false where there is nothing to offer.
func (p *Partition) Offer(h proto.Hash) (o proto.Offer, there bool, err error) {
	c, err := p.list(p.hashDir(h))
	if reason := strange(err); reason != "" {
		return o, false, p.quarantine(h, reason)
	}
	if err != nil || c.Data == nil && c.Tombstone == nil {
		return o, false, err
	}
	return proto.Offer{Hash: h, Data: c.DataTime(), Meta: c.MetaTime(), CType: c.CTypeTime()}, true, nil
}

// dropEmpty removes a suffix directory that has become empty, and lets its
// digest be forgotten.
func (p *Partition) dropEmpty(ctx context.Context, s proto.Suffix) error {
	if p.root().rmdir(p.suffixDir(s)) != nil {
		return nil // it is not empty, or it is gone
	}
	return p.Invalidate(ctx, s)
}

// secretProbes is how many objects CheckSecret opens at the most.
const secretProbes = 20

// CheckSecret opens up to 20 objects of a device and fails if there are some, but
// none whose name leads to its directory: then the hash prefix or suffix of
// swift.conf is not the one the device was filled under, and to go on would
// quarantine everything.
func (d *Device) CheckSecret(ctx context.Context) error {
	seen, fit := 0, 0
	for _, policy := range d.store.cfg.Cluster.Policies {
		parts, err := d.Partitions(policy)
		if err != nil {
			return err
		}
		for _, number := range parts {
			if seen == secretProbes || fit > 0 {
				break
			}
			p := d.Partition(policy, number)
			if err := p.probe(ctx, &seen, &fit); err != nil {
				return err
			}
		}
	}
	if seen > 0 && fit == 0 {
		return fmt.Errorf("device %s: of %d objects opened none has a name that fits its directory: do swift_hash_path_prefix and swift_hash_path_suffix belong to this cluster?", d.name, seen)
	}
	return nil
}

// probe reads names without ever moving anything.
func (p *Partition) probe(ctx context.Context, seen, fit *int) error {
	suffixes, err := p.Suffixes()
	if err != nil {
		return err
	}
	for _, s := range suffixes {
		list, _, err := p.hashesOf(s)
		if err != nil && !absent(err) {
			return err
		}
		for _, h := range list {
			if *seen == secretProbes || *fit > 0 || ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if name, ok := p.anyName(h); ok {
				*seen++
				if p.secretHash(name) == h {
					*fit++
				}
			}
		}
	}
	return nil
}

// anyName is the name in the metadata of any file of a hash directory.
func (p *Partition) anyName(h proto.Hash) (string, bool) {
	names, err := p.root().readDir(p.hashDir(h))
	if err != nil || len(names) == 0 {
		return "", false
	}
	f, err := p.root().open(p.hashDir(h)+"/"+names[0], unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return "", false
	}
	defer f.close()
	md, err := f.readMetadata()
	if err != nil {
		return "", false
	}
	return md.Get("name")
}
