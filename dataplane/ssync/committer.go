package ssync

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// committer publishes the files of one session in groups, beside the arrival of
// the next ones. While a group commits, the next one gathers: so groups are as
// large as the disk makes them, up to GroupSize. Two changes of one hash keep
// their order, by never being in one group.
type committer struct {
	s       *reception
	ctx     context.Context
	pending chan *pending
	done    chan struct{}

	mu       sync.Mutex
	idle     *sync.Cond         // something left flight
	flight   map[proto.Hash]int // queued or committing
	ok, bad  int
	verified Verified // of those that are ok
}

// pending is a subrequest on its way to the disk. A PUT comes with a writer that
// its body is landing in; POST and DELETE, which depend on what their forerunners
// leave behind, get theirs when their turn comes.
type pending struct {
	sub    *subrequest
	writer *store.Writer
	body   *body // of a PUT
}

func newCommitter(ctx context.Context, s *reception) *committer {
	c := &committer{
		s: s,
		// What has arrived in full is published, also when the session is cut.
		ctx:     context.WithoutCancel(ctx),
		pending: make(chan *pending, s.cfg.GroupSize),
		done:    make(chan struct{}),
		flight:  map[proto.Hash]int{},
	}
	c.idle = sync.NewCond(&c.mu)
	go c.run()
	return c
}

// queue takes a change into flight, waiting while too many are.
func (c *committer) queue(p *pending) {
	c.mu.Lock()
	c.flight[p.sub.hash]++
	c.mu.Unlock()
	c.pending <- p
}

// await waits until no change of h is in flight any more.
func (c *committer) await(h proto.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.flight[h] > 0 {
		c.idle.Wait()
	}
}

// drain waits until nothing is in flight.
func (c *committer) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.flight) > 0 {
		c.idle.Wait()
	}
}

// finish ends the intake; done is closed when the last commit has ended.
func (c *committer) finish() (done <-chan struct{}) {
	close(c.pending)
	return c.done
}

func (c *committer) run() {
	defer close(c.done)
	var later []*pending
	for {
		group, rest, open := c.gather(later)
		if len(group) == 0 && !open {
			return
		}
		c.commit(group)
		later = rest
	}
}

// gather makes up the next group: what had to wait, then what is there. It blocks
// only while there is nothing at all.
func (c *committer) gather(later []*pending) (group, rest []*pending, open bool) {
	taken := map[proto.Hash]bool{}
	take := func(p *pending) {
		if taken[p.sub.hash] {
			rest = append(rest, p)
			return
		}
		taken[p.sub.hash] = true
		group = append(group, p)
	}
	for _, p := range later {
		take(p)
	}
	for len(group) < c.s.cfg.GroupSize && len(rest) < c.s.cfg.GroupSize {
		if len(group) == 0 {
			p, more := <-c.pending
			if !more {
				return group, rest, false
			}
			take(p)
			continue
		}
		select {
		case p, more := <-c.pending:
			if !more {
				return group, rest, false
			}
			take(p)
		default:
			return group, rest, true
		}
	}
	return group, rest, true
}

// commit publishes a group and settles each of its changes.
func (c *committer) commit(group []*pending) {
	c.prepare(group)
	var files []*store.Writer
	var changes []*pending
	for _, p := range group {
		if p.writer != nil {
			files, changes = append(files, p.writer), append(changes, p)
		}
	}
	if len(files) > 0 {
		for i, err := range c.s.partition.Commit(c.ctx, files) {
			c.settle(changes[i].sub, err)
		}
	}
	c.land(group)
}

// prepare makes the files of the group ready to be published. A change that comes
// to nothing, or that failed, is settled at once.
func (c *committer) prepare(group []*pending) {
	for _, p := range group {
		var err error
		sub := p.sub
		switch sub.method {
		case "PUT":
			if err = p.body.seal(p.writer, sub); err != nil {
				p.writer.Abort()
				p.writer = nil
			}
		case "DELETE":
			p.writer, err = c.s.partition.Delete(sub.hash, sub.name, sub.ts)
		default:
			p.writer, err = c.s.partition.Post(sub.hash, sub.name, sub.ts, sub.md)
		}
		if p.writer == nil {
			c.settle(sub, err)
		}
	}
}

// land takes a group out of flight.
func (c *committer) land(group []*pending) {
	c.mu.Lock()
	for _, p := range group {
		if c.flight[p.sub.hash]--; c.flight[p.sub.hash] == 0 {
			delete(c.flight, p.sub.hash)
		}
	}
	c.mu.Unlock()
	c.idle.Broadcast()
}

// settle counts what came of a subrequest, and names a failure in the log.
func (c *committer) settle(sub *subrequest, err error) {
	c.s.progress.Add(1)
	err = verdict(sub, err)
	c.mu.Lock()
	if err == nil {
		c.ok++
		c.verified.count(sub.way)
	} else {
		c.bad++
	}
	c.mu.Unlock()
	if err != nil {
		c.s.log.LogAttrs(c.ctx, slog.LevelWarn, "subrequest failed",
			slog.String("subrequest", sub.String()), slog.String("hash", sub.hash.String()),
			slog.String("reason", string(ReasonOf(err, ReasonOther))), slog.Any("error", err))
	}
	c.s.settled(sub, err)
}

func (c *committer) counts() (ok, failed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ok, c.bad
}

// verdict is what a session makes of a subrequest's end. As in Swift, nothing
// to be deleted is success. Two things differ: what is here already, as new or
// newer, is a success too, since it is all that the sender wants to know, unless
// two bodies claim one time; and a POST that finds no object has not been
// stored, so it failed, unless a tombstone as new explains it.
func verdict(sub *subrequest, err error) error {
	var conflict *store.ConflictError
	var deleted *store.DeletedError
	switch {
	case errors.As(err, &conflict):
		return conflictVerdict(sub, conflict)
	case errors.As(err, &deleted):
		if !deleted.Timestamp.Before(sub.ts) {
			return nil
		}
		return refuse(404, "%v, before this", deleted)
	case errors.Is(err, store.ErrNotExist) && sub.method == "POST":
		return refuse(404, "no object to post to")
	case errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
		return refuse(507, "%v", err)
	}
	return err
}

func conflictVerdict(sub *subrequest, conflict *store.ConflictError) error {
	twoBodies := sub.method == "PUT" && !conflict.Tombstone && conflict.Existing == sub.ts && conflict.ETag != sub.etag
	if twoBodies {
		return refuse(409, "another body stands here under the same time: ETag %.64q, not %.64q", conflict.ETag, sub.etag)
	}
	return nil
}
