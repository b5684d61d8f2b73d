package enginetest

import (
	"context"
	"crypto/md5"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/engine"
)

// Buffered is true exactly when Line need not read: framing that lies in the
// buffer is not a line.
func testBuffered(t *testing.T, e Engine) {
	for _, row := range []struct {
		name  string
		ahead string
		want  bool
	}{
		{"nothing", "", false},
		{"a line", "3\r\na\r\n\r\n", true},
		{"half a line", "1\r\na\r\n", false},
		{"a line over chunks", "1\r\na\r\n1\r\n\n\r\n", true},
		{"framing only", "10\r\n", false},
		{"the end", "0\r\n\r\n", true},
		{"half the end", "0\r\n", false},
		{"malformed", "x", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, e, tcpPair)
			in := r.inbound(engine.InConfig{Chunked: true, Ahead: []byte(row.ahead)})
			if got := in.Buffered(); got != row.want {
				t.Fatalf("buffered is %v, want %v", got, row.want)
			}
			if !row.want {
				return
			}
			in.SetTimeout(time.Nanosecond)
			if _, err := in.Line(); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("buffered, yet the line had to be read")
			}
		})
	}
}

// A peer that is slow may be waited for again; nothing of the stream is lost.
func testReadTimeout(t *testing.T, e Engine) {
	for _, l := range links {
		t.Run(l.name, func(t *testing.T) {
			r := newRig(t, e, l.make)
			goOn := make(chan struct{})
			r.peer(func(far net.Conn) error {
				if _, err := io.WriteString(far, "9\r\nhalf"); err != nil {
					return err
				}
				<-goOn
				_, err := io.WriteString(far, " way\n\r\n0\r\n\r\n")
				return err
			})
			in := r.inbound(engine.InConfig{Chunked: true})
			in.SetTimeout(30 * time.Millisecond)
			_, err := in.Line()
			wantErr(t, "first try", err, os.ErrDeadlineExceeded)
			wantKind(t, err, "receive")
			close(goOn)

			in.SetTimeout(0)
			line, err := in.Line()
			if err != nil || string(line) != "half way" {
				t.Fatalf("second try: got line %.64q, error %v", line, err)
			}
		})
		t.Run(l.name+"/in mid-body", func(t *testing.T) {
			r := newRig(t, e, l.make)
			r.peer(func(far net.Conn) error { return stall(far, 2*mib) })
			in := r.inbound(engine.InConfig{Chunked: true})
			in.SetTimeout(100 * time.Millisecond)
			_, err := in.Body(context.Background(), 3*mib, &sink{}, md5.New())
			wantErr(t, "body", err, os.ErrDeadlineExceeded)
		})
	}
}

// stall sends a chunk that promises 16 MiB, n bytes of it, and waits for the
// connection's end, which may come first.
func stall(far net.Conn, n int64) error {
	_, _ = far.Write(append([]byte("1000000\r\n"), body(n)...))
	_, _ = far.Read(make([]byte, 1))
	return nil
}

var errStop = errors.New("told to stop")

// The end of a context, of the stream's or of a body's, and an interrupt end a
// blocked read with their cause, and the stream for good.
func testContext(t *testing.T, e Engine) {
	for _, l := range links {
		for _, n := range []int64{100, 3 * mib} {
			for _, row := range []struct {
				name string
				run  func(*rig, int64) (*engine.Inbound, error)
				want error
			}{
				{"stream", cancelStream, errStop},
				{"body", cancelBody, errStop},
				{"interrupt", interruptBody, engine.ErrInterrupted},
			} {
				t.Run(l.name+"/"+row.name, func(t *testing.T) {
					r := newRig(t, e, l.make)
					r.peer(func(far net.Conn) error { return stall(far, n/2) })
					in, err := row.run(r, n)
					wantErr(t, "body", err, row.want)
					wantKind(t, err, "receive")
					_, err = in.Line()
					wantErr(t, "line after it", err, row.want)
				})
			}
		}
	}
}

func cancelStream(r *rig, n int64) (*engine.Inbound, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	in := r.inboundWith(ctx, engine.InConfig{Chunked: true})
	return in, during(func() { cancel(errStop) }, func() error {
		_, err := in.Body(ctx, n, &sink{}, md5.New())
		return err
	})
}

func cancelBody(r *rig, n int64) (*engine.Inbound, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	in := r.inbound(engine.InConfig{Chunked: true})
	return in, during(func() { cancel(errStop) }, func() error {
		_, err := in.Body(ctx, n, &sink{}, md5.New())
		return err
	})
}

func interruptBody(r *rig, n int64) (*engine.Inbound, error) {
	in := r.inbound(engine.InConfig{Chunked: true})
	return in, during(in.Interrupt, func() error {
		_, err := in.Body(context.Background(), n, &sink{}, md5.New())
		return err
	})
}

// during runs meddle while op is under way and returns op's error.
func during(meddle func(), op func() error) error {
	meddled := make(chan struct{})
	go func() {
		defer close(meddled)
		time.Sleep(20 * time.Millisecond) // let op block
		meddle()
	}()
	err := op()
	<-meddled
	return err
}
