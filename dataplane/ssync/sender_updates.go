package ssync

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// wholeBytes is the size up to which a body is read before its head is sent:
// what can't be read is then left out, and the session goes on.
const wholeBytes = 64 << 10

// updates sends what is wanted, and hears the verdict. Source: ssync_sender.py,
// Sender.updates.
func (t *transmission) updates(ctx context.Context) error {
	if err := t.out.Text([]byte(proto.UpdatesStart + "\r\n")); err != nil {
		return err
	}
	defer t.window.close()
	defer t.readOn.close()
	for i := range t.result.offers.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e := &t.result.offers.entries[i]
		if e.want == 0 {
			continue
		}
		t.window.turn(i)
		t.readOn.turn(i)
		if err := t.update(e); err != nil {
			e.outcome = Failed
			return err
		}
		if err := t.flushLate(); err != nil {
			return err
		}
	}
	t.readOn.close() // no lane is kept while the verdict is awaited
	if err := t.out.Text([]byte(proto.UpdatesEnd + "\r\n")); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.expect(ctx, proto.UpdatesStart, "updates start"); err != nil {
		return err
	}
	return t.expect(ctx, proto.UpdatesEnd, "updates line")
}

// update sends what the receiver wants of one object, as it is now. What has
// gone or can't be read since it was offered is not sent; an error means that
// the stream can't be continued. Source: ssync_sender.py, Sender.updates.
func (t *transmission) update(e *entry) error {
	o, err := t.job.Partition.Open(e.hash)
	if err != nil {
		t.leaveOut(e, err)
		return nil
	}
	defer o.Close()
	var sent shipment
	switch {
	case o.Tombstone && e.want&wantData != 0:
		sent.data, err = true, t.sendDelete(o)
	case o.Tombstone:
		t.leaveOut(e, &store.DeletedError{Timestamp: o.Times.Data})
	default:
		sent, err = t.dialect.sendObject(t, e, o)
	}
	if err != nil {
		return err
	}
	if !sent.empty() {
		var times store.Times
		e.outcome, times = t.dialect.proof(e, t.result.offers.times(e), o, sent)
		if e.want&sentBlind != 0 {
			e.outcome = Unproven
		}
		t.result.offers.setTimes(e, times)
		t.result.Sent++
		t.job.Progress.sent()
	}
	return nil
}

var (
	errNothingToPost = errors.New("its metadata is no longer newer than its body")
	errOverwritten   = errors.New("it was overwritten since it was offered, and only its metadata is wanted")
)

// leaveOut notes an object of which nothing is sent. Nothing failed: the peer
// still lacks it, and says so next time.
func (t *transmission) leaveOut(e *entry, why error) {
	e.outcome = NotSent
	t.job.Progress.leftOut()
	t.log.Debug("not sent", slog.String("hash", e.hash.String()), slog.Any("error", why))
}

func (t *transmission) sendDelete(o *store.Object) error {
	return t.sendSubrequest("DELETE", o.Name, hashes.Metadata{{Key: "X-Timestamp", Value: o.Times.Data.Internal()}})
}

// sendPut sends a body under metadata, mostly the .data's own.
func (t *transmission) sendPut(e *entry, o *store.Object, md hashes.Metadata) (sent bool, err error) {
	if o.Size <= wholeBytes {
		return t.sendWhole(e, o, md)
	}
	if t.window.looks() && o.Cold() {
		t.window.waited(o.Size)
	}
	stored, way := t.storedSum(o)
	if err := t.sendSubrequest("PUT", o.Name, md); err != nil {
		return false, err
	}
	if way == WayStored && !t.out.Announce(stored) {
		way = WayMD5
	}
	t.sends(e, way)
	var digest hash.Hash
	if t.cfg.MD5 {
		digest = md5.New()
	}
	n, err := t.out.Body(t.readOn.bodyOf(o), 0, o.Size, digest)
	t.countBytes(n)
	var source *engine.SourceError
	switch {
	case errors.As(err, &source):
		return false, t.damaged(o, source.Err) // the rest of the body was promised: the session is over
	case err != nil:
		return false, waited("send_put chunk", t.cfg.NodeTimeout, err)
	case digest != nil && hex.EncodeToString(digest.Sum(nil)) != o.ETag():
		return false, t.damaged(o, errETag)
	}
	return true, nil
}

// bodies hold small objects on their way into a chunk.
var bodies = sync.Pool{New: func() any { b := make([]byte, wholeBytes); return &b }}

func (t *transmission) sendWhole(e *entry, o *store.Object, md hashes.Metadata) (sent bool, err error) {
	scratch := bodies.Get().(*[]byte)
	defer bodies.Put(scratch)
	body := (*scratch)[:o.Size]
	cold, err := o.ReadWhole(body)
	if err != nil {
		t.leaveOut(e, t.damaged(o, err))
		return false, nil
	}
	if cold {
		t.window.waited(o.Size)
	}
	if t.cfg.MD5 {
		if sum := md5.Sum(body); hex.EncodeToString(sum[:]) != o.ETag() {
			t.leaveOut(e, t.damaged(o, errETag))
			return false, nil
		}
	}
	if err := t.sendSubrequest("PUT", o.Name, md); err != nil {
		return false, err
	}
	t.sends(e, wayOf(t.features, o.Size, false))
	t.countBytes(o.Size)
	return true, waited("send_put chunk", t.cfg.NodeTimeout, t.out.Text(body))
}

// storedSum chooses what a large body will be held against, with the xxhash64 that
// lies beside it where that is it.
func (t *transmission) storedSum(o *store.Object) (stored uint64, way Way) {
	if way = wayOf(t.features, o.Size, true); way != WayStored {
		return 0, way
	}
	stored, ok := o.StoredSum()
	return stored, wayOf(t.features, o.Size, ok)
}

// sends notes what a body that is sent is held against.
func (t *transmission) sends(e *entry, way Way) {
	t.result.Verified.count(way)
	if way == WayNone {
		e.want |= sentBlind
	}
}

var errETag = errors.New("the body's MD5 is not its ETag")

// damaged puts an object to quarantine whose body is not what its metadata says,
// and returns why; an error that says nothing about the body is only returned.
func (t *transmission) damaged(o *store.Object, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errETag) || ioError(err) {
		return o.Quarantine(err.Error())
	}
	return err
}

func (t *transmission) countBytes(n int64) {
	t.result.Bytes += n
	t.job.Progress.bytes(n)
}

// sendSubrequest sends a head: every stored key but the name, sorted, and for a
// PUT the length first among equals. Nothing may be added to it, since the
// receiver stores whatever comes. Source: ssync_sender.py, send_subrequest.
func (t *transmission) sendSubrequest(method, name string, md hashes.Metadata) error {
	headers := make([]proto.Header, 0, len(md))
	size := len(method) + 3*len(name) + 16
	for _, f := range md {
		if f.Key == "name" {
			continue
		}
		headers = append(headers, proto.Header{Name: f.Key, Value: f.Value})
		size += len(f.Key) + len(f.Value) + len(": \r\n")
	}
	slices.SortFunc(headers, func(a, b proto.Header) int { return strings.Compare(a.Name, b.Name) })
	err := t.out.Append(func(dst []byte) []byte { return proto.AppendSubrequest(dst, method, name, headers) }, size)
	return waited("send_"+strings.ToLower(method), t.cfg.NodeTimeout, err)
}
