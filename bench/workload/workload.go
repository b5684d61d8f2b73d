// Package workload fills partitions with data that anybody can make again: names,
// times and bodies follow from a seed. Bodies are incompressible and no two are
// alike, since each is a stretch of one random pool with its number stamped in.
//
// The objects are written through the store, by groups, so that they are on the
// disk as a receiver would have put them there: Swift's names, metadata and
// invalidations.
//
//	Spec       names, sizes, times: which objects
//	Filler     writes them, into one partition or over a whole disk
//	Standard   the data sets that are measured, by their letters
package workload

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Spec says what a partition is filled with. The same Spec gives the same
// objects, byte for byte.
type Spec struct {
	Prefix     string          // of the objects' names: /AUTH_bench/c/<Prefix>-000042
	Objects    int             // how many
	Size       func(i int) int // of object i, in bytes
	Seed       uint64
	Start      proto.Timestamp // of object 0; the next ones follow 10 ms apart
	Posts      int             // of the first objects, how many get a .meta
	Tombstones int             // of the last objects, how many are deleted

	// StoredDigest adds our stored digest to bodies above StoredAbove, as a receiver
	// of ours does that has checked them. Without it objects are as Swift writes them.
	StoredDigest bool
}

// StoredAbove is the size of body, in bytes, above which a digest is stored.
const StoredAbove = 64 << 10

// Fixed gives every object the same size.
func Fixed(bytes int) func(int) int { return func(int) int { return bytes } }

const (
	poolBytes = 1 << 20
	// groupObjects and groupBytes bound what one commit publishes.
	groupObjects = 256
	groupBytes   = 64 << 20
	step         = 1000 // raw units, of 10 µs
)

// Filler writes objects of a Spec.
type Filler struct {
	spec   Spec
	pool   []byte
	secret hashes.Secret
}

// NewFiller prepares to write spec's objects, for a cluster with that secret.
func NewFiller(spec Spec, secret hashes.Secret) *Filler {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], spec.Seed)
	f := &Filler{spec: spec, secret: secret, pool: make([]byte, 2*poolBytes)}
	rand.NewChaCha8(seed).Read(f.pool[:poolBytes])
	copy(f.pool[poolBytes:], f.pool[:poolBytes])
	return f
}

// Name is the name of object i.
func (f *Filler) Name(i int) string { return fmt.Sprintf("/AUTH_bench/c/%s-%06d", f.spec.Prefix, i) }

// Time is the timestamp that object i was PUT at.
func (f *Filler) Time(i int) proto.Timestamp {
	return proto.Timestamp{Raw: f.spec.Start.Raw + int64(i)*step}
}

// Fill writes the whole data set into a partition: objects, then POSTs, then
// DELETEs. All of it is durable on return.
func (f *Filler) Fill(ctx context.Context, p *store.Partition) error {
	later := int64(f.spec.Objects+1) * step
	steps := []struct {
		from, to int
		make     func(i int) (*store.Writer, error)
	}{
		{0, f.spec.Objects, func(i int) (*store.Writer, error) { return f.put(p, i, f.Time(i)) }},
		{0, f.spec.Posts, func(i int) (*store.Writer, error) {
			return f.post(p, i, proto.Timestamp{Raw: f.Time(i).Raw + later})
		}},
		{f.spec.Objects - f.spec.Tombstones, f.spec.Objects, func(i int) (*store.Writer, error) {
			return p.Delete(f.secret.Hash(f.Name(i)), f.Name(i), proto.Timestamp{Raw: f.Time(i).Raw + 2*later})
		}},
	}
	for _, s := range steps {
		if err := f.groups(ctx, p, span(s.from, s.to), s.make); err != nil {
			return err
		}
	}
	return nil
}

// Overwrite puts objects from to to-1 anew, with other bodies, after a time.
func (f *Filler) Overwrite(ctx context.Context, p *store.Partition, from, to int, after int64) error {
	return f.groups(ctx, p, span(from, to), func(i int) (*store.Writer, error) {
		return f.put(p, i, proto.Timestamp{Raw: f.Time(i).Raw + after})
	})
}

