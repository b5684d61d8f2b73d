package ssync

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// FuzzSubrequestHead shows that a subrequest's head reads the same however it
// arrives; that what is accepted names an object that was asked for, has a length
// that fits its verb, and headers of a bounded number and no doubles; and that the
// checks behind it accept no time that is none.
func FuzzSubrequestHead(f *testing.F) {
	const name = "/a/c/o"
	f.Add([]byte("PUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nETag: \"x\"\r\nX-Timestamp: 1700000001.00000\r\n\r\n"), uint8(3))
	f.Add([]byte("DELETE /a/c/o\nX-Timestamp: 1\n\n"), uint8(1))
	f.Add([]byte("POST /a/c/%6f\r\nX-Timestamp: 5\r\nx-timestamp: 6\r\nX-Delete-At: 7 \r\n\r\n"), uint8(9))
	pool, err := buffer.New(buffer.Config{Bytes: 4096, Count: 4})
	if err != nil {
		f.Fatal(err)
	}
	s := storetest.New(f)
	receiver, err := NewReceiver(ReceiverConfig{Store: s, Pool: pool, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	read := func(t *testing.T, head []byte, piece int) (*subrequest, error) {
		in, err := engine.NewInbound(context.Background(), pieces{r: bytes.NewReader(head), n: piece}, engine.InConfig{Pool: pool, Length: int64(len(head))})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		session := &reception{Receiver: receiver, dialect: modern{}, in: in, wanted: []proto.Wanted{{Hash: storetest.Hash(name), Data: true}}}
		line, err := session.line("updates line")
		if err != nil {
			return nil, err
		}
		return session.readHead(bytes.Clone(line))
	}
	f.Fuzz(func(t *testing.T, head []byte, piece uint8) {
		whole, err := read(t, head, len(head)+1)
		inPieces, err2 := read(t, head, int(piece)%16+1)
		if whole != nil && inPieces != nil {
			inPieces.began = whole.began
		}
		if (err == nil) != (err2 == nil) || err == nil && !cmp.Equal(whole, inPieces, cmp.AllowUnexported(subrequest{})) {
			t.Fatalf("whole: %+v, %v\nin pieces: %+v, %v", whole, err, inPieces, err2)
		}
		if err != nil {
			return
		}
		put := whole.method == "PUT"
		if whole.name != name || put && whole.length < 0 || !put && whole.length > 0 || len(whole.md) > maxHeaders {
			t.Fatalf("%q became %+v", head, whole)
		}
		seen := map[string]bool{}
		for _, field := range whole.md {
			if seen[field.Key] || strings.ContainsAny(field.Key+field.Value, "\r\n") && !strings.Contains(string(head), "\r") {
				t.Fatalf("%q became %+v", head, whole.md)
			}
			seen[field.Key] = true
		}
		if whole.validate(1<<30) == nil {
			if again, err := proto.ParseTimestamp(whole.ts.Internal()); err != nil || again != whole.ts {
				t.Fatalf("%q is of time %v", head, whole.ts)
			}
		}
	})
}

// pieces is a connection that gives a few bytes at a time.
type pieces struct {
	net.Conn
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error)        { return p.r.Read(b[:min(len(b), p.n)]) }
func (p pieces) SetReadDeadline(t time.Time) error { return nil }
