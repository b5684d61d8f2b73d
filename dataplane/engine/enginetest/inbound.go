package enginetest

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// A sink that fails at its n-th write costs its own body only: the rest can be
// discarded, and the next line is the next line.
func testSinkFails(t *testing.T, e Engine) {
	for _, n := range []int64{10, 65536, mib + 1, 5*mib + 3} {
		wire := framers[3].frame(append(dialogue(n), "next\r\n"...))
		for _, l := range links {
			last := int((n + mib - 1) / mib)
			for failAt := 1; failAt <= last; failAt++ {
				if testing.Short() && 1 < failAt && failAt < last {
					continue
				}
				for _, short := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%d bytes/write %d/short %v", l.name, n, failAt, short), func(t *testing.T) {
						r := newRig(t, e, l.make)
						r.feed(wire)
						sinkFails(t, r.inbound(engine.InConfig{Chunked: true}), n, &sink{failAt: failAt, short: short})
					})
				}
			}
		}
	}
}

func sinkFails(t *testing.T, in *engine.Inbound, n int64, s *sink) {
	t.Helper()
	_, err := in.Line()
	must(t, err)
	got, err := in.Body(context.Background(), n, s, md5.New())
	if _, ok := err.(*engine.SinkError); !ok {
		t.Fatalf("got error %v, want a SinkError", err)
	}
	if s.short {
		wantErr(t, "body", err, io.ErrShortWrite)
	} else {
		wantErr(t, "body", err, errDisk)
	}
	must(t, in.Discard(n-got))
	line, err := in.Line()
	if err != nil || string(line) != "next" {
		t.Fatalf("after the body: got line %.64q, error %v, want \"next\"", line, err)
	}
}

// A body does not wait for a pool whose buffers are all out, which could be
// for ever; nor does one of less than a full set fail.
func testPoolEmpty(t *testing.T, e Engine) {
	wire := framers[3].frame(dialogue(borders()...))
	for _, l := range links {
		for taken := range 3 {
			t.Run(fmt.Sprintf("%s/%d of 2 taken", l.name, taken), func(t *testing.T) {
				r := newRigWith(t, e, l.make, buffer.Config{Count: 2})
				for range taken {
					t.Cleanup(r.pool.TryGet().Release)
				}
				r.feed(wire)
				receive(t, r.inbound(engine.InConfig{Chunked: true}), borders())
			})
		}
	}
}

// A connection that ends is not the end of the stream, wherever it happens.
func testPeerGone(t *testing.T, e Engine) {
	const n = 2*mib + 5
	wire := framers[0].frame(dialogue(n, 7))
	for _, l := range links {
		for _, kept := range []int{len(wire) - 1, len(wire) - 5, 200_000, mib + 3, 65536 + 12} {
			t.Run(fmt.Sprintf("%s/after %d of %d bytes", l.name, kept, len(wire)), func(t *testing.T) {
				r := newRig(t, e, l.make)
				r.feed(wire[:kept])
				in := r.inbound(engine.InConfig{Chunked: true})
				err := readAll(in)
				wantErr(t, "dialogue", err, io.ErrUnexpectedEOF)
				wantKind(t, err, "receive")
				_, again := in.Line()
				wantErr(t, "line after it", again, io.ErrUnexpectedEOF)
			})
		}
	}
}

// readAll takes a dialogue until something fails.
func readAll(in *engine.Inbound) error {
	for {
		line, err := in.Line()
		if err != nil {
			return err
		}
		var n int64
		if _, err := fmt.Sscan(string(line), &n); err != nil {
			return err
		}
		if _, err := in.Body(context.Background(), n, &sink{}, md5.New()); err != nil {
			return err
		}
	}
}

