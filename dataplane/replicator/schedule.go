package replicator

import (
	"context"
	"sync/atomic"
	"time"
)

// Jobs are done side by side: Concurrency of them, and of those on one of our
// devices no more than its share. So a slow disk can't take all the places, as long
// as there are as many as disks. And whoever shows no progress for lendAfter gives
// his place to another, though not his device's: a disk or a peer that hangs stops
// nobody else. When nothing but such jobs is left the pass waits for them, until
// one shows no progress for leaveAfter; that is left behind, and its device alone.
const (
	tickEvery    = time.Second
	lendAfter    = time.Minute
	leaveAfter   = 30 * time.Minute // lockup_timeout, as it once was
	collectGrace = time.Minute
)

// task is a job in hand.
type task struct {
	job    *job
	steps  atomic.Int64 // counts up as it gets on
	seen   int64        // what it had done
	seenAt time.Time    // when that was found to have changed
	lent   bool         // its place is somebody else's
}

// moved tells how far a task is, in steps and in what is sent.
func (t *task) moved() int64 {
	p := t.job.progress
	return t.steps.Load() + p.Offered.Load() + p.Wanted.Load() + p.Sent.Load() + p.Bytes.Load()
}

// queue hands out jobs, device by device.
type queue struct {
	places, perDevice int
	devices           []string // in turn
	waiting           map[string][]*job
	inHand            map[string]int
	working           int // tasks that hold a place
	tasks             map[*task]struct{}
}

func newQueue(jobs []*job, places, perDevice int) *queue {
	q := &queue{places: places, waiting: map[string][]*job{}, inHand: map[string]int{}, tasks: map[*task]struct{}{}}
	for _, j := range jobs {
		if q.waiting[j.device] == nil {
			q.devices = append(q.devices, j.device)
		}
		q.waiting[j.device] = append(q.waiting[j.device], j)
	}
	q.allow(places, perDevice)
	return q
}

// allow says how many jobs may be in hand; those that are stay.
func (q *queue) allow(places, perDevice int) {
	q.places = places
	share := (places + len(q.devices) - 1) / max(1, len(q.devices))
	if q.perDevice = share; perDevice > 0 {
		q.perDevice = perDevice
	}
}

// next takes a job for which there is room; nil if there is none. A device whose
// turn it was is the last one then.
func (q *queue) next() *job {
	if q.working >= q.places {
		return nil
	}
	for i, device := range q.devices {
		if list := q.waiting[device]; len(list) > 0 && q.inHand[device] < q.perDevice {
			q.waiting[device] = list[1:]
			q.devices = append(append(q.devices[:i:i], q.devices[i+1:]...), device)
			return list[0]
		}
	}
	return nil
}

func (q *queue) begin(j *job, now time.Time) *task {
	t := &task{job: j, seenAt: now}
	q.tasks[t] = struct{}{}
	q.inHand[j.device]++
	q.working++
	return t
}

func (q *queue) end(t *task) {
	delete(q.tasks, t)
	q.inHand[t.job.device]--
	if !t.lent {
		q.working--
	}
}

// clear forgets the jobs that have not begun.
func (q *queue) clear() { clear(q.waiting) }

// look finds tasks that do not get on, lends their places, and tells whether none
// of those in hand is worth waiting for.
func (q *queue) look(now time.Time, lend, leave time.Duration) (hopeless bool) {
	hopeless = len(q.tasks) > 0
	for t := range q.tasks {
		if moved := t.moved(); moved != t.seen {
			t.seen, t.seenAt = moved, now
		}
		still := now.Sub(t.seenAt)
		if still >= lend && !t.lent {
			t.lent = true
			q.working--
		}
		if still < leave {
			hopeless = false
		}
	}
	return hopeless
}

// work does jobs until all have ended, or the pass has: by the end of ctx, or a
// ring that has changed. It returns those that are worth another try.
func (p *pass) work(ctx context.Context, jobs []*job) (again []*job) {
	q := newQueue(jobs, 0, 0)
	ended := make(chan *task, len(jobs)) // who comes late finds room
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		now, _ := p.bounds.get() // other ones count from the next tick on
		q.allow(now.Concurrency, now.PerDevice)
		p.startMore(ctx, q, ended)
		if len(q.tasks) == 0 {
			return again
		}
		select {
		case t := <-ended:
			q.end(t)
			p.finished(t.job)
			if t.job.again {
				again = append(again, t.job)
			}
		case <-tick.C:
			if q.look(time.Now(), lendAfter, leaveAfter) {
				p.leaveBehind(q)
				return again
			}
		case <-ctx.Done():
			p.drain(q, ended)
			return nil
		}
	}
}

func (p *pass) startMore(ctx context.Context, q *queue, ended chan<- *task) {
	for {
		if ctx.Err() != nil || p.ringChanged() {
			q.clear()
			p.board.cleared()
			return
		}
		j := q.next()
		if j == nil {
			p.board.queued(q)
			return
		}
		t := q.begin(j, time.Now())
		p.behind.spawn(j.device, func() { p.do(ctx, j, &t.steps) }, func() { ended <- t })
	}
}

// drain waits for tasks that have been cut.
func (p *pass) drain(q *queue, ended <-chan *task) {
	patience := p.after(closeGrace)
	for len(q.tasks) > 0 {
		select {
		case t := <-ended:
			q.end(t)
		case <-patience:
			p.leaveBehind(q)
			return
		}
	}
}

// leaveBehind gives tasks up that do not end.
func (p *pass) leaveBehind(q *queue) {
	for t := range q.tasks {
		p.cfg.Log.Error("left behind: no progress, does its disk hang?", "device", t.job.device, "policy", t.job.policy.Index, "partition", t.job.partition, "reason", "hangs")
		p.unfinished[t.job.device] = true
		t.job.behind.Store(true)
	}
	q.clear()
}
