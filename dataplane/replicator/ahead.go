package replicator

import (
	"context"
	"time"

	"github.com/ringsync/ringsync/hashes/ring"
)

// aheadFor is how long a question keeps a place at a peer while nobody waits for its
// answer. To read the digests here takes a millisecond; to hash what has changed may
// take minutes, and a disk that hangs takes for ever.
const aheadFor = time.Second

// ahead is a question for digests that was put to a peer before his turn came, and
// the place at him that it takes. He finds them out while we do the same here: where
// nothing has changed that is all there is to do.
type ahead struct {
	line *line
	out  func() // leaves the place
	late *time.Timer
}

// questions are those that have been put, by whom they were put to.
type questions map[*ring.Device]*ahead

// askAhead asks those peers of a partition who can be asked without waiting: a place is
// free, and a connection was kept. It passes over those in another region, of whom
// the first to be pushed to will tell the others.
func (v *visit) askAhead(peers []*ring.Device) questions {
	list := make(questions, len(peers))
	for _, n := range peers {
		if n.Region == v.job.local.Region {
			if a := v.askOneAhead(n); a != nil {
				list[n] = a
			}
		}
	}
	return list
}

func (v *visit) askOneAhead(to *ring.Device) *ahead {
	request, err := question(to, v.job.policy, v.job.partition)
	if err != nil || !v.peers.tryEnter(to) {
		return nil
	}
	l := v.asker.ahead(to.ReplicationAddress(), request)
	if l == nil {
		v.peers.goOut(peerName(to))
		return nil
	}
	return newAhead(l, func() { v.peers.goOut(peerName(to)) }, aheadFor)
}

func newAhead(l *line, out func(), patience time.Duration) *ahead {
	a := &ahead{line: l, out: out}
	a.late = time.AfterFunc(patience, a.giveUp)
	return a
}

// take tells whether the question still stands: then it and its place are the
// caller's. nil does not.
func (a *ahead) take() bool { return a != nil && a.late.Stop() }

// turnTo begins with a peer: with the question that has been put to him, or when there
// is a place.
func (v *visit) turnTo(ctx context.Context, node *ring.Device, a *ahead) (asked *line, leave func(error), err error) {
	if a.take() {
		v.at(PhaseAsking, node)
		return a.line, v.peers.leaver(node), nil
	}
	leave, err = v.enter(ctx, node)
	return nil, leave, err
}

func (a *ahead) giveUp() {
	a.line.conn.Close()
	a.out()
}

// giveUp gives up what nobody has taken.
func (list questions) giveUp() {
	for _, a := range list {
		if a.take() {
			a.giveUp()
		}
	}
}
