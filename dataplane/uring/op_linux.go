package uring

import (
	"math"

	"github.com/ringsync/ringsync/dataplane/buffer"
)

const (
	// slotBytes hold what one operation needs besides its buffers: a path, which
	// is 4096 bytes at most, or a message header and its parts.
	slotBytes = 4096
	// mostSpans are the parts of one message.
	mostSpans = 8
)

// User data that is no slot.
const (
	wakeData   = math.MaxUint64
	ignoreData = math.MaxUint64 - 1 // of a cancel, whose target tells what came of it
)

// Span is the bytes [From, To) of a buffer.
type Span struct {
	Buffer   *buffer.Buffer
	From, To int
}

// Bytes is what the span covers, as Go sees it.
func (s Span) Bytes() []byte { return s.Buffer.Bytes()[s.From:s.To] }

// Len is the number of bytes.
func (s Span) Len() int { return s.To - s.From }

// op is an operation in flight.
type op struct {
	tag   uint64
	lent  [mostSpans]*buffer.Buffer
	spans int
	fills bool // the kernel writes to them
	busy  bool
}

func (o *op) lend(s Span, fills bool) {
	s.Buffer.Lend(fills)
	o.lent[o.spans] = s.Buffer
	o.spans++
	o.fills = fills
}

// end gives the buffers back.
func (o *op) end() {
	for k := range o.spans {
		o.lent[k].TakeBack(o.fills)
	}
	*o = op{}
}

// push is queues.push, entering the kernel first if the queue is full.
func (r *Ring) push() (*sqe, error) {
	if e := r.queues.push(); e != nil {
		return e, nil
	}
	if err := r.Submit(); err != nil {
		return nil, err
	}
	if e := r.queues.push(); e != nil {
		return e, nil
	}
	return nil, ErrFull
}

// begin takes a slot and an SQE for an operation.
func (r *Ring) begin(tag uint64) (*sqe, *op, uint32, error) {
	if len(r.free) == 0 {
		return nil, nil, 0, ErrFull
	}
	e, err := r.push()
	if err != nil {
		return nil, nil, 0, err
	}
	slot := r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	r.inFlight++
	o := &r.ops[slot]
	*o = op{tag: tag, busy: true}
	r.last = e
	return e, o, slot, nil
}

// slotMemory is what belongs to a slot of the ring's own memory.
func (r *Ring) slotMemory(slot int) []byte {
	return r.scratch[slot*slotBytes : (slot+1)*slotBytes : (slot+1)*slotBytes]
}
