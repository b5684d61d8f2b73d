package enginetest

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// counting is a pacer that grants what it likes, and counts.
type counting struct {
	grants  []int64 // in turn, and again
	next    int
	granted atomic.Int64
}

func (c *counting) Pace(n int64, _ <-chan struct{}) (granted int64, waited time.Duration) {
	granted = min(n, c.grants[c.next%len(c.grants)])
	c.next++
	c.granted.Add(granted)
	return granted, time.Duration(granted) // a nanosecond a byte: never slow
}

// Whatever a pacer grants at a time, the same bytes arrive, and he was asked for all
// of them: for what is sent at least the payload and at most what is on the wire, for
// what is received just what came.
func testPaced(t *testing.T, e Engine) {
	all := []int64{3*mib + 77, 100, mib - 1000, 0, 70_000, 65536}
	for name, grants := range map[string][]int64{
		"all": {1 << 40}, "a MiB and a bit": {mib + 5}, "64 KiB": {65536}, "any": {1, 5 * mib, 3, 2*mib + 1, 999}, "less and less": {3 * mib, 2 * mib, mib, mib / 2, 1000},
	} {
		if testing.Short() && name != "any" && name != "less and less" {
			continue
		}
		for _, how := range []struct{ sums, digest, cold bool }{{false, false, false}, {false, true, true}, {true, false, true}, {true, false, false}} {
			if how.sums && name != "any" && name != "all" {
				continue // what sums add is the same for all
			}
			t.Run(fmt.Sprintf("%s/sums %v/digest %v/cold %v", name, how.sums, how.digest, how.cold), func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				sends, receives := &counting{grants: grants}, &counting{grants: grants}
				out := r.outbound(r.far, engine.OutConfig{Sums: how.sums, Pacer: sends})
				var files []*diskFile
				for _, n := range all {
					files = append(files, newDiskFile(t, padded(make([]byte, before), body(n))))
					if how.cold {
						must(t, forget(files[len(files)-1].File))
					}
				}
				r.peer(func(net.Conn) error { return sendFiles(out, files, all, how.digest) })
				in := r.inbound(engine.InConfig{Chunked: true, Sums: how.sums, Pacer: receives})
				receive(t, in, all)
				payload := int64(len(dialogue(all...)))
				if got := sends.granted.Load(); got < payload || got > out.Sent() {
					t.Errorf("%d bytes were granted of %d on the wire, %d of payload", got, out.Sent(), payload)
				}
				if got := receives.granted.Load(); got != in.Received() {
					t.Errorf("%d bytes were granted of %d received", got, in.Received())
				}
				if out.Paced() != time.Duration(sends.granted.Load()) || in.Paced() != time.Duration(receives.granted.Load()) {
					t.Errorf("waited %v and %v", out.Paced(), in.Paced())
				}
			})
		}
	}
}

// sendFiles plays a dialogue from files.
func sendFiles(out *engine.Outbound, files []*diskFile, sizes []int64, summed bool) error {
	for i, n := range sizes {
		if err := out.Text(fmt.Appendf(nil, "%d\r\n", n)); err != nil {
			return err
		}
		var digest hash.Hash
		if summed {
			digest = md5.New()
		}
		sent, err := out.Body(files[i], before, n, digest)
		if err != nil || sent != n {
			return fmt.Errorf("body of %d: sent %d, error %w", n, sent, err)
		}
		if summed && fmt.Sprintf("%x", digest.Sum(nil)) != md5hex(body(n)) {
			return fmt.Errorf("body of %d: wrong md5", n)
		}
	}
	return out.End()
}

// stuck is a pacer that lets so many bytes pass, and then waits to be stopped.
type stuck struct {
	after int64
	begun chan struct{} // closed when it waits
}

func (s *stuck) Pace(n int64, stop <-chan struct{}) (granted int64, waited time.Duration) {
	if s.after <= 0 {
		close(s.begun)
		<-stop
		return n, 0
	}
	granted = min(n, s.after)
	s.after -= granted
	return granted, 0
}

// While a stream waits for its pacer in the middle of a body it has no lane and no
// more than its own buffer, and an interrupt, or the end of a context, ends it.
func testPacedWaits(t *testing.T, e Engine) {
	t.Run("out", func(t *testing.T) {
		r := newRig(t, e, tcpPair)
		r.peer(func(far net.Conn) error { _, err := io.Copy(io.Discard, far); return err })
		p := &stuck{after: 3 * mib, begun: make(chan struct{})}
		out := r.outbound(r.near, engine.OutConfig{Pacer: p})
		src := newDiskFile(t, body(5*mib))
		must(t, forget(src.File))
		failed := make(chan error, 1)
		go func() {
			_, err := out.Body(src, 0, 5*mib, md5.New())
			failed <- err
		}()
		<-p.begun
		// What went without a copy is the kernel's until the peer has it.
		for patience := time.Now().Add(10 * time.Second); r.pool.InUse() > 1 && time.Now().Before(patience); {
			time.Sleep(time.Millisecond)
		}
		if n := r.pool.InUse(); n != 1 {
			t.Errorf("%d buffers are in use while the pacer waits", n)
		}
		out.Interrupt()
		wantErr(t, "body", <-failed, engine.ErrInterrupted)
	})
	t.Run("in", func(t *testing.T) {
		r := newRig(t, e, tcpPair)
		r.feed(framers[1].frame(body(4 * mib)))
		ctx, cancel := context.WithCancelCause(context.Background())
		p := &stuck{after: 2 * mib, begun: make(chan struct{})}
		in := r.inboundWith(ctx, engine.InConfig{Chunked: true, Pacer: p})
		go func() {
			<-p.begun
			cancel(errStop)
		}()
		got, err := in.Body(context.Background(), 4*mib, &sink{}, nil)
		if !errors.Is(err, errStop) || got < mib {
			t.Errorf("%d bytes, error %v", got, err)
		}
	})
}
