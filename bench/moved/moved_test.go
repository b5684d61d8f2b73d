package moved_test

import (
	"net"
	"testing"

	"github.com/ringsync/ringsync/bench/moved"
)

// Bodies arrive, the last one shorter, as many bytes as there were to be.
func TestMoved(t *testing.T) {
	for _, n := range []int64{1, 4096, 64<<20 + 12345} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		landed := make(chan error, 1)
		var got moved.Result
		go func() {
			var err error
			got, err = moved.Land(t.Context(), l, n)
			landed <- err
		}()
		sent, err := moved.Send(t.Context(), l.Addr().String(), n)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-landed; err != nil || got.Bytes != n || sent.Bytes != n || sent.Seconds <= 0 {
			t.Errorf("%d bytes: %v, sent %+v, landed %+v", n, err, sent, got)
		}
	}
}
