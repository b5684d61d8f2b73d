package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// hashes.pkl remembers the digest of each suffix, hashes.invalid the suffixes in
// which something changed since. Both are shared with Python and change under
// .lock only.
const (
	hashesPkl     = "hashes.pkl"
	hashesInvalid = "hashes.invalid"

	// maxHashesPkl bounds what is read back: 4,096 suffixes take some 250 KiB,
	// those of an erasure-coded policy a few times that.
	maxHashesPkl = 16 << 20
)

// Invalidate tells that something in these suffixes changes; durable on return.
// Source: diskfile.py, invalidate_hash.
func (p *Partition) Invalidate(ctx context.Context, suffixes ...proto.Suffix) error {
	lock, err := p.lockHashes(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	return p.invalidate(suffixes)
}

// invalidate does so while the caller holds .lock.
func (p *Partition) invalidate(suffixes []proto.Suffix) error {
	f, err := p.openInvalid()
	if err != nil {
		return err
	}
	defer f.close()
	st, err := f.stat()
	if err != nil {
		return err
	}
	var lines []byte
	if whole, err := f.endsInLine(st.Size); err != nil {
		return err
	} else if !whole {
		lines = append(lines, '\n')
	}
	for _, s := range suffixes {
		lines = hashes.AppendInvalid(lines, s)
	}
	if _, err := f.WriteAt(lines, st.Size); err != nil {
		return err
	}
	return p.device.suspect(f.sync())
}

// endsInLine tells whether what is appended begins a line of its own. A power cut
// may have left a part of somebody's line, or zeros in its place: what is glued to
// that names no suffix.
func (f *file) endsInLine(size int64) (bool, error) {
	if size == 0 {
		return true, nil
	}
	var last [1]byte
	_, err := f.ReadAt(last[:], size-1)
	return last[0] == '\n', err
}

// openInvalid opens hashes.invalid, made where it is missing. Its own name is made
// durable then: a list that a power cut can take away as a whole would leave
// hashes.pkl right about a suffix in which an object has appeared.
func (p *Partition) openInvalid() (*file, error) {
	path := p.dir + "/" + hashesInvalid
	f, err := p.root().open(path, unix.O_RDWR, 0)
	if !absent(err) {
		return f, err
	}
	if f, err = p.root().open(path, unix.O_RDWR|unix.O_CREAT, 0o644); err != nil {
		return nil, err
	}
	if err := p.device.suspect(p.root().syncDir(p.dir)); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// Digests brings the partition's digests up to date and returns them: those of
// the suffixes that changed, of recalculate, and, with listdir, of suffixes that
// nobody told about, be it that they came or that they went. The digest of
// a suffix that could not be read is not known. A partition that is not there has
// none, and is not made.
func (p *Partition) Digests(ctx context.Context, recalculate []proto.Suffix, listdir bool) (hashes.Digests, error) {
	digests, _, err := p.Rehash(ctx, recalculate, listdir)
	return digests, err
}

// Rehash is Digests, and tells how many suffixes it had to hash. Where that is none
// no directory was listed and no object opened: hashes.pkl alone was read. A
// replicator's pass asks without listdir nine times of ten. Source: diskfile.py,
// __get_hashes. Where we differ: with listdir Swift keeps the digest of a known
// suffix that has vanished untold, as its own removal of handoff objects lets it.
func (p *Partition) Rehash(ctx context.Context, recalculate []proto.Suffix, listdir bool) (digests hashes.Digests, hashed int, err error) {
	if p.policy.Kind != hashes.Replication {
		return nil, 0, fmt.Errorf("%s: %w", p.Path(), ErrErasureCoded)
	}
	for {
		before, there, err := p.consolidate(ctx)
		if err != nil || !there {
			return nil, hashed, err
		}
		if before.Valid && !listdir && len(recalculate) == 0 && before.Digests.Complete() {
			return before.Digests, hashed, nil
		}
		now := hashes.PartitionHashes{Valid: true}
		if before.Valid {
			now.Digests = slices.Clone(before.Digests)
		}
		n, err := p.digest(ctx, &now, recalculate, listdir || !before.Valid)
		if hashed += n; err != nil {
			return nil, hashed, err
		}
		if before.Valid && slices.Equal(now.Digests, before.Digests) {
			return now.Digests, hashed, nil
		}
		stored, err := p.storeDigests(ctx, before, now)
		if stored || err != nil {
			return now.Digests, hashed, err
		}
	}
}

// digest computes what is missing in h, or asked for anew, and tells how many.
func (p *Partition) digest(ctx context.Context, h *hashes.PartitionHashes, recalculate []proto.Suffix, listdir bool) (hashed int, err error) {
	if listdir {
		suffixes, err := p.Suffixes()
		if err != nil {
			return 0, err
		}
		doubtUntold(&h.Digests, suffixes)
	}
	for _, s := range recalculate {
		h.Digests.Doubt(s)
	}
	list := h.Digests
	h.Digests = list[:0] // those that are left
	for _, d := range list {
		if !d.Known {
			if err := ctx.Err(); err != nil {
				return hashed, context.Cause(ctx)
			}
			d.Sum, err = p.digestOf(d.Suffix)
			hashed++
			if absent(err) {
				continue
			}
			if d.Known = err == nil; err != nil {
				p.store().cfg.Notice(Notice{Kind: NoticeUnhashed, Device: p.device.name, Partition: p, Text: fmt.Sprintf("suffix not hashed: %v", err)})
			}
		}
		h.Digests = append(h.Digests, d)
	}
	return hashed, nil
}

// doubtUntold puts those of the suffixes that are there into a list that are not in it.
// Those that are not there any more are doubted: they are looked for, and forgotten.
func doubtUntold(list *hashes.Digests, there []proto.Suffix) {
	for i, d := range *list {
		if _, found := slices.BinarySearch(there, d.Suffix); !found {
			(*list)[i] = hashes.Digest{Suffix: d.Suffix}
		}
	}
	for _, s := range there {
		if _, known := list.Find(s); !known {
			list.Doubt(s)
		}
	}
}

// digestOf computes one suffix's digest, tidying its directories as it goes. It
// is as if absent when nothing is left of it. Source: diskfile.py, _hash_suffix
// and _hash_suffix_dir.
func (p *Partition) digestOf(s proto.Suffix) (sum proto.Hash, err error) {
	list, others, err := p.hashesOf(s)
	if err != nil {
		return sum, err
	}
	for _, name := range others {
		if err := p.setAside(s, name); err != nil {
			return sum, err
		}
	}
	digest := hashes.NewSuffixDigest()
	for _, h := range list {
		choice, err := p.list(p.hashDir(h))
		if reason := strange(err); reason != "" {
			p.quarantine(h, reason) // the notice that it gives is all there is to say
			continue
		}
		if err != nil {
			return sum, err
		}
		digest.Add(choice)
	}
	if err := p.settleSuffix(s, list); err != nil { // after the names were read: all of them are covered
		return sum, err
	}
	if err := p.root().rmdir(p.suffixDir(s)); err == nil || absent(err) {
		return sum, unix.ENOENT
	}
	return digest.Sum(), nil
}

// settleSuffix makes the names in a suffix durable that are younger than
// Config.FreshFor, as Held does, and for its reason: a peer who finds the same
// digest here sends nothing, so a digest may not tell of names that a power cut can
// take away. A commit whose fsync failed leaves such names, and so does a Python
// writer who has not come to his. They are fsynced side by side: of a directory that
// is durable already an fsync still asks the disk to flush, 0.2 ms on ext4.
func (p *Partition) settleSuffix(s proto.Suffix, list []proto.Hash) error {
	fresh := p.store().cfg.Now().Add(-p.store().cfg.FreshFor)
	var newest time.Time
	var young []string
	for _, h := range list {
		st, err := p.root().stat(p.hashDir(h))
		if err != nil && !absent(err) {
			return err
		}
		at := changed(&st)
		if err != nil || at.Before(fresh) || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		young = append(young, p.hashDir(h))
		if at.After(newest) {
			newest = at
		}
	}
	if len(young) == 0 {
		return nil
	}
	errs := make([]error, len(young))
	p.each(len(young), func(i int) { errs[i] = p.root().syncDir(young[i]) })
	for _, err := range errs {
		if err != nil && !absent(err) {
			return p.device.suspect(err)
		}
	}
	for _, dir := range p.chain(s) {
		if err := p.settled.sync(p.root(), dir, newest); err != nil {
			return p.device.suspect(err)
		}
	}
	return nil
}

// setAside quarantines a plain file in a suffix directory, as Swift does with
// what it takes for a hash; a strange directory stays where it is.
func (p *Partition) setAside(s proto.Suffix, name string) error {
	path := p.suffixDir(s) + "/" + name
	st, err := p.root().stat(path)
	if err != nil || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return err
	}
	if _, err := p.root().makeDirs("quarantined", p.quarantineDir()); err != nil {
		return err
	}
	to := p.quarantineDir() + "/" + name + "-" + randomHex(16)
	if err := p.root().rename(path, to); err != nil {
		return err
	}
	p.store().cfg.Notice(Notice{Kind: NoticeQuarantined, Device: p.device.name, Partition: p, Text: p.absolute(path) + ": not a hash directory; quarantined as " + p.absolute(to)})
	return nil
}