// A stream that ends properly, but inside a body or a line, says so.
func testEnds(t *testing.T, e Engine) {
	for _, n := range []int64{3, 65536, 65537, 3 * mib} {
		for _, cut := range []int64{n, 1} {
			t.Run(fmt.Sprintf("body of %d lacks %d", n, cut), func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				r.feed(framers[0].frame(body(n - cut)))
				in := r.inbound(engine.InConfig{Chunked: true})
				_, err := in.Body(context.Background(), n, &sink{}, md5.New())
				wantErr(t, "body", err, io.ErrUnexpectedEOF)
				_, err = in.Line()
				if n > 65536 {
					wantErr(t, "line after it", err, io.EOF)
				}
			})
		}
	}
	t.Run("discard", func(t *testing.T) {
		r := newRig(t, e, tcpPair)
		r.feed(framers[0].frame(body(100)))
		wantErr(t, "discard", r.inbound(engine.InConfig{Chunked: true}).Discard(101), io.ErrUnexpectedEOF)
	})
	t.Run("malformed chunk", func(t *testing.T) {
		r := newRig(t, e, tcpPair)
		r.feed([]byte("2\r\nok\r\nnonsense\r\n"))
		in := r.inbound(engine.InConfig{Chunked: true})
		_, err := in.Line()
		if err == nil || err == io.EOF {
			t.Fatalf("got error %v, want one about the chunk", err)
		}
		if _, again := in.Line(); again != err {
			t.Errorf("line after it: got %v, want %v", again, err)
		}
	})
}

// Lines are what lies between line ends, up to the limit.
func testLines(t *testing.T, e Engine) {
	long := strings.Repeat("x", 998)
	for _, row := range []struct {
		name    string
		payload string
		want    []string
		err     error
	}{
		{"none", "", nil, io.EOF},
		{"blank ones", "\r\n\n\r\r\n", []string{"", "", "\r"}, io.EOF},
		{"mixed ends", "a\nb\r\nc\n", []string{"a", "b", "c"}, io.EOF},
		{"unterminated", "a\r\nb", []string{"a"}, engine.ErrUnterminated},
		{"at the limit", long + "\r\nx\r\n", []string{long, "x"}, io.EOF},
		{"beyond it", "a\n" + long + "y\r\n", []string{"a"}, engine.ErrLineTooLong},
		{"endless", strings.Repeat("z", 50_000), nil, engine.ErrLineTooLong},
	} {
		for _, f := range framers {
			t.Run(row.name+"/"+f.name, func(t *testing.T) {
				r := newRig(t, e, tcpPair)
				r.feed(f.frame([]byte(row.payload)))
				in := r.inbound(engine.InConfig{Chunked: true, TextBytes: 1000})
				for _, want := range row.want {
					line, err := in.Line()
					if err != nil || string(line) != want {
						t.Fatalf("got line %.64q, error %v, want %.64q", line, err, want)
					}
				}
				line, err := in.Line()
				wantErr(t, "after them", err, row.err)
				if row.err == engine.ErrUnterminated && string(line) != "b" {
					t.Errorf("unterminated line is %.64q, want \"b\"", line)
				}
			})
		}
	}
}

// Drain reads to the end of the stream and not beyond; what follows is Rest.
func testDrain(t *testing.T, e Engine) {
	payload := body(200_000)
	for _, row := range []struct {
		name string
		wire []byte
		cfg  engine.InConfig
	}{
		{"chunked", framers[0].frame(payload), engine.InConfig{Chunked: true}},
		{"length", payload, engine.InConfig{Length: int64(len(payload))}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, e, tcpPair)
			cfg := row.cfg
			cfg.Ahead = append(row.wire, "GET /next"...)
			in := r.inbound(cfg)
			must(t, in.Discard(7))
			must(t, in.Drain(int64(len(payload)-7)))
			if got := string(in.Rest()); got != "GET /next" {
				t.Errorf("rest is %.64q, want the next request", got)
			}
			in.Close()
			in.Close()
			_, err := in.Line()
			wantErr(t, "line after close", err, engine.ErrClosed)
		})
		t.Run(row.name+"/too much", func(t *testing.T) {
			r := newRig(t, e, tcpPair)
			r.feed(row.wire)
			wantErr(t, "drain", r.inbound(row.cfg).Drain(int64(len(payload)-1)), engine.ErrMoreLeft)
		})
	}
}