// Post gives objects from to to-1 new metadata, after a time.
func (f *Filler) Post(ctx context.Context, p *store.Partition, from, to int, after int64) error {
	return f.groups(ctx, p, span(from, to), func(i int) (*store.Writer, error) {
		return f.post(p, i, proto.Timestamp{Raw: f.Time(i).Raw + after})
	})
}

// Delete puts tombstones over objects from to to-1, after a time.
func (f *Filler) Delete(ctx context.Context, p *store.Partition, from, to int, after int64) error {
	return f.groups(ctx, p, span(from, to), func(i int) (*store.Writer, error) {
		return p.Delete(f.secret.Hash(f.Name(i)), f.Name(i), proto.Timestamp{Raw: f.Time(i).Raw + after})
	})
}

// span is the numbers from from to to-1, none of them negative.
func span(from, to int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := max(0, from); i < to && yield(i); i++ {
		}
	}
}

// groups makes files and commits them many at a time.
func (f *Filler) groups(ctx context.Context, p *store.Partition, numbers iter.Seq[int], make func(i int) (*store.Writer, error)) error {
	var group []*store.Writer
	bytes := 0
	commit := func() error {
		err := errors.Join(p.Commit(ctx, group)...)
		group, bytes = nil, 0
		return err
	}
	for i := range numbers {
		if ctx.Err() != nil {
			break
		}
		w, err := make(i)
		if err != nil {
			return errors.Join(err, commit())
		}
		group = append(group, w)
		if bytes += f.spec.Size(i); len(group) == groupObjects || bytes >= groupBytes {
			if err := commit(); err != nil {
				return err
			}
		}
	}
	return errors.Join(commit(), context.Cause(ctx))
}

func (f *Filler) put(p *store.Partition, i int, ts proto.Timestamp) (*store.Writer, error) {
	size, name := f.spec.Size(i), f.Name(i)
	w, err := p.Put(f.secret.Hash(name), ts, int64(size))
	if err != nil {
		return nil, err
	}
	etag, sum, err := f.writeBody(w, i, size, ts)
	if err == nil {
		err = w.Seal(name, ts, hashes.Metadata{
			{Key: "X-Timestamp", Value: ts.Internal()},
			{Key: "Content-Type", Value: "application/octet-stream"},
			{Key: "Content-Length", Value: strconv.Itoa(size)},
			{Key: "ETag", Value: etag},
			{Key: "X-Object-Meta-Number", Value: strconv.Itoa(i)},
		})
	}
	if err != nil {
		w.Abort()
		return nil, err
	}
	if f.spec.StoredDigest && size > StoredAbove {
		w.StoreSum(sum)
	}
	return w, nil
}

// writeBody writes a stamp of number and time, then pieces of the pool from a
// place that the number gives. It returns both digests.
func (f *Filler) writeBody(w *store.Writer, i, size int, ts proto.Timestamp) (etag string, sum uint64, err error) {
	digest, xxh64 := md5.New(), xxhash.New()
	stamp := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(i)), uint64(ts.Raw))
	for off := 0; off < size; {
		piece := stamp
		if off > 0 {
			start := (i*7919 + off) % poolBytes
			piece = f.pool[start : start+poolBytes]
		}
		piece = piece[:min(len(piece), size-off)]
		digest.Write(piece)
		xxh64.Write(piece)
		if _, err := w.WriteAt(piece, int64(off)); err != nil {
			return "", 0, err
		}
		off += len(piece)
	}
	return hex.EncodeToString(digest.Sum(nil)), xxh64.Sum64(), nil
}

func (f *Filler) post(p *store.Partition, i int, ts proto.Timestamp) (*store.Writer, error) {
	name := f.Name(i)
	return p.Post(f.secret.Hash(name), name, ts, hashes.Metadata{
		{Key: "X-Timestamp", Value: ts.Internal()},
		{Key: "X-Object-Meta-Posted", Value: "number " + strconv.Itoa(i)},
	})
}
