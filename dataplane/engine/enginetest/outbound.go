package enginetest

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// recorder is a connection that keeps each write apart.
type recorder struct {
	net.Conn
	writes []string
}

func (c *recorder) Write(p []byte) (int, error) {
	c.writes = append(c.writes, string(p))
	return len(p), nil
}

// Pieces are packed into chunks, one write for each; nothing pending sends
// nothing; the last chunk travels with what is pending.
func testOutboundWire(t *testing.T, e Engine) {
	text := func(s string) func(*engine.Outbound) error {
		return func(o *engine.Outbound) error { return o.Text([]byte(s)) }
	}
	word := func(s string, atMost int) func(*engine.Outbound) error {
		return func(o *engine.Outbound) error {
			return o.Append(func(dst []byte) []byte { return append(dst, s...) }, atMost)
		}
	}
	from := func(s string, off, n int64) func(*engine.Outbound) error {
		return func(o *engine.Outbound) error {
			_, err := o.Body(source{[]byte(s), -1}, off, n, nil)
			return err
		}
	}
	flush, end := (*engine.Outbound).Flush, (*engine.Outbound).End

	for _, row := range []struct {
		name  string
		raw   bool
		steps []func(*engine.Outbound) error
		want  []string
	}{
		{"nothing", false, []func(*engine.Outbound) error{flush, flush}, nil},
		{"end alone", false, []func(*engine.Outbound) error{end}, []string{"0\r\n\r\n"}},
		{"packed", false, []func(*engine.Outbound) error{text("ab"), word("cd", 4), from("xefx", 1, 2), flush},
			[]string{"6\r\nabcdef\r\n"}},
		{"last with pending", false, []func(*engine.Outbound) error{text("ab"), end}, []string{"2\r\nab\r\n0\r\n\r\n"}},
		{"full goes at once", false, []func(*engine.Outbound) error{text("0123456789abcdef")}, []string{"10\r\n0123456789abcdef\r\n"}},
		{"text over chunks", false, []func(*engine.Outbound) error{text("0123456789abcdef0123456789abcdefXY"), flush},
			[]string{"10\r\n0123456789abcdef\r\n", "10\r\n0123456789abcdef\r\n", "2\r\nXY\r\n"}},
		{"body over chunks", false, []func(*engine.Outbound) error{text("abc"), from("0123456789ABCDEF", 0, 16), end},
			[]string{"10\r\nabc0123456789ABC\r\n", "3\r\nDEF\r\n0\r\n\r\n"}},
		{"append needs room", false, []func(*engine.Outbound) error{text("0123456789"), word("ab", 8), flush},
			[]string{"a\r\n0123456789\r\n", "2\r\nab\r\n"}},
		{"append fills exactly", false, []func(*engine.Outbound) error{text("01234567"), word("89abcdef", 8), flush},
			[]string{"10\r\n0123456789abcdef\r\n"}},
		{"append outgrows", false, []func(*engine.Outbound) error{text("01234567"), word("89abcdefXY", 8), flush},
			[]string{"10\r\n0123456789abcdef\r\n", "2\r\nXY\r\n"}},
		{"raw", true, []func(*engine.Outbound) error{text("ab"), flush, flush, text("cd"), end}, []string{"ab", "cd"}},
		{"raw end alone", true, []func(*engine.Outbound) error{end}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, e, links[1].make)
			conn := &recorder{Conn: r.near}
			out := r.outbound(conn, engine.OutConfig{ChunkBytes: 16, Raw: row.raw})
			for _, step := range row.steps {
				must(t, step(out))
			}
			if diff := cmp.Diff(row.want, conn.writes); diff != "" {
				t.Error(diff)
			}
			if got, want := out.Sent(), len(strings.Join(row.want, "")); got != int64(want) || out.Pending() != 0 {
				t.Errorf("sent %d, pending %d; want %d and 0", got, out.Pending(), want)
			}
		})
	}
}

