package store

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/ringsync/ringsync/hashes"
	"github.com/valyala/bytebufferpool"
	"golang.org/x/sys/unix"
)

// consolidate reads hashes.pkl, takes the digests of the suffixes named in
// hashes.invalid out of it, and empties that. False: there is no such partition.
// Source: diskfile.py, consolidate_hashes.
func (p *Partition) consolidate(ctx context.Context) (h hashes.PartitionHashes, there bool, err error) {
	lock, err := p.device.lock(ctx, hashesLockTimeout, p.dir+"/"+hashesLock) // the file is made, its directory is not
	if absent(err) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	defer lock.Release()
	if h, err = p.readDigests(); err != nil {
		return h, true, err
	}
	invalid, err := p.readSmall(hashesInvalid)
	if err != nil {
		return h, true, err
	}
	defer bytebufferpool.Put(invalid)
	if invalid.Len() == 0 {
		return h, true, nil
	}
	if suffixes := hashes.ParseInvalid(invalid.B); len(suffixes) > 0 {
		for _, s := range suffixes {
			h.Digests.Doubt(s)
		}
		if err := p.writeDigests(&h); err != nil {
			return h, true, err
		}
	}
	return h, true, p.emptyInvalid()
}

// emptyInvalid is safe only after hashes.pkl is durable: a crash between the two
// leaves a suffix stale twice.
func (p *Partition) emptyInvalid() error {
	f, err := p.root().open(p.dir+"/"+hashesInvalid, unix.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.close()
	return f.truncate(0)
}

// storeDigests writes h unless somebody changed hashes.pkl since it was read.
func (p *Partition) storeDigests(ctx context.Context, before, h hashes.PartitionHashes) (bool, error) {
	lock, err := p.lockHashes(ctx)
	if err != nil {
		return false, err
	}
	defer lock.Release()
	there, err := p.readDigests()
	if err != nil || !reflect.DeepEqual(there, before) {
		return false, err
	}
	return true, p.writeDigests(&h)
}

// readDigests reads hashes.pkl; one that is missing or no pickle of Swift's
// knows nothing, and all is to be hashed.
func (p *Partition) readDigests() (hashes.PartitionHashes, error) {
	data, err := p.readSmall(hashesPkl)
	if err != nil {
		return hashes.PartitionHashes{}, err
	}
	defer bytebufferpool.Put(data)
	h, err := hashes.ParseHashesPkl(data.B)
	if err != nil {
		return hashes.PartitionHashes{}, nil
	}
	return h, nil
}

// writeDigests replaces hashes.pkl: under a temporary name first, of the kind
// that Swift's readers pass over, and durable before the name changes hands.
func (p *Partition) writeDigests(h *hashes.PartitionHashes) error {
	now := p.store().cfg.Now()
	h.Updated = float64(now.UnixNano()) / 1e9
	temp := p.dir + "/" + randomHex(8) + ".tmp"
	f, err := p.root().open(temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(hashes.AppendHashesPkl(nil, *h), 0)
	if err == nil {
		err = f.sync()
	}
	f.close()
	if err == nil {
		err = p.root().rename(temp, p.dir+"/"+hashesPkl)
	}
	if err != nil {
		p.root().unlink(temp)
		return p.device.suspect(err)
	}
	return p.device.suspect(p.root().syncDir(p.dir))
}

// readSmall reads a whole file of the partition; one that is missing is empty. What
// it is read into goes back to the pool by the caller.
func (p *Partition) readSmall(name string) (*bytebufferpool.ByteBuffer, error) {
	f, err := p.root().open(p.dir+"/"+name, unix.O_RDONLY, 0)
	if absent(err) {
		return bytebufferpool.Get(), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.close()
	st, err := f.stat()
	if err != nil {
		return nil, err
	}
	if st.Size > maxHashesPkl {
		return nil, fmt.Errorf("%s/%s: %d bytes, more than it can ever need", p.Path(), name, st.Size)
	}
	data := bytebufferpool.Get()
	data.B = slices.Grow(data.B, int(st.Size))[:st.Size]
	n, err := f.ReadAt(data.B, 0)
	data.B = data.B[:n]
	if err != nil && err != io.EOF {
		bytebufferpool.Put(data)
		return nil, err
	}
	return data, nil
}
