package buffer

import "github.com/valyala/bytebufferpool"

// Text is ordinary memory for lines and heads, with one owner.
type Text struct {
	pool *Pool
	buf  *bytebufferpool.ByteBuffer
}

// Text hands out a text buffer of exactly n bytes, contents undefined. There
// is no ceiling: a connection has one, and connections are bounded elsewhere.
func (p *Pool) Text(n int) Text {
	buf := p.text.Get()
	if cap(buf.B) < n {
		buf.B = make([]byte, n)
	}
	buf.B = buf.B[:n]
	p.countTexts(+1)
	return Text{pool: p, buf: buf}
}

// Bytes is the text buffer's memory. It must not be used after Release.
func (t Text) Bytes() []byte { return t.buf.B }

// Release gives the memory back; t and its copies must not be used again.
func (t Text) Release() {
	if invariants {
		scramble(t.buf.B)
	}
	t.pool.text.Put(t.buf)
	t.pool.countTexts(-1)
}

func (p *Pool) countTexts(by int) {
	p.mu.Lock()
	p.texts += by
	p.mu.Unlock()
}
