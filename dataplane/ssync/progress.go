package ssync

import "sync/atomic"

// Progress counts what has been done so far, for who watches. A nil Progress
// counts nothing.
type Progress struct {
	Offered, Wanted, Sent, LeftOut, Bytes, Partitions atomic.Int64
}

func (p *Progress) offered() {
	if p != nil {
		p.Offered.Add(1)
	}
}

func (p *Progress) wanted() {
	if p != nil {
		p.Wanted.Add(1)
	}
}

func (p *Progress) sent() {
	if p != nil {
		p.Sent.Add(1)
	}
}

func (p *Progress) leftOut() {
	if p != nil {
		p.LeftOut.Add(1)
	}
}

func (p *Progress) bytes(n int64) {
	if p != nil {
		p.Bytes.Add(n)
	}
}
