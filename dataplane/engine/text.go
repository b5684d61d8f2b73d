package engine

import "github.com/ringsync/ringsync/dataplane/buffer"

// text is the buffer in which a stream is taken apart in place:
//
//	┌──────┬───────────────┬─────┬──────────────┬─────────┐
//	│ gone │ plain payload │ gap │ raw, framed  │  space  │
//	└──────┴───────────────┴─────┴──────────────┴─────────┘
//	0      r               p     q              w
//
// Raw bytes come in at w. Decoding takes them off at q and puts their payload
// at p, which is a copy only when there is payload before it: a run that
// arrives in an empty buffer stays where it is.
type text struct {
	lease      buffer.Text
	buf        []byte
	r, p, q, w int
	scanned    int // plain bytes known to hold no line end
	held       int // the last bytes of the plain part, which nobody may read yet but as a body's
}

func newText(pool *buffer.Pool, size int) text {
	lease := pool.Text(size)
	return text{lease: lease, buf: lease.Bytes()}
}

// release gives the memory back and leaves an empty buffer.
func (t *text) release() {
	t.lease.Release()
	*t = text{}
}

func (t *text) plain() []byte { return t.buf[t.r : t.p-t.held] }
func (t *text) all() []byte   { return t.buf[t.r:t.p] }
func (t *text) raw() []byte   { return t.buf[t.q:t.w] }

// put adds bytes as if they had been read.
func (t *text) put(p []byte) { t.read(copy(t.space(), p)) }

// read counts n raw bytes that were put into the space.
func (t *text) read(n int) { t.w += n }

// space returns the room for a read. It moves what is in the way when too
// little is left at the end, and so invalidates what plain returned.
func (t *text) space() []byte {
	if t.q == t.w {
		t.q, t.w = t.p, t.p
	}
	if t.r == t.p && t.q == t.w {
		t.r, t.p, t.q, t.w = 0, 0, 0, 0
	}
	if len(t.buf)-t.w < textSlack {
		t.p = copy(t.buf, t.all())
		t.w = t.p + copy(t.buf[t.p:], t.raw())
		t.r, t.q = 0, t.p
	}
	return t.buf[t.w:]
}

// decoded takes n raw bytes off and adds the payload found in them.
func (t *text) decoded(data []byte, n int) {
	next := t.q + n
	if len(data) > 0 {
		if t.r == t.p {
			t.settle(next-len(data), data)
		}
		t.p += copy(t.buf[t.p:next], data)
	}
	t.q = next
}

// settle lets the plain part, which is empty, begin at `at` if that is where
// data lies already, so that copying it there is no work.
func (t *text) settle(at int, data []byte) {
	if &t.buf[at] == &data[0] {
		t.r, t.p = at, at
	}
}

// consume takes n bytes off the plain part.
func (t *text) consume(n int) {
	t.r += n
	t.held = min(t.held, t.p-t.r)
	t.scanned = max(0, t.scanned-n)
}

// reserve makes the buffer hold n bytes. It invalidates what plain returned. There
// must be no raw bytes.
func (t *text) reserve(pool *buffer.Pool, n int) {
	if len(t.buf) >= n {
		return
	}
	larger := pool.Text(n)
	t.p = copy(larger.Bytes(), t.all())
	t.lease.Release()
	t.lease, t.buf = larger, larger.Bytes()
	t.r, t.q, t.w = 0, t.p, t.p
}