// A head that is larger than announced, and than a chunk, arrives whole.
func testAppendOutgrown(t *testing.T, e Engine) {
	for _, n := range []int{65536, 65537, mib, 3*mib + 1} {
		r := newRig(t, e, links[1].make)
		conn := &recorder{Conn: r.near}
		out := r.outbound(conn, engine.OutConfig{Raw: true})
		want := body(int64(n))
		must(t, out.Text([]byte("x")))
		must(t, out.Append(func(dst []byte) []byte { return append(dst, want...) }, 65536))
		must(t, out.Append(func([]byte) []byte { return []byte("foreign slice") }, 64))
		must(t, out.End())
		wantBytes(t, []byte(strings.Join(conn.writes, "")), append(append([]byte("x"), want...), "foreign slice"...))
		wantErr(t, "text after the end", out.Text(want), engine.ErrEnded)
	}
}

// A disk that fails or is short spoils the stream, and is not taken for the
// connection.
func testSourceFails(t *testing.T, e Engine) {
	for _, row := range []struct {
		name string
		src  source
		sent int64
		want error
	}{
		{"at once", source{body(3 * mib), 0}, 0, errDisk},
		{"in mid-body", source{body(3 * mib), mib + 5}, mib + 5, errDisk},
		{"short", source{body(mib + 9), -1}, mib + 9, io.ErrUnexpectedEOF},
		{"empty", source{nil, -1}, 0, io.ErrUnexpectedEOF},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, e, links[1].make)
			out := r.outbound(&recorder{Conn: r.near}, engine.OutConfig{})
			sent, err := out.Body(row.src, 0, 3*mib, nil)
			if _, ok := err.(*engine.SourceError); !ok || sent != row.sent {
				t.Fatalf("sent %d with error %v, want %d and a SourceError", sent, err, row.sent)
			}
			wantErr(t, "body", err, row.want)
			wantErr(t, "flush after it", out.Flush(), row.want)
			wantErr(t, "end after it", out.End(), row.want)
		})
	}
}

// A peer that hangs up, one that stops reading, and an interrupt in the middle
// of a write end a send, each with its own name, for good.
func testSendFails(t *testing.T, e Engine) {
	more := source{make([]byte, 64*mib), -1} // than any socket buffers
	for _, l := range links {
		for _, row := range []struct {
			name    string
			timeout time.Duration
			meddle  func(*rig, *engine.Outbound)
			want    error // nil: whatever the system calls it
		}{
			{"peer gone", 0, func(r *rig, _ *engine.Outbound) { r.far.Close() }, nil},
			{"timeout", 50 * time.Millisecond, func(*rig, *engine.Outbound) {}, os.ErrDeadlineExceeded},
			{"interrupt", 0, func(_ *rig, o *engine.Outbound) { o.Interrupt() }, engine.ErrInterrupted},
			{"interrupt under a timeout", patience, func(_ *rig, o *engine.Outbound) { o.Interrupt() }, engine.ErrInterrupted},
		} {
			t.Run(l.name+"/"+row.name, func(t *testing.T) {
				r := newRig(t, e, l.make)
				out := r.outbound(r.near, engine.OutConfig{WriteTimeout: row.timeout})
				meddled := make(chan struct{})
				go func() {
					defer close(meddled)
					time.Sleep(20 * time.Millisecond) // let the write block
					row.meddle(r, out)
				}()
				_, err := out.Body(more, 0, 64*mib, nil)
				<-meddled
				wantKind(t, err, "send")
				if row.want != nil {
					wantErr(t, "body", err, row.want)
				}
				if again := out.Text([]byte("x")); again != err {
					t.Errorf("text after it: got %v, want %v", again, err)
				}
			})
		}
	}
	t.Run("interrupt before", func(t *testing.T) {
		r := newRig(t, e, tcpPair)
		out := r.outbound(r.near, engine.OutConfig{WriteTimeout: patience})
		out.Interrupt()
		must(t, out.Text(bytes.Repeat([]byte("x"), 10)))
		wantErr(t, "flush", out.Flush(), engine.ErrInterrupted)
	})
	t.Run("closed", func(t *testing.T) {
		r := newRigWith(t, e, tcpPair, buffer.Config{Count: 1})
		out := r.outbound(r.near, engine.OutConfig{})
		out.Close()
		out.Close()
		wantErr(t, "text", out.Text([]byte("x")), engine.ErrClosed)
		wantErr(t, "end", out.End(), engine.ErrClosed)
	})
}
