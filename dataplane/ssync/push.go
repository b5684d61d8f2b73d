package ssync

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Push sends a job in as many sessions as it takes, each of bounded size, and
// stops at the first that fails. The wire names no failed object, so after such a
// session the receiver is asked once more, without sending anything: what he no
// longer wants he holds; what he still wants has failed, and our own copy is
// read against its ETag, since it may be what he refused.
func (s *Sender) Push(ctx context.Context, job Job) *Result {
	total := &Result{}
	for first := true; first || len(job.Suffixes) > 0; first = false {
		r, suffixes := s.PushSession(ctx, &job)
		total.add(r)
		if r.Limited || suffixes == 0 || total.Err != nil && !partial(total.Err) {
			break
		}
		job.Suffixes = job.Suffixes[suffixes:]
		if job.MaxObjects > 0 {
			if job.MaxObjects -= r.Offered; job.MaxObjects == 0 {
				total.Limited = len(job.Suffixes) > 0
				break
			}
		}
	}
	return total
}

// PushSession is one session of Push and, if that failed, the check after it: the
// result has what became of each object. It tells how many of the job's suffixes it
// got to; the rest is for another session, with the verb that job has then.
func (s *Sender) PushSession(ctx context.Context, job *Job) (r *Result, suffixes int) {
	r, suffixes = s.Send(ctx, *job)
	if s.fallsBack(job, r.Err) {
		r, suffixes = s.Send(ctx, *job)
	}
	if r.Err != nil && r.Sent > 0 && ctx.Err() == nil {
		s.prove(ctx, *job, r)
	}
	return r, suffixes
}

// fallsBack turns a job that SSYNC was refused for with 405 to the verb of 2013,
// if the sender may. Nothing has been sent then. Only who wants it gets it: a
// receiver of that verb stores an object with a .meta under another time, may
// lose metadata, and proves next to nothing. A modern receiver whose
// replication_server is false answers 405 to both, and so is not taken for one.
func (s *Sender) fallsBack(job *Job, err error) bool {
	var refused *StatusError
	if !s.cfg.FallBack || job.Verb == REPLICATION || !errors.As(err, &refused) || refused.Status != 405 {
		return false
	}
	s.cfg.Log.Warn("the receiver knows no SSYNC; asking with REPLICATION, as Swift before 2.3 did", "peer", job.To, "partition", job.Partition.Number())
	job.Verb = REPLICATION
	return true
}

// partial tells an error that left something out of a session that went well.
func partial(err error) bool {
	var unreadable *store.UnreadableError
	return errors.As(err, &unreadable)
}

// add sums up; the objects of the last session are kept.
func (r *Result) add(next *Result) {
	r.Offered += next.Offered
	r.Wanted += next.Wanted
	r.Sent += next.Sent
	r.Proven += next.Proven
	r.NotSent += next.NotSent
	r.Unproven += next.Unproven
	r.Failed += next.Failed
	r.Bytes += next.Bytes
	r.Verified.Add(next.Verified)
	r.Features = next.Features
	r.Sessions += next.Sessions
	r.Ways.Add(next.Ways)
	r.Paced += next.Paced
	if next.ZeroCopy != engine.ZeroCopyUntried {
		r.ZeroCopy = next.ZeroCopy
	}
	r.Limited = r.Limited || next.Limited
	if next.Err != nil && (r.Err == nil || partial(r.Err)) {
		r.Err = next.Err
	}
	r.offers = next.offers
}

// prove makes a check-only session about what was sent unconfirmed.
func (s *Sender) prove(ctx context.Context, job Job, r *Result) {
	job.Only = make([]proto.Hash, 0, r.Sent)
	for i := range r.offers.entries {
		if e := &r.offers.entries[i]; e.outcome == Failed {
			job.Only = append(job.Only, e.hash)
		}
	}
	job.Suffixes, job.Progress = nil, nil
	check, _ := s.Send(ctx, job)
	r.Sessions++
	if check.Err != nil {
		r.Err = fmt.Errorf("%w; and what arrived could not be found out: %w", r.Err, check.Err)
		return
	}
	check.Each(func(h proto.Hash, outcome Outcome, times store.Times) {
		e := r.offers.find(h)
		switch outcome {
		case InSync:
			e.outcome = Sent
			if e.want&sentBlind != 0 {
				e.outcome = Unproven
			}
			r.offers.setTimes(e, times)
			return
		case Unproven:
			e.outcome = Unproven
			return
		}
		if err := audit(job.Partition, h); err != nil {
			s.cfg.Log.Warn("an object that was refused is damaged here", slog.String("hash", h.String()), slog.Any("error", err))
		}
	})
	r.tally()
}

var errStoredSum = errors.New("the xxhash64 stored beside its body was not the body's: replaced, since the MD5 is the ETag")

// audit reads an object against its ETag, and puts it to quarantine if it fails.
// Where it is the xxhash64 beside the body that is wrong, only that is mended.
func audit(p *store.Partition, h proto.Hash) error {
	o, err := p.Open(h)
	if errors.Is(err, store.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer o.Close()
	if o.Tombstone {
		return nil
	}
	digest, sum := md5.New(), xxhash.New()
	_, err = io.Copy(io.MultiWriter(digest, sum), io.NewSectionReader(o, 0, o.Size))
	switch {
	case ioError(err):
		return o.Quarantine(err.Error())
	case err != nil:
		return err
	case hex.EncodeToString(digest.Sum(nil)) != o.ETag():
		return o.Quarantine(errETag.Error())
	}
	if stored, ok := o.StoredSum(); ok && stored != sum.Sum64() {
		o.StoreSum(sum.Sum64())
		return errStoredSum
	}
	return nil
}

// ioError tells a disk that can't read any more.
func ioError(err error) bool { return errors.Is(err, unix.EIO) }
