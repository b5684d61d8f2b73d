package enginetest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// With sums on both ends lines and bodies are what was sent, whichever way a body
// takes, warm and cold, with a digest and without; an announcement comes with the
// body that it was made for, and with no other.
func testSums(t *testing.T, e Engine) {
	bodies := append([]int64{2 * mib, 100, 70_000, 4*mib + 4095, 3, mib}, borders()...)
	for _, chunk := range []int{0, 65536, 40_000} {
		for _, cold := range []bool{false, true} {
			t.Run(fmt.Sprintf("chunks of %d/cold %v", chunk, cold), func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				out := r.outbound(r.far, engine.OutConfig{ChunkBytes: chunk, Sums: true})
				var files []*diskFile
				for _, n := range bodies {
					d := newDiskFile(t, body(n))
					if cold {
						must(t, forget(d.File))
					}
					files = append(files, d)
				}
				r.peer(func(net.Conn) error { return sendSummed(out, files, bodies) })
				in := r.inbound(engine.InConfig{Chunked: true, Sums: true})
				for _, n := range bodies {
					receiveSummed(t, in, n)
				}
			})
		}
	}
}

// announced tells whether a body of n bytes is.
func announced(n int64) bool { return n > 65536 && n%2 == 0 }

func sendSummed(out *engine.Outbound, files []*diskFile, sizes []int64) error {
	for k, n := range sizes {
		if err := out.Text(strconv.AppendInt(nil, n, 10)); err != nil {
			return err
		}
		if err := out.Text([]byte("\r\n")); err != nil {
			return err
		}
		if announced(n) && !out.Announce(uint64(n)) {
			return fmt.Errorf("a body of %d was not announced", n)
		}
		if _, err := out.Body(files[k], 0, n, nil); err != nil {
			return err
		}
	}
	return out.End()
}

func receiveSummed(t testing.TB, in *engine.Inbound, n int64) {
	t.Helper()
	line, err := in.Line()
	if err != nil || string(line) != strconv.FormatInt(n, 10) {
		t.Fatalf("before the body of %d: got line %.64q, error %v", n, line, err)
	}
	if sum, ok := in.Announced(); ok != announced(n) || ok && sum != uint64(n) {
		t.Errorf("the body of %d was announced: %v, %d", n, ok, sum)
	}
	d := newDirectFile(t)
	got, err := in.Body(context.Background(), n, d, nil)
	if err != nil || got != n {
		t.Fatalf("body of %d: got %d, error %v", n, got, err)
	}
	wantBytes(t, d.bytes(), body(n))
}
