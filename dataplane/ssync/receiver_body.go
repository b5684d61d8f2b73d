package ssync

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"hash"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
)

// body is what has been received of a PUT in full, and is still being written
// and digested.
type body struct {
	landing   *engine.Landing
	way       Way
	md5       hash.Hash      // nil: not asked
	xxh64     *xxhash.Digest // nil: not asked
	announced uint64         // what xxh64 has to be, with WayStored
}

// newBody chooses what the body behind r's head, which has just been read, is held
// against. Without an ETag there is nothing else that could be stored for one.
//
// Beside the MD5 of a large body goes its xxhash64, to be stored: then the next
// transfer needs no MD5.
func (s *reception) newBody(r *subrequest) *body {
	announced, told := s.in.Announced()
	b := &body{way: wayOf(s.features, r.length, told), announced: announced}
	if !hashes.IsMD5(r.etag) {
		b.way = wayOf(0, r.length, false)
	}
	switch b.way {
	case WayStored:
		b.xxh64 = xxhash.New()
	case WayMD5:
		b.md5, b.xxh64 = md5.New(), xxhash.New()
	case WaySmall:
		b.md5 = md5.New()
	}
	return b
}

// digests are fed while the body lands.
func (b *body) digests() (list []hash.Hash) {
	if b.md5 != nil {
		list = append(list, b.md5)
	}
	if b.xxh64 != nil {
		list = append(list, b.xxh64)
	}
	return list
}

// seal waits for the body, checks it and gives the file its metadata.
func (b *body) seal(w *store.Writer, r *subrequest) error {
	if err := b.landing.Wait(); err != nil {
		var sink *engine.SinkError
		if errors.As(err, &sink) {
			err = sink.Err
		}
		return err
	}
	etag, err := b.check(r)
	if err != nil {
		return err
	}
	r.md.Set("ETag", etag)
	if err := w.Seal(r.name, r.ts, r.md); err != nil {
		return err
	}
	switch {
	case b.way == WayMD5 && etag == r.etag:
		w.StoreSum(b.xxh64.Sum64())
	case b.way == WayNone && (!control.Enabled || !control.Is(control.UncheckedForgot)):
		if err := w.MarkUnchecked(); err != nil {
			return err
		}
	}
	r.way = b.way
	return nil
}

// check holds the body against what came with it, and returns the ETag that it is
// stored under.
func (b *body) check(r *subrequest) (etag string, err error) {
	switch b.way {
	case WayNone:
		return r.etag, nil
	case WayStored:
		got, ignored := b.xxh64.Sum64(), control.Enabled && control.Is(control.StoredIgnored)
		if got != b.announced && !ignored {
			return "", refuse(422, "the body's xxhash64 is %016x, and %016x was announced", got, b.announced)
		}
		return r.etag, nil
	}
	etag = hex.EncodeToString(b.md5.Sum(nil))
	ignored := control.Enabled && control.Is(control.DigestIgnored)
	if r.etag != "" && r.etag != etag && !ignored {
		return "", refuse(422, "the body's MD5 is %s, its ETag %.64q", etag, r.etag)
	}
	return etag, nil
}
