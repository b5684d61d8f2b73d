package engine

import "sync/atomic"

const (
	// defaultZeroCopyFrom is a rule of thumb. The kernel's own for MSG_ZEROCOPY is 10
	// KB, without registered buffers; below some pages a copy is cheaper than a
	// notification in any case. On a loopback nothing can be measured: it copies.
	defaultZeroCopyFrom = 64 << 10
	// mostNotices of sends may be awaited on one ring; beyond them the kernel copies.
	// A ring has 64 places at the least, of which reads and the socket want few.
	mostNotices = 32
)

// ZeroCopy is what a connection has found out about sends without a copy.
type ZeroCopy uint32

// The states of a connection. It begins as untried; the first report decides, and
// later ones may still take it back.
const (
	ZeroCopyUntried ZeroCopy = iota // nothing large enough was sent by a ring, or the engine does not try
	ZeroCopyTrying                  // one was sent, and its report has not come
	ZeroCopyKept                    // the kernel does not copy
	ZeroCopyCopied                  // the kernel copies after all: sends are plain ones again
	ZeroCopyRefused                 // the kernel refuses such a send: the same
)

func (z ZeroCopy) String() string {
	return [...]string{"untried", "trying", "kept", "copied", "refused"}[z]
}

// zeroCopy is a connection's state. It changes on a lane's thread, also after the
// body of the lane has been sent.
type zeroCopy struct{ state atomic.Uint32 }

func (z *zeroCopy) now() ZeroCopy { return ZeroCopy(z.state.Load()) }

// begin tells whether the next send may be without a copy. Of the first only one is
// out until its report has come.
func (z *zeroCopy) begin() bool {
	return z.now() == ZeroCopyKept || z.state.CompareAndSwap(uint32(ZeroCopyUntried), uint32(ZeroCopyTrying))
}

// never ends it for the connection: the kernel copied, or refused.
func (z *zeroCopy) never(why ZeroCopy, e *Engine) {
	if was := ZeroCopy(z.state.Swap(uint32(why))); was < ZeroCopyCopied {
		e.verdicts[why].Add(1)
	}
}

// untried takes a try back of which nothing was sent.
func (z *zeroCopy) untried() {
	z.state.CompareAndSwap(uint32(ZeroCopyTrying), uint32(ZeroCopyUntried))
}

// reported decides by the usage report of a send.
func (z *zeroCopy) reported(copied bool, e *Engine) {
	if copied {
		z.never(ZeroCopyCopied, e)
	} else if z.state.CompareAndSwap(uint32(ZeroCopyTrying), uint32(ZeroCopyKept)) {
		e.verdicts[ZeroCopyKept].Add(1)
	}
}

// ZeroCopy is what the connection has found out so far.
func (o *Outbound) ZeroCopy() ZeroCopy { return o.zero.now() }
