package ssync

import (
	"sync"

	"github.com/ringsync/ringsync/proto"
)

// early says what is wanted while offers still come, where both ends have agreed on
// results. It owns the Outbound until it is halted; the answer goes on behind what
// it has said. Whoever reads the offers never waits for it, so that the sender can
// always write; and he takes lines between his offers. A nil early says nothing.
type early struct {
	s    *reception
	done chan struct{}

	mu      sync.Mutex
	waiting *sync.Cond
	queue   []*batch // in the order of the offers, not said yet
	halted  bool

	said int // wanted lines
	err  error
}

func (s *reception) startEarly() *early {
	if !s.features.Has(proto.FeatureResults) {
		return nil
	}
	e := &early{s: s, done: make(chan struct{})}
	e.waiting = sync.NewCond(&e.mu)
	go e.run()
	return e
}

// add queues a batch that is being compared.
func (e *early) add(b *batch) {
	if e == nil {
		return
	}
	e.mu.Lock()
	e.queue = append(e.queue, b)
	e.mu.Unlock()
	e.waiting.Signal()
}

// compared tells it that it may say what is wanted of a batch.
func (e *early) compared(b *batch) {
	if e != nil {
		e.mu.Lock()
		b.compared = true
		e.mu.Unlock()
		e.waiting.Signal()
	}
}

// halt ends it, when the line in hand is written, and tells how many wanted lines
// were said.
func (e *early) halt() (said int, err error) {
	if e == nil {
		return 0, nil
	}
	e.mu.Lock()
	e.halted = true
	e.mu.Unlock()
	e.waiting.Signal()
	<-e.done
	return e.said, e.err
}

func (e *early) run() {
	defer close(e.done)
	if e.err = e.s.out.Text([]byte(proto.MissingCheckStart + "\r\n")); e.err != nil {
		return
	}
	for e.err == nil {
		b := e.next(false)
		if b == nil { // the lines so far may go while there is nothing to say
			if e.err = e.s.out.Flush(); e.err != nil {
				return
			}
			b = e.next(true)
		}
		if b == nil {
			return
		}
		e.err = e.s.say(b.wanted)
		e.said += len(b.wanted)
	}
}

// next takes the next batch, if it has been compared, or waits for that; nil where
// there is none, or shall be no more.
func (e *early) next(wait bool) *batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	for wait && !e.halted && (len(e.queue) == 0 || !e.queue[0].compared) {
		e.waiting.Wait()
	}
	if e.halted || len(e.queue) == 0 || !e.queue[0].compared {
		return nil
	}
	b := e.queue[0]
	e.queue = e.queue[1:]
	return b
}
